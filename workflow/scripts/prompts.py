"""Adapter: curate prompts."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.prompts import write_prompts

    duplicates, heldout = (next(map(Path, snakemake.input.get(name) or []), None) for name in ("duplicates", "heldout"))
    write_prompts(
        corpus=Path(snakemake.input.corpus),
        duplicates=duplicates,
        heldout=heldout,
        settings=snakemake.params.settings,
        out=Path(snakemake.output.table),
        chunks=dict(zip(snakemake.params.chunks, map(Path, snakemake.output.chunks), strict=True)),
    )
