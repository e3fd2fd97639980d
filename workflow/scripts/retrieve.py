"""Adapter: search the corpus for what a model made."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.retrieve import own_clips, relatives, retrieve

    settings = snakemake.params.settings
    corpus_frames = [Path(p) for p in snakemake.input.corpus_frames]
    excluded = {}
    if settings["corpus_is_null"]:
        excluded = relatives(Path(snakemake.input.manifest), corpus_frames, settings["duplicate_from"])
    retrieve(
        frames=[Path(p) for p in snakemake.input.frames],
        flow=[Path(p) for p in snakemake.input.flow],
        corpus_frames=corpus_frames,
        corpus_flow=[Path(p) for p in snakemake.input.corpus_flow],
        background_flow=[Path(snakemake.input.background_flow)],
        own=own_clips([Path(p) for p in snakemake.input.videos], Path(snakemake.input.manifest)),
        excluded=excluded,
        settings=settings,
        threads=snakemake.params.threads,
        out=Path(snakemake.output[0]),
    )
