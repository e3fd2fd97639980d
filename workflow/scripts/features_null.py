"""Adapter: features of clips that can't be copies, passed through a model's output format."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.features import null_clips, usual_format, write_features

    write_features(
        null_clips(Path(snakemake.input.manifest[0])),
        root=snakemake.params.root,
        settings=snakemake.params.settings,
        threads=snakemake.threads,
        outputs={name: Path(path) for name, path in snakemake.output.items()},
        fmt=usual_format([Path(p) for p in snakemake.input.videos]),
    )
