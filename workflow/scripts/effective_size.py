"""Adapter: how many distinct clips the planted models memorise."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.truth import write_effective_size

    write_effective_size(
        families=snakemake.params.families,
        metrics=[Path(p) for p in snakemake.input],
        settings=snakemake.params.settings,
        out=Path(snakemake.output[0]),
    )
