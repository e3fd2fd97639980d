"""Adapter: features of clips that the corpus lacks, at the quality in which the corpus is shown."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.features import null_clips, write_features

    write_features(
        null_clips(Path(snakemake.input.manifest[0])),
        root=snakemake.params.root,
        settings=snakemake.params.settings,
        threads=snakemake.threads,
        outputs={name: Path(path) for name, path in snakemake.output.items()},
    )
