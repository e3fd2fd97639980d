"""Adapter: read a folder of clips and its captions into a manifest."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.corpus import write_manifest

    write_manifest(Path(snakemake.params.folder), snakemake.params.settings, Path(snakemake.output[0]))
