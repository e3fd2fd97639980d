"""Adapter: thresholds of one model, put to another."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.detect import write_transfer

    write_transfer(
        models=snakemake.params.models,
        settings=snakemake.params.settings,
        out=Path(snakemake.output[0]),
    )
