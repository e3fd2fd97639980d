"""Adapter: verdicts of one model against planted truth."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.truth import write_truth

    replay = [Path(p) for p in snakemake.input.replay] if snakemake.input.get("replay") else []
    write_truth(
        metrics=Path(snakemake.input.metrics),
        videos=[Path(p) for p in snakemake.input.videos],
        prompts=Path(snakemake.input.prompts),
        corpus_truth=Path(snakemake.input.made) / "truth.csv",
        replay=replay[0] / "truth.csv" if replay else None,
        settings=snakemake.params.settings,
        out=Path(snakemake.output[0]),
    )
