"""Adapter: list one chunk of a folder of generated videos."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.config.media import Limits
    from vidmem.generate.folder import write_chunk

    params, chunks = snakemake.params, snakemake.params.chunks
    write_chunk(
        Path(params.folder),
        Path(params.prompts) if params.prompts else None,
        Limits(**params.settings["limits"]),
        snakemake.wildcards.model,
        chunks.index(snakemake.wildcards.chunk),
        len(chunks),
        Path(snakemake.output.videos),
        Path(snakemake.output.signals),
        max_loss=params.settings["max_loss"],
    )
