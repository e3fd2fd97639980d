"""Adapter: search indices of one chunk of the corpus."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.retrieve import write_indices

    write_indices(
        Path(snakemake.input.frames),
        Path(snakemake.input.flow),
        snakemake.params.settings,
        content_out=Path(snakemake.output.content),
        motion_out=Path(snakemake.output.motion),
    )
