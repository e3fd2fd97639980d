"""Adapter: this audit's rows of the table model x dataset."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.report.dataset import dataset_from_plan

    dataset_from_plan(
        audit=snakemake.wildcards.audit,
        models=snakemake.params.models,
        metrics=snakemake.input.metrics,
        detect=snakemake.input.detect,
        settings=snakemake.params.settings,
        out=Path(snakemake.output[0]),
    )
