"""Adapter: scores of clips that can't be copies against the corpus."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.retrieve import excluded_clips, retrieve

    settings = snakemake.params.settings
    corpus_frames = [Path(p) for p in snakemake.input.corpus_frames]
    retrieve(
        frames=[Path(snakemake.input.frames)],
        flow=[Path(snakemake.input.flow)],
        corpus_frames=corpus_frames,
        corpus_flow=[Path(p) for p in snakemake.input.corpus_flow],
        background_frames=[Path(snakemake.input.frames)],
        background_flow=[Path(snakemake.input.flow)],
        own={},
        excluded=excluded_clips(Path(snakemake.input.manifest), corpus_frames, settings),
        settings=settings,
        threads=snakemake.params.threads,
        out=Path(snakemake.output[0]),
    )
