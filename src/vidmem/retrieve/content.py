"""Content search: the corpus clips whose frames come back, with the frames and times that matched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from vidmem.retrieve.content_row import Comparer, ContentSettings
from vidmem.retrieve.nearest import Nearest
from vidmem.search.library import Library
from vidmem.search.rows import Hits, keep_best, rounding, search_rows

Row = dict[str, Any]
BLOCK = 4096  # corpus clips searched at once
NEIGHBOURS = 2  # clips that a distance ratio asks for


def content_matches(
    videos: Library,
    corpus: Iterable[Library],
    background: Library,
    settings: ContentSettings,
    *,
    own: Mapping[str, Set[str]],
    excluded: Mapping[str, Set[str]],
    background_excluded: Mapping[str, Set[str]],
) -> list[Row]:
    """Rows of `tables.MATCHES` of kind `content`, over corpus chunks that are read one after the other.

    Of each video the `top_k` best clips by gsscd_max, and the clips in `own` wherever they rank. Clips in `excluded`
    are not searched. `background` holds clips that share nothing with the corpus; `background_excluded` names those
    that a video is not held against.
    """
    top_k = settings.top_k
    comparer = Comparer(videos, background, background_excluded, settings)
    kept: list[dict[str, Row]] = [{} for _ in videos.ids]
    nearest = Nearest(videos)
    query_owner = videos.owners()
    for chunk in corpus:
        for block in chunk.blocks(BLOCK):
            numbers = block.numbers()
            barred = block.barred(videos.ids, excluded)
            hits: list[Hits] = [{} for _ in videos.ids]
            for hit in search_rows(
                videos.vectors, query_owner, block.vectors, block.owners(), max(top_k, NEIGHBOURS), barred
            ):
                keep_best(hits[query_owner[hit.row]], hit)
                nearest.see_features(hit, block)
            nearest.see_pixels(block, barred)
            for q, video in enumerate(videos.ids):
                mine = own.get(video, set())
                promising = _promising(hits[q], kept[q], top_k, rounding(videos.vectors.shape[1]))
                for n in sorted(promising | {numbers[r] for r in mine if r in numbers}):
                    kept[q][block.ids[n]] = comparer.row(q, block, n)
                _cut(kept[q], top_k, mine)
    return [
        row for q, video in enumerate(videos.ids) for row in _ranked(video, kept[q], top_k, own, nearest, videos, q)
    ]


def _promising(hits: Hits, rows: Mapping[str, Row], top_k: int, error: float) -> set[int]:
    """Clips of a block that may be among the `top_k` best so far, by search scores that are off by `error` at most.

    The others are not compared: that costs far more than the search.
    """
    scores = sorted([*hits.values(), *(row["gsscd_max"] for row in rows.values())], reverse=True)
    least = scores[top_k - 1] if len(scores) >= top_k else -np.inf
    return {n for n, score in hits.items() if score >= least - 2 * error}


def _cut(rows: dict[str, Row], top_k: int, own: Set[str]) -> None:
    """Forget what can't be among the best any more, so that memory is bounded by the batch."""
    keep = {*_order(rows)[:top_k], *own}
    for item in [r for r in rows if r not in keep]:
        del rows[item]


def _order(rows: Mapping[str, Row]) -> list[str]:
    return sorted(rows, key=lambda item: (-rows[item]["score"], item))


def _ranked(
    video: str,
    rows: Mapping[str, Row],
    top_k: int,
    own: Mapping[str, Set[str]],
    nearest: Nearest,
    videos: Library,
    q: int,
) -> list[Row]:
    mine = own.get(video, set())
    ranked = []
    for rank, item in enumerate(_order(rows), 1):
        inside = rank <= top_k
        row = {"video_id": video, "kind": "content", "rank": rank if inside else 0, "ref_id": item, "own": item in mine}
        if rank == 1:
            row.update(nearest.ratios(videos.rows(q)))
        if inside or item in mine:
            ranked.append({**row, **rows[item]})
    return ranked
