"""Adapter: other words for the prompts of one chunk."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.mitigate import write_reworded

    write_reworded(Path(snakemake.input[0]), snakemake.params.settings, Path(snakemake.output[0]))
