"""Adapter: what stands more than once in the corpus."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.duplicates import write_duplicates

    write_duplicates(
        manifest=Path(snakemake.input.manifest),
        frames=[Path(p) for p in snakemake.input.frames],
        flow=[Path(p) for p in snakemake.input.flow],
        items=[Path(p) for p in snakemake.input.status],
        settings=snakemake.params.settings,
        threads=snakemake.params.threads,
        out=Path(snakemake.output[0]),
    )
