"""Adapter: write the report."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.report.stage import report_from_plan

    report_from_plan(
        audit=snakemake.wildcards.audit,
        files=snakemake.params.files,
        settings=snakemake.params.settings,
        manifest=Path(snakemake.input.manifest),
        prompts=Path(snakemake.input.prompts),
        out=Path(snakemake.output.page),
        summary=Path(snakemake.output.summary),
        parts={".svg": Path(snakemake.output.figures), ".csv": Path(snakemake.output.tables)},
    )
