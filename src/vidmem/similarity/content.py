"""Content similarity of two sets of frame vectors: which frames, segments and shares of frames come back.

Everything here takes L2-normalised copy-detection vectors, X of shape (N, D) and Y of shape (M, D), in the order of
their frames and sampled at one common rate; an image is a video of one frame. The equations are this project's own
(no code of the GSSCD study was released); `vsscd` is the one of Rahman et al. (arXiv 2403.19593).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
Slots = npt.NDArray[np.int64]


class FrameMatch(NamedTuple):
    """The best pair of frames: score in [-1, 1], index in X, index in Y."""

    score: float
    i: int
    j: int


class SegmentMatch(NamedTuple):
    """The best pair of segments: mean score, first index in X, first index in Y, and their length in frames."""

    score: float
    i: int
    j: int
    length: int


class AlignedSegment(NamedTuple):
    """A run of frame pairs that keep their distance in time: mean score, first and last pair, and number of pairs."""

    score: float
    i: int
    j: int
    last_i: int
    last_j: int
    pairs: int


def similarities(x: Vectors, y: Vectors) -> Scores:
    """s_ij = <x_i, y_j>, float64 of shape (N, M). Raises `ValueError` for empty or unequal-width inputs."""
    if x.ndim != 2 or y.ndim != 2 or not len(x) or not len(y) or x.shape[1] != y.shape[1]:
        raise ValueError(f"expected vectors (N, D) and (M, D) with N, M >= 1, not {x.shape} and {y.shape}")
    return np.asarray(x, np.float64) @ np.asarray(y, np.float64).T


def gsscd_max(x: Vectors, y: Vectors) -> FrameMatch:
    """max over i, j of s_ij: any frame replicated. Of equal pairs the first in row order is named."""
    s = similarities(x, y)
    i, j = divmod(int(s.argmax()), s.shape[1])
    return FrameMatch(float(s[i, j]), i, j)


def gsscd_k(x: Vectors, y: Vectors, k: int) -> SegmentMatch:
    """Largest mean of k consecutive s_{i+r, j+r} (r = 0..k-1): a segment of k frames replicated in order.

    When a side has fewer than k frames, k is the shorter side's length, so that an image (one frame) can be
    compared with a video: the score is then `gsscd_max`.
    """
    s = similarities(x, y)
    length = min(_positive(k), *s.shape)
    means = diagonal_means(s, length)
    i, j = divmod(int(means.argmax()), means.shape[1])
    return SegmentMatch(float(means[i, j]), i, j, length)


def diagonal_means(s: Scores, k: int) -> Scores:
    """Mean of k consecutive entries down each diagonal of s (N, M): shape (N-k+1, M-k+1). Needs k <= min(N, M)."""
    n, m = s.shape[0] - k + 1, s.shape[1] - k + 1
    total = np.zeros((n, m))
    for r in range(k):
        total += s[r : r + n, r : r + m]
    return total / k


def vsscd(x: Vectors, y: Vectors) -> float:
    """Mean of the aligned similarities s_{i, i+d} at the best shift d (Rahman et al., arXiv 2403.19593).

    The shorter side is slid along the longer one and always overlaps it fully, so the mean is the cosine of the two
    concatenated (unit) features. One frame against a video is the best frame's similarity.
    """
    s = similarities(x, y)
    return float(diagonal_means(s, min(s.shape)).max())


def match_fractions(x: Vectors, y: Vectors, threshold: float) -> tuple[float, float]:
    """Shares in [0, 1] of X's frames with a match in Y at or above `threshold`, and of Y's frames in X."""
    hit = similarities(x, y) >= threshold
    return float(hit.any(axis=1).mean()), float(hit.any(axis=0).mean())


def best_segment(
    x: Vectors, y: Vectors, threshold: float, x_slots: Slots | None = None, y_slots: Slots | None = None
) -> AlignedSegment | None:
    """The aligned segment that is replicated longest and best: None when no pair reaches `threshold`.

    It maximises the sum of (s_ij - threshold) over runs of pairs that keep their distance in time: a run may bridge
    frames under the threshold when what follows makes up for them (the maximum subarray of each diagonal, Kadane
    1984). `score` is the mean similarity of the run's pairs.

    `x_slots` (N,) and `y_slots` (M,) are the frames' places on a common grid of time, rising; 0, 1, 2, ... where they
    are left out. A place without a frame (one that was gated, or that a sparser sampling leaves out) adds nothing and
    shifts nothing.
    """
    s = similarities(x, y)
    left, right = _slots(x_slots, s.shape[0]), _slots(y_slots, s.shape[1])
    shifts, diagonal = np.unique(right[None, :] - left[:, None], return_inverse=True)
    diagonal = diagonal.reshape(s.shape)
    run, total, count = (np.zeros(len(shifts)) for _ in range(3))  # of the best run that ends here, by diagonal
    first_i, first_j = (np.zeros(len(shifts), np.int64) for _ in range(2))
    best: tuple[float, AlignedSegment] | None = None
    for i, d in enumerate(diagonal):  # the pairs of one frame lie on different diagonals
        new = run[d] <= 0
        first_i[d[new]], first_j[d[new]] = i, np.flatnonzero(new)
        run[d] = np.where(new, 0.0, run[d]) + s[i] - threshold
        total[d], count[d] = np.where(new, 0.0, total[d]) + s[i], np.where(new, 0.0, count[d]) + 1
        j = int(run[d].argmax())
        if run[d[j]] >= 0 and (best is None or run[d[j]] > best[0]):
            n = d[j]
            place = int(first_i[n]), int(first_j[n]), i, j
            best = float(run[n]), AlignedSegment(float(total[n] / count[n]), *place, int(count[n]))
    return best[1] if best else None


def _slots(given: Slots | None, count: int) -> Slots:
    slots = np.arange(count) if given is None else np.asarray(given, np.int64)
    if slots.shape != (count,) or (np.diff(slots) <= 0).any():
        raise ValueError(f"slots must be {count} rising whole numbers, not {slots.tolist()}")
    return slots


def _positive(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return k
