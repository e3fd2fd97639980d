"""Adapter: passes of one chunk's prompts over pure noise."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.generate.extra_passes import write_passes
    from vidmem.generate.fetch import locate
    from vidmem.tables import read_table

    given, params, settings = snakemake.input, snakemake.params, snakemake.params.settings
    write_passes(
        read_table(given.prompts).to_dicts(),
        snakemake.wildcards.model,
        {**settings["model"], "batch_size": settings["batch_size"]},
        settings["extra"],
        locate(params.source, given.weights),
        Path(snakemake.output[0]),
        threads=params.threads,
        max_loss=params.max_loss,
        made_by={"settings": settings},
    )
