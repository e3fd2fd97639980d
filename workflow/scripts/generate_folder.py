"""Adapter: list one chunk of a folder of generated videos."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.generate.folder import write_chunk

    write_chunk(
        folder=Path(snakemake.params.folder),
        prompts=Path(snakemake.params.prompts) if snakemake.params.prompts else None,
        model=snakemake.wildcards.model,
        chunk=snakemake.params.chunks.index(snakemake.wildcards.chunk),
        settings=snakemake.params.settings,
        out_videos=Path(snakemake.output.videos),
        out_signals=Path(snakemake.output.signals),
    )
