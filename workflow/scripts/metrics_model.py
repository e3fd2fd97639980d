"""Adapter: scores and verdicts of one model."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.metrics import write_metrics

    write_metrics(
        videos=[Path(p) for p in snakemake.input.videos],
        items=[Path(p) for p in snakemake.input.status],
        frames=[Path(p) for p in snakemake.input.frames],
        flow=[Path(p) for p in snakemake.input.flow],
        matches=Path(snakemake.input.matches),
        null_matches=Path(snakemake.input.null_matches),
        prompts=Path(snakemake.input.prompts),
        settings=snakemake.params.settings,
        out=Path(snakemake.output[0]),
    )
