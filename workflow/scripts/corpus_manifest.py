"""Adapter: put the parts of a corpus' manifest together."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.corpus import write_manifest

    parts = [Path(part) for part in snakemake.input]
    write_manifest(parts, snakemake.params.settings["max_loss"], Path(snakemake.output[0]))
