"""Adapter: detectors of one model."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.detect import write_detect

    write_detect(
        signals=[Path(p) for p in snakemake.input.signals],
        metrics=Path(snakemake.input.metrics),
        passes=[Path(p) for p in snakemake.input.passes],
        settings=snakemake.params.settings,
        out=Path(snakemake.output[0]),
    )
