"""Nearest-neighbour distance ratio d1/d2 (Gu et al., arXiv 2310.02664), by pixels and by features.

For every frame the distances to the nearest frame of the corpus and to the nearest one of *another* clip; a frame that
was copied is far nearer to its original than to anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.search.library import Floats, Library
from vidmem.search.rows import RowHits, groups, rounding

Row = dict[str, Any]
TILE_ROWS, TILE_COLUMNS = 256, 8192  # of a product of thumbnails: its size bounds the memory


class Nearest:
    """The two nearest clips of every frame of some videos, over the blocks of a corpus."""

    def __init__(self, videos: Library) -> None:
        self.videos = videos
        self._margin = 2 * rounding(videos.vectors.shape[1])  # of two similarities that may be the same
        self._similarity = np.full((len(videos.vectors), 2), -np.inf)  # of the two most similar clips
        self._pixel = np.full((len(videos.vectors), 2), np.inf)

    def see_features(self, hit: RowHits, block: Library) -> None:
        """Merge what the content search found for one frame in one block: at least its two most similar clips.

        The search works in float32. Clips that may be among the two nearest within its rounding are compared again in
        float64, for the root in d = sqrt(2 - 2s) magnifies the rounding of near-identical frames.
        """
        if not len(hit.references):
            return
        best = self._similarity[hit.row]
        second = np.partition(hit.scores, -2)[-2] if len(hit.scores) > 1 else -np.inf
        close = hit.scores >= max(second, best[1]) - self._margin
        x = self.videos.vectors[hit.row].astype(np.float64)
        exact = [float((block.vectors[block.rows(n)] * x).sum(axis=1).max()) for n in hit.references[close]]
        best[:] = np.sort([*best, *exact])[-1:-3:-1]

    def see_pixels(self, block: Library, barred: Mapping[int, Set[int]]) -> None:
        """Merge the thumbnails of one block, tile by tile. `barred` as in the search."""
        if not len(block) or not len(self.videos):
            return
        allowed = np.ones((len(self.videos), len(block)), bool)
        for q, numbers in barred.items():
            allowed[q, list(numbers)] = False
        owners = self.videos.owners()
        for columns in groups(np.diff(block.starts), TILE_COLUMNS):
            first, last = int(block.starts[columns.start]), int(block.starts[columns.stop])
            y = _centred(block.thumbnails[first:last])
            for top in range(0, len(owners), TILE_ROWS):
                rows = slice(top, top + TILE_ROWS)
                squared = _squared_distances(_centred(self.videos.thumbnails[rows]), y, block.starts[columns] - first)
                squared[~allowed[owners[rows], columns]] = np.inf
                both = np.concatenate([self._pixel[rows], squared], axis=1)
                self._pixel[rows] = np.sort(np.partition(both, 1, axis=1)[:, :2], axis=1)

    def ratios(self, rows: slice) -> Row:
        """The smallest ratio over a video's frames; None where there is no second clip."""
        pixel = np.sqrt(self._pixel[rows])
        feature = np.sqrt(np.maximum(2 - 2 * self._similarity[rows], 0))
        return {"d1_d2_pixel": _ratio(pixel), "d1_d2_feature": _ratio(feature)}


def _centred(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return thumbnails.astype(np.float32) - 128


def _squared_distances(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], starts: npt.NDArray[np.int64]) -> Floats:
    """Squared distance of each row of x to the nearest row of each clip of y, float64 (rows, clips).

    Of whole numbers within +-128: no sum of 768 products reaches 2^24, so float32 is exact.
    """
    gain = x @ y.T
    gain *= 2
    gain -= np.einsum("ij,ij->i", y, y)
    best = np.maximum.reduceat(gain, starts, axis=1).astype(np.float64)
    return np.asarray(np.einsum("ij,ij->i", x, x, dtype=np.float64)[:, None] - best)


def _ratio(two: Floats) -> float | None:
    usable = two[np.isfinite(two).all(1) & (two[:, 1] > 0)]
    return float((usable[:, 0] / usable[:, 1]).min()) if len(usable) else None
