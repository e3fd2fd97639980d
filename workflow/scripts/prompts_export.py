"""Adapter: write the prompts as a data set."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.prompts.export import export_prompts

    export_prompts(Path(snakemake.input[0]), Path(snakemake.output[0]))
