"""Adapter: make a folder of originals, degraded copies and unrelated clips."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.generate.known.replay import make_replay

    made = Path(snakemake.input.made)
    make_replay(
        dict(zip(snakemake.params.sides, map(Path, snakemake.input.manifests), strict=True)),
        {side: made / side for side in snakemake.params.sides},
        made / "truth.csv",
        snakemake.params.settings["model"],
        Path(snakemake.output[0]),
        threads=snakemake.threads,
    )
