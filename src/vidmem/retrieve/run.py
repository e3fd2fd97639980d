"""Stage `retrieve`: of every video the corpus clips that resemble it most, by content and by motion.

The same search serves the null distribution: there the videos are clips that can't be copies, held-out ones or the
corpus' own with each clip's relatives left out. The corpus is read one chunk after the other, once for every block of
videos; nothing is as large as the corpus or as all videos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import faiss

from vidmem import tables
from vidmem.progress import progress
from vidmem.retrieve.background import Background
from vidmem.retrieve.content import content_matches
from vidmem.retrieve.content_row import ContentSettings
from vidmem.retrieve.motion import MotionSettings, motion_matches
from vidmem.retrieve.refuse import Kind, check_background, check_engines, check_finite, short_clips
from vidmem.retrieve.shortlist import (
    Proposed,
    propose_content,
    propose_motion,
    recall,
    recall_sample,
    shortlisted,
)
from vidmem.search.library import Library, load_library, sample_library
from vidmem.search.moving import motion_vectors_of

Row = dict[str, Any]
Related = Mapping[str, Set[str]]
Search = Callable[..., list[Row]]  # (videos, corpus, own=) -> matches
MAX_BACKGROUND = 256  # clips; more would cost time and change the normalisation little
MOST_ROWS = 1 << 16  # frames, or fields of flow, of videos in memory at once: some 350 MB


@dataclass(frozen=True)
class Side:
    """Feature tables of one kind: of the videos, of the corpus by chunk, of the background; and the corpus' indices
    by chunk, none for an exact search."""

    kind: Kind
    videos: Sequence[Path]
    corpus: Sequence[Path]
    background: Sequence[Path]
    indices: Sequence[Path] = ()


@dataclass(frozen=True)
class Relations:
    """By video: its prompt's own clips, the clips that it is not held against, and those of the background."""

    own: Related
    excluded: Related
    background: Related


def retrieve(
    *,
    frames: Sequence[Path],
    flow: Sequence[Path],
    corpus_frames: Sequence[Path],
    corpus_flow: Sequence[Path],
    background_frames: Sequence[Path],
    background_flow: Sequence[Path],
    own: Related,
    excluded: Related,
    settings: Mapping[str, Any],
    threads: int,
    out: Path,
    alike: Related | None = None,
    content_indices: Sequence[Path] = (),
    motion_indices: Sequence[Path] = (),
) -> None:
    """Write `tables.MATCHES`: of each video its best matches, and its prompt's own clips wherever they rank.

    Nobody is held against the clips that `excluded` names, in the corpus or the background; `alike` names further
    clips of the background that a video is not held against (`alike_clips`, for null videos). `settings` is the dump
    of the config section plus `floor`, `grid`, `rate_hz`, `frame_rate_hz`, `match_from`, `moves_from`,
    `corpus_is_null` and `duplicate_from`. With indices (`write_indices`) only what they propose is compared; every
    score is exact all the same, and what they miss is measured and written into the table's metadata.

    Raises, before anything is written, `refuse.MixedEngines`, `refuse.NotFinite` and, unless the corpus is its own
    background, `refuse.BackgroundIntersects`.
    """
    faiss.omp_set_num_threads(threads)
    content = Side("frames", frames, corpus_frames, background_frames, content_indices)
    motion = Side("flow", flow, corpus_flow, background_flow, motion_indices)
    for side in (content, motion):
        check_engines([*side.corpus, *side.videos, *side.background], side.kind)
    related = Relations(own, excluded, _merged(excluded, alike or {}))
    rows, index = _content(content, settings, related)
    more, motion_index = _motion(motion, settings, related)
    made_by = {
        "settings": dict(settings),
        "index": {"kind": settings["index"], "content": index, "motion": motion_index},
        "short_corpus_clips": short_clips(corpus_frames, corpus_flow, int(settings["window"])),
    }
    tables.write_table(out, rows + more, tables.MATCHES, made_by)


def _merged(one: Related, other: Related) -> Related:
    return {key: {*one.get(key, ()), *other.get(key, ())} for key in {*one, *other}}


