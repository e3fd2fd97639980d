"""Adapter: make a model whose memorisation is known."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.generate.known.build import build_known

    made, model = Path(snakemake.input.made), snakemake.params.settings["model"]
    build_known(
        model["kind"],
        snakemake.wildcards.model,
        model,
        Path(snakemake.input.prompts),
        dict(zip(snakemake.params.sides, map(Path, snakemake.input.manifests), strict=True)),
        {side: made / side for side in snakemake.params.sides},
        made / "truth.csv",
        Path(snakemake.output[0]),
        threads=snakemake.params.threads,
    )
