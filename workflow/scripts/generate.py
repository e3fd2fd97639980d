"""Adapter: sample one chunk of a model's videos."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.generate.run import generate_chunk
    from vidmem.tables import read_table

    params, settings = snakemake.params, snakemake.params.settings
    generate_chunk(
        read_table(snakemake.input.prompts).to_dicts(),
        snakemake.wildcards.model,
        {**settings["model"], "crf": settings["crf"], "batch_size": settings["batch_size"]},
        params.source,
        Path(snakemake.output.shard),
        Path(snakemake.output.videos),
        Path(snakemake.output.signals),
        Path(params.partial),
        threads=params.threads,
        made_by={"settings": settings},
        max_loss=settings["max_loss"],
    )
