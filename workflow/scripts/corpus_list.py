"""Adapter: list what a corpus holds."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.corpus import write_listing

    params = snakemake.params
    write_listing(params.settings["sources"], params.joined, Path(snakemake.output[0]))