def _content(side: Side, settings: Mapping[str, Any], related: Relations) -> tuple[list[Row], Row]:
    # where the corpus is its own null, look-alikes of a clip stand in it: nothing there is unrelated
    apart = not settings["corpus_is_null"]
    background = _drawn(side) if apart else _load(side.background[:1], side.kind).take([])
    chosen = ContentSettings(
        segment=int(settings["segment"]),
        match_from=float(settings["match_from"]),
        rate_hz=float(settings["frame_rate_hz"]),
        top_k=int(settings["top_k"]),
    )
    search = partial(
        content_matches,
        background=background,
        settings=chosen,
        excluded=related.excluded,
        background_excluded=related.background,
    )

    def whole() -> Iterator[Library]:
        for path, chunk in _chunks(side):
            if apart:
                check_background(background, chunk, path, float(settings["duplicate_from"]))
            yield chunk

    def proposed(videos: Library) -> tuple[Proposed, Row]:
        wanted, nprobe = int(settings["candidates"]), int(settings["nprobe"])
        found, said = propose_content(videos, side.indices, wanted, nprobe, related.excluded)
        return found, {**said, "d1_d2": "among the proposed clips"}

    return _found(side, search, whole, proposed, related.own)


def _motion(side: Side, settings: Mapping[str, Any], related: Relations) -> tuple[list[Row], Row]:
    chosen = MotionSettings(
        window=int(settings["window"]),
        floor=float(settings["floor"]),
        grid=int(settings["grid"]),
        rate_hz=float(settings["rate_hz"]),
        top_k=int(settings["top_k"]),
        candidates=int(settings["candidates"]),
        speeds=tuple(settings["speeds"]),
    )
    drawn = _drawn(side)
    background = Background(drawn.ids, motion_vectors_of(drawn, chosen.grid))
    search = partial(
        motion_matches,
        background=background,
        settings=chosen,
        excluded=related.excluded,
        background_excluded=related.background,
    )

    def proposed(videos: Library) -> tuple[Proposed, Row]:
        return propose_motion(
            videos.ids,
            [x for s in chosen.speeds for x in motion_vectors_of(videos, chosen.grid, s, chosen.rate_hz)],
            [*range(len(videos))] * len(chosen.speeds),
            side.indices,
            chosen.candidates,
            int(settings["nprobe"]),
            related.excluded,
            window=chosen.window,
            floor=chosen.floor,
        )

    return _found(side, search, lambda: (chunk for _, chunk in _chunks(side)), proposed, related.own)


def _found(
    side: Side,
    search: Search,
    whole: Callable[[], Iterable[Library]],
    propose: Callable[[Library], tuple[Proposed, Row]],
    own: Related,
) -> tuple[list[Row], Row]:
    """Matches of the videos, block by block, and what is to be said of the indices.

    Through indices these are exact scores of what was proposed; its recall is that on a sample of the videos.
    """
    rows: list[Row] = []
    said: Row = {}
    for videos in _blocks(side):
        if side.indices:
            mine = {v: own[v] for v in videos.ids if v in own}
            proposed, said = propose(videos)
            rows += search(videos, shortlisted(side.corpus, proposed, mine), own=own)
        else:
            rows += search(videos, whole(), own=own)
    if side.indices:
        said |= recall(rows, search(recall_sample(side.videos), whole(), own={}))
    return rows, said


def _blocks(side: Side) -> Iterator[Library]:
    """The videos, as many tables at a time as hold `MOST_ROWS` rows, or one; for each the corpus is read once."""
    block: list[Path] = []
    held = 0
    for path in side.videos:
        count = tables.count_rows(path)
        if block and held + count > MOST_ROWS:
            yield _load(block, side.kind)
            block, held = [], 0
        block.append(path)
        held += count
    yield _load(block, side.kind)


def _load(paths: Sequence[Path], kind: Kind) -> Library:
    library = load_library(paths)
    check_finite(library, paths, kind)
    return library


def _chunks(side: Side) -> Iterator[tuple[Path, Library]]:
    what = {"frames": "content search", "flow": "motion search"}[side.kind]
    for path in progress(side.corpus, len(side.corpus), what):
        yield path, _load([path], side.kind)


def _drawn(side: Side) -> Library:
    """The background clips: all, or `MAX_BACKGROUND` of them."""
    library = sample_library(side.background, MAX_BACKGROUND)
    check_finite(library, side.background, side.kind)
    return library
