"""Adapter: scores of clips that can't be copies against the corpus."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.retrieve import relatives, retrieve

    settings = snakemake.params.settings
    corpus_frames = [Path(p) for p in snakemake.input.corpus_frames]
    excluded = {}
    if settings["corpus_is_null"]:
        excluded = relatives(Path(snakemake.input.manifest), corpus_frames, settings["duplicate_from"])
    retrieve(
        frames=[Path(snakemake.input.frames)],
        flow=[Path(snakemake.input.flow)],
        corpus_frames=corpus_frames,
        corpus_flow=[Path(p) for p in snakemake.input.corpus_flow],
        background_flow=[Path(snakemake.input.flow)],
        own={},
        excluded=excluded,
        settings=settings,
        threads=snakemake.params.threads,
        out=Path(snakemake.output[0]),
    )
