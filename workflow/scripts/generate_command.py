"""Adapter: have one chunk of a model's videos made by the user's command."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.config.media import Limits
    from vidmem.generate.asked import asked
    from vidmem.generate.command import command_chunk

    given, params, settings = snakemake.input, snakemake.params, snakemake.params.settings
    prompts, images = asked(settings, given.prompts, params.numbers, given.manifest, params.images_root)
    command_chunk(
        prompts,
        snakemake.wildcards.model,
        settings["model"],
        Limits(**settings["limits"]),
        Path(snakemake.output.shard),
        Path(snakemake.output.videos),
        Path(snakemake.output.signals),
        Path(params.partial),
        made_by={"settings": settings},
        max_loss=settings["max_loss"],
        images=images,
    )
