"""Adapter: sample one chunk of a model's videos."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.generate.asked import asked
    from vidmem.generate.fetch import locate
    from vidmem.generate.run import generate_chunk

    given, params, settings = snakemake.input, snakemake.params, snakemake.params.settings
    prompts, images = asked(settings, given.prompts, params.numbers, given.manifest, params.images_root)
    references = [(Path(p), params.references_root) for p in given.references]
    generate_chunk(
        prompts,
        snakemake.wildcards.model,
        {**settings["model"], **{key: settings[key] for key in ("crf", "batch_size", "signals")}},
        locate(params.source, given.weights),
        Path(snakemake.output.shard),
        Path(snakemake.output.videos),
        Path(snakemake.output.signals),
        Path(params.partial),
        threads=params.threads,
        made_by={"settings": settings},
        max_loss=settings["max_loss"],
        images=images,
        references=references,
    )
