"""Stage `retrieve`: of every video the corpus clips that resemble it most, by content and by motion.

The same search serves the null distribution: there the videos are clips that can't be copies, held-out ones or the
corpus' own with each clip's relatives left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import faiss

from vidmem import tables
from vidmem.progress import progress
from vidmem.retrieve.content import content_matches
from vidmem.retrieve.content_row import ContentSettings
from vidmem.retrieve.library import Library, load_library
from vidmem.retrieve.motion import Background, MotionSettings, motion_matches, motion_vectors_of

MAX_BACKGROUND = 256  # clips; more would cost time and change the normalisation little


def retrieve(
    *,
    frames: Sequence[Path],
    flow: Sequence[Path],
    corpus_frames: Sequence[Path],
    corpus_flow: Sequence[Path],
    background_frames: Sequence[Path],
    background_flow: Sequence[Path],
    own: Mapping[str, Set[str]],
    excluded: Mapping[str, Set[str]],
    settings: Mapping[str, Any],
    threads: int,
    out: Path,
) -> None:
    """Write `tables.MATCHES`: of each video its best matches, and its prompt's own clips wherever they rank.

    `settings` is the dump of the config section plus `floor`, `grid`, `rate_hz`, `frame_rate_hz` and `match_from`. Corpus tables are read one chunk
    after the other.
    """
    faiss.omp_set_num_threads(threads)
    videos = load_library(frames)
    rows = content_matches(
        videos,
        _chunks(corpus_frames, "content search"),
        load_library(background_frames),
        ContentSettings(
            segment=int(settings["segment"]),
            match_from=float(settings["match_from"]),
            rate_hz=float(settings["frame_rate_hz"]),
            top_k=int(settings["top_k"]),
        ),
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
