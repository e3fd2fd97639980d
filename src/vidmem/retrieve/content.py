"""Content search: the corpus clips whose frames come back, with the frames and times that matched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from vidmem.retrieve.content_row import Comparer, ContentSettings
from vidmem.retrieve.library import Floats, Library
from vidmem.retrieve.search import search_best

Row = dict[str, Any]
BLOCK = 4096  # corpus clips searched at once


def content_matches(
    videos: Library,
    corpus: Iterable[Library],
    background: Library,
    settings: ContentSettings,
    *,
    own: Mapping[str, Set[str]],
    excluded: Mapping[str, Set[str]],
) -> list[Row]:
    """Rows of `tables.MATCHES` of kind `content`, over corpus chunks that are read one after the other.

    Of each video the `top_k` best clips by gsscd_max, and the clips in `own` wherever they rank. Clips in `excluded`
    are not searched. `background` holds clips that share nothing with the corpus.
    """
    top_k = settings.top_k
    comparer = Comparer(videos, background, excluded, settings)
    kept: list[dict[str, Row]] = [{} for _ in videos.ids]
    nearest = _Nearest(len(videos.vectors))
    query_owner = videos.owners()
    for chunk in corpus:
        for block in chunk.blocks(BLOCK):
            numbers = block.numbers()
            barred = block.barred(videos.ids, excluded)
            hits = search_best(videos.vectors, query_owner, block.vectors, block.owners(), top_k, barred)
            for q, video in enumerate(videos.ids):
                for n in {*hits[q], *(numbers[r] for r in own.get(video, ()) if r in numbers)}:
                    kept[q][block.ids[n]] = comparer.row(q, block, n)
                _cut(kept[q], top_k, own.get(video, set()))
            nearest.update(videos, block, barred)
    return [
        row for q, video in enumerate(videos.ids) for row in _ranked(video, kept[q], top_k, own, nearest, videos, q)
    ]


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
    nearest: _Nearest,
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


class _Nearest:
    """Nearest-neighbour distance ratio d1/d2 (Gu et al., arXiv 2310.02664), by pixels and by features.

    For every frame the distances to the nearest frame of the corpus and to the nearest one of *another* clip; a
    frame that was copied is far nearer to its original than to anything else.
    """

    def __init__(self, frames: int) -> None:
        self.pixel = np.full((frames, 2), np.inf)
        self.feature = np.full((frames, 2), np.inf)

    def update(self, videos: Library, block: Library, barred: Mapping[int, Set[int]]) -> None:
        for q in range(len(videos)):
            rows = videos.rows(q)
            allowed = np.array([n not in barred.get(q, ()) for n in range(len(block))])
            if not allowed.any():
                continue
            similarity = videos.vectors[rows].astype(np.float64) @ block.vectors.T.astype(np.float64)
            _merge(self.feature[rows], np.sqrt(np.maximum(2 - 2 * similarity, 0)), block, allowed)
            _merge(self.pixel[rows], _pixel_distances(videos.thumbnails[rows], block.thumbnails), block, allowed)

    def ratios(self, rows: slice) -> Row:
        """The smallest ratio over a video's frames; None where there is no second clip."""
        return {"d1_d2_pixel": _ratio(self.pixel[rows]), "d1_d2_feature": _ratio(self.feature[rows])}


def _pixel_distances(x: Any, y: Any) -> Floats:
    """Euclidean distances of thumbnails in units of the full range, root mean square over pixels."""
    a, b = (v.astype(np.float64) / 255 for v in (x, y))
    squared = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0) / a.shape[1]))


def _merge(two: Floats, distances: Floats, block: Library, allowed: Any) -> None:
    """Merge the two smallest per-clip distances of a block into `two` (frames, 2), in place."""
    per_clip = np.minimum.reduceat(distances, block.starts[:-1], axis=1)
    per_clip[:, ~allowed] = np.inf
    merged = np.sort(np.concatenate([two, np.partition(per_clip, min(1, per_clip.shape[1] - 1), axis=1)[:, :2]], 1), 1)
    two[:] = merged[:, :2]


def _ratio(two: Floats) -> float | None:
    usable = two[np.isfinite(two).all(1) & (two[:, 1] > 0)]
    return float((usable[:, 0] / usable[:, 1]).min()) if len(usable) else None
