"""Adapter: search the corpus for what a model made."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.retrieve import excluded_clips, own_clips, retrieve

    given, settings = snakemake.input, snakemake.params.settings
    corpus_frames = [Path(p) for p in given.corpus_frames]
    corpus_flow = [Path(p) for p in given.corpus_flow]
    retrieve(
        frames=[Path(p) for p in given.frames],
        flow=[Path(p) for p in given.flow],
        corpus_frames=corpus_frames,
        corpus_flow=corpus_flow,
        background_frames=[Path(p) for p in given.background_frames] or corpus_frames,
        background_flow=[Path(p) for p in given.background_flow] or corpus_flow,
        own=own_clips([Path(p) for p in given.videos], Path(given.manifest)),
        excluded=excluded_clips(Path(given.manifest), corpus_frames, settings),
        settings=settings,
        threads=snakemake.params.threads,
        out=Path(snakemake.output[0]),
        content_indices=[Path(p) for p in given.content_indices],
        motion_indices=[Path(p) for p in given.motion_indices],
    )
