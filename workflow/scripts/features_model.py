"""Adapter: features of one chunk of a model's videos."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.features import write_features
    from vidmem.tables import read_table

    write_features(
        read_table(snakemake.input.videos),
        root=Path(snakemake.params.root),
        settings=snakemake.params.settings,
        threads=snakemake.params.threads,
        outputs={name: Path(path) for name, path in snakemake.output.items()},
    )
