"""Adapter: scores of clips that can't be copies against the corpus."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.retrieve import alike_clips, excluded_clips, retrieve

    given, settings = snakemake.input, snakemake.params.settings
    corpus_frames = [Path(p) for p in given.corpus_frames]
    corpus_flow = [Path(p) for p in given.corpus_flow]
    background_frames = [Path(p) for p in given.background_frames] or corpus_frames
    background_flow = [Path(p) for p in given.background_flow] or corpus_flow
    retrieve(
        frames=[Path(given.frames)],
        flow=[Path(given.flow)],
        corpus_frames=corpus_frames,
        corpus_flow=corpus_flow,
        background_frames=background_frames,
        background_flow=background_flow,
        own={},
        excluded=excluded_clips(Path(given.manifest), corpus_frames, settings),
        alike=alike_clips(background_frames, background_flow, settings),
        settings=settings,
        threads=snakemake.params.threads,
        out=Path(snakemake.output[0]),
        content_indices=[Path(p) for p in given.content_indices],
        motion_indices=[Path(p) for p in given.motion_indices],
    )
