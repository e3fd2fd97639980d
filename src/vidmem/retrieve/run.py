"""Stage `retrieve`: of every video the corpus clips that resemble it most, by content and by motion.

The same search serves the null distribution: there the videos are clips that can't be copies, held-out ones or the
corpus' own with each clip's relatives left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import faiss
import polars as pl

from vidmem import tables
from vidmem.progress import progress
from vidmem.retrieve.content import content_matches
from vidmem.retrieve.library import Library, load_library
from vidmem.retrieve.motion import Background, MotionSettings, motion_matches, motion_vectors_of
from vidmem.text import normalise_text

Related = dict[str, set[str]]
MAX_BACKGROUND = 256  # clips; more would cost time and change the normalisation little


def retrieve(
    *,
    frames: Sequence[Path],
    flow: Sequence[Path],
    corpus_frames: Sequence[Path],
    corpus_flow: Sequence[Path],
    background_flow: Sequence[Path],
    own: Mapping[str, Set[str]],
    excluded: Mapping[str, Set[str]],
    settings: Mapping[str, Any],
    threads: int,
    out: Path,
) -> None:
    """Write `tables.MATCHES`: of each video its best matches, and its prompt's own clips wherever they rank.

    `settings` is the dump of the config section plus `floor`, `grid` and `rate_hz`. Corpus tables are read one chunk
    after the other.
    """
    faiss.omp_set_num_threads(threads)
    videos = load_library(frames)
    rows = content_matches(
        videos,
        _chunks(corpus_frames, "content search"),
        top_k=int(settings["top_k"]),
        segment=int(settings["segment"]),
        own=own,
        excluded=excluded,
    )
    motion = MotionSettings(
        window=int(settings["window"]),
        floor=float(settings["floor"]),
        grid=int(settings["grid"]),
        rate_hz=float(settings["rate_hz"]),
        top_k=int(settings["top_k"]),
        candidates=int(settings["candidates"]),
    )
    rows += motion_matches(
        load_library(flow),
        _chunks(corpus_flow, "motion search"),
        _background(background_flow, motion.grid),
        motion,
        own=own,
        excluded=excluded,
    )
    tables.write_table(out, rows, tables.MATCHES, {"settings": dict(settings)})


def _chunks(paths: Sequence[Path], what: str) -> Iterator[Library]:
    for path in progress(paths, len(paths), what):
        yield load_library(path)


def _background(paths: Sequence[Path], grid: int) -> Background:
    library = load_library(paths)
    vectors = motion_vectors_of(library, grid)
    step = max(1, -(-len(library) // MAX_BACKGROUND))
    return Background(library.ids[::step], vectors[::step])


def own_clips(videos: Sequence[Path], prompts: Path) -> Related:
    """video_id -> the corpus clips that bear the video's prompt as their caption."""
    sources = {r["prompt_id"]: set(r["source_ids"]) for r in tables.read_table(prompts).iter_rows(named=True)}
    rows = tables.read_table(videos).iter_rows(named=True)
    return {r["video_id"]: sources[r["prompt_id"]] for r in rows if sources.get(r["prompt_id"])}


def relatives(manifest: Path) -> Related:
    """item_id -> clips that are known to be related to it: itself, the same bytes, the same caption.

    Used where the corpus is its own null distribution: a clip's score against itself or a known duplicate is not one
    of an unrelated clip.
    """
    frame = tables.read_table(manifest).filter(pl.col("status") == tables.OK)
    by_caption: dict[str, set[str]] = defaultdict(set)
    for row in frame.iter_rows(named=True):
        by_caption[normalise_text(row["caption"] or "") or f"\x00{row['same_as']}"].add(row["same_as"])
    related: Related = defaultdict(set)
    for row in frame.iter_rows(named=True):
        group = by_caption[normalise_text(row["caption"] or "") or f"\x00{row['same_as']}"]
        related[row["same_as"]] |= group | {row["same_as"]}
    return dict(related)
