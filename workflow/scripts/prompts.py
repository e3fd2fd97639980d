"""Adapter: curate prompts."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.prompts import write_prompts

    heldout = [Path(p) for p in snakemake.input.heldout] if snakemake.input.get("heldout") else []
    write_prompts(
        corpus=Path(snakemake.input.corpus),
        heldout=next(iter(heldout), None),
        settings=snakemake.params.settings,
        out=Path(snakemake.output.table),
        chunks=dict(zip(snakemake.params.chunks, map(Path, snakemake.output.chunks), strict=True)),
    )
