"""Which part of the frame comes back: a background, a border or half of a picture under another foreground.

A whole-frame vector says that something of a frame is replicated, not which part of it. Here two small grey pictures
are compared cell by cell: the zero-mean normalised cross-correlation of overlapping windows, which brightness and
contrast do not change. The whole picture may be shifted by a few pixels, and all cells share one shift: a part that
comes back is rigid, and cells that each chose their own shift agreed by chance far more often. The score is the
largest connected part that comes back. These equations are this project's own; cell size, reach and the correlation
from which a cell counts were decided on rendered pairs of known relation (`bench/truth/template.py`).

Parts that come back at another size or far from where they were are not found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from vidmem.similarity.content import Vectors, similarities

Pictures = npt.NDArray[np.uint8]  # (n, side, side), grey levels
Scores = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

CELL = 12  # pixels of a cell's side; cells overlap by half
REACH = 2  # pixels by which one picture may be shifted against the other
TEXTURE = 4.0  # standard deviation in grey levels under which a window shows nothing that could be recognised
ALIKE = 0.8  # correlation from which a cell comes back
PAIRS = 3  # frame pairs of two videos that are compared


class TemplateMatch(NamedTuple):
    """What comes back of a frame: `score` 0..1, indices of the two frames, and each cell's correlation.

    `cells` is float64 (c, c) with NaN where the generated frame has too little texture, at the shift (dy, dx) in
    pixels at which most comes back.
    """

    score: float
    i: int
    j: int
    cells: Scores
    shift: tuple[int, int]


def template_match(x: Vectors, x_pictures: Pictures, y: Vectors, y_pictures: Pictures) -> TemplateMatch:
    """The largest part of a frame of X that comes back in a frame of Y.

    `x` (N, D) and `y` (M, D) are the vectors of the frames whose pictures (N, side, side) and (M, side, side) are
    given. All N x M pairs would cost seconds a video, so the `PAIRS` pairs of different frames of X are compared whose
    vectors are most alike: a frame's pictures resemble each other most where its vectors do.
    Raises `ValueError` for pictures that do not belong to the vectors.
    """
    if len(x) != len(x_pictures) or len(y) != len(y_pictures):
        raise ValueError(f"{len(x_pictures)} and {len(y_pictures)} pictures of {len(x)} and {len(y)} frames")
    i, j = closest_pairs(x, y, PAIRS)
    maps = correlations(x_pictures[i], y_pictures[j])
    shares = part_shares(maps, ALIKE)
    # a smooth part comes back at several shifts: then the one counts at which it fits best
    fit = np.where(maps >= ALIKE, maps, 0.0).sum(axis=(-2, -1))
    pair, dy, dx = np.unravel_index(int(np.where(shares == shares.max(), fit, -1.0).argmax()), shares.shape)
    shift = (int(dy) - REACH, int(dx) - REACH)
    return TemplateMatch(float(shares[pair, dy, dx]), int(i[pair]), int(j[pair]), maps[pair, dy, dx], shift)


def closest_pairs(x: Vectors, y: Vectors, count: int) -> tuple[Indices, Indices]:
    """Indices in X and Y of the `count` most alike pairs, or as many as X has frames, the most alike first.

    Each frame of X is paired once, with the frame of Y that is most alike.
    """
    s = similarities(x, y)
    i = np.argsort(-s.max(axis=1), kind="stable")[:count]
    return i, s[i].argmax(axis=1)


def correlations(x: Pictures, y: Pictures, cell: int = CELL, reach: int = REACH) -> Scores:
    """Zero-mean normalised cross-correlation of each cell of x with y shifted: (n, 2 reach + 1, 2 reach + 1, c, c).

    x and y are uint8 (n, side, side); `cell` is even, at most 16, and half of it divides the side; c is
    2 side / cell - 1. Entry [p, reach + dy, reach + dx] holds the cells of pair p against windows of y that lie
    (dy, dx) pixels further down and right; beyond its border y goes on as its outermost pixels. NaN where the window
    of x has less than `TEXTURE`. A flatter window of y is not blown up: its standard deviation counts as `TEXTURE`.
    """
    side, count = _checked(x, y, cell), cell * cell
    wide = ((0, 0), (reach, reach), (reach, reach))
    a, b = x.astype(np.float32), np.pad(y.astype(np.float32), wide, mode="edge")
    shifted = sliding_window_view(b, (side, side), axis=(1, 2))
    sum_a, sum_b, sum_ab = _sums(a, cell)[:, None, None], _sums(shifted, cell), _sums(a[:, None, None] * shifted, cell)
    std_a = _std(sum_a, _sums(a * a, cell)[:, None, None], count)
    std_b = _std(sum_b, _sums(sliding_window_view(b * b, (side, side), axis=(1, 2)), cell), count)
    covariance = sum_ab / count - (sum_a / count) * (sum_b / count)
    found = covariance / (np.maximum(std_a, TEXTURE) * np.maximum(std_b, TEXTURE))
    return np.where(std_a < TEXTURE, np.nan, found)


def part_shares(maps: Scores, alike: float) -> Scores:
    """Cells of the largest 4-connected part of each map at or above `alike`, as a share of its textured cells.

    `maps` is (..., c, c), the shares (...). A map with fewer textured cells than a third counts as if it had a third:
    a few cells alone are no evidence of much.
    """
    masks = (maps >= alike).reshape(-1, *maps.shape[-2:])
    neighbours = np.zeros((3, 3, 3), bool)
    neighbours[1] = ndimage.generate_binary_structure(2, 1)  # within a map, not from one map to the next
    labels, _ = ndimage.label(masks, neighbours)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = sizes[labels].max(axis=(1, 2)).reshape(maps.shape[:-2])
    textured = (~np.isnan(maps)).sum(axis=(-2, -1))
    return np.asarray(largest / np.maximum(textured, maps.shape[-1] * maps.shape[-2] / 3), np.float64)


def _sums(images: npt.NDArray[np.float32], cell: int) -> Scores:
    """Sums over the cells of images (..., side, side): (..., c, c). Exact, for whole numbers under 2^24 are."""
    first = np.arange(0, images.shape[-1] - cell + 1, cell // 2)[None]
    pixels = np.arange(images.shape[-1])[:, None]
    windows = ((pixels >= first) & (pixels < first + cell)).astype(np.float32)  # (side, c)
    return np.asarray(windows.T @ (images @ windows), np.float64)


def _std(total: Scores, squares: Scores, count: int) -> Scores:
    variance: Scores = squares / count - (total / count) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)), np.float64)


def _checked(x: Pictures, y: Pictures, cell: int) -> int:
    if x.ndim != 3 or x.shape != y.shape or x.shape[1] != x.shape[2] or x.dtype != np.uint8 or y.dtype != np.uint8:
        raise ValueError(f"expected two arrays of uint8 (n, side, side), not {x.dtype} {x.shape}, {y.dtype} {y.shape}")
    if cell < 2 or cell > 16 or cell % 2 or x.shape[1] % (cell // 2) or x.shape[1] < cell:
        raise ValueError(f"cells of {cell} pixels do not tile pictures of {x.shape[1]}")
    return int(x.shape[1])
