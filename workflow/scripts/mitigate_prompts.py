"""Adapter: choose the prompts of a model that are asked again under remedies."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.mitigate import write_choice

    write_choice(
        metrics=Path(snakemake.input.metrics),
        prompts=Path(snakemake.input.prompts),
        settings=snakemake.params.settings,
        out=Path(snakemake.output.table),
        chunks=dict(zip(snakemake.params.chunks, map(Path, snakemake.output.chunks), strict=True)),
    )
