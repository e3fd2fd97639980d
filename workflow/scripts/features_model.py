"""Adapter: features of one chunk of a model's videos."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.features import model_videos, write_features

    root = Path(snakemake.params.root)
    write_features(
        model_videos(Path(snakemake.input.videos), root),
        root=root,
        settings=snakemake.params.settings,
        threads=snakemake.threads,
        outputs={name: Path(path) for name, path in snakemake.output.items()},
    )
