"""Adapter: what remedies did to a model's videos."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.mitigate import write_comparison

    made = [Path(p) for p in snakemake.input.made]
    write_comparison(
        files=snakemake.params.files,
        settings=snakemake.params.settings,
        manifest=Path(snakemake.input.manifest),
        corpus_frames=[Path(p) for p in snakemake.input.corpus_frames],
        truth=made[0] / "truth.csv" if made else None,
        out=Path(snakemake.output[0]),
    )
