"""Adapter: search the corpus for what a model made."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.retrieve import excluded_clips, own_clips, retrieve

    settings = snakemake.params.settings
    corpus_frames = [Path(p) for p in snakemake.input.corpus_frames]
    retrieve(
        frames=[Path(p) for p in snakemake.input.frames],
        flow=[Path(p) for p in snakemake.input.flow],
        corpus_frames=corpus_frames,
        corpus_flow=[Path(p) for p in snakemake.input.corpus_flow],
        background_frames=[Path(p) for p in snakemake.input.background_frames],
        background_flow=[Path(p) for p in snakemake.input.background_flow],
        own=own_clips([Path(p) for p in snakemake.input.videos], Path(snakemake.input.manifest)),
        excluded=excluded_clips(Path(snakemake.input.manifest), corpus_frames, settings),
        settings=settings,
        threads=snakemake.params.threads,
        out=Path(snakemake.output[0]),
        content_indices=[Path(p) for p in snakemake.input.content_indices],
        motion_indices=[Path(p) for p in snakemake.input.motion_indices],
    )
