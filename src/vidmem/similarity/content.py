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


def best_segment(x: Vectors, y: Vectors, threshold: float) -> SegmentMatch | None:
    """The aligned segment that is replicated longest and best: None when no pair reaches `threshold`.

    It maximises the sum of (s_{i+r, j+r} - threshold) over all diagonals and lengths: a run may bridge frames under
    the threshold when what follows makes up for them (the maximum subarray of each diagonal, Kadane 1984). `score`
    is the segment's mean similarity.
    """
    s = similarities(x, y)
    gain = s - threshold
    best, start = np.full(s.shape, -np.inf), np.zeros(s.shape, np.int64)
    for i in range(s.shape[0]):
        before = np.full(s.shape[1], -np.inf)
        since = np.zeros(s.shape[1], np.int64)
        if i:
            before[1:], since[1:] = best[i - 1, :-1], start[i - 1, :-1]
        grows = before > 0
        best[i] = gain[i] + np.where(grows, before, 0.0)
        start[i] = np.where(grows, since + 1, 0)  # frames of the run before this one
    i, j = divmod(int(best.argmax()), s.shape[1])
    if gain[i, j] < 0 and best[i, j] < 0:
        return None
    length = int(start[i, j]) + 1
    first_i, first_j = i - length + 1, j - length + 1
    mean = float(np.mean([s[first_i + r, first_j + r] for r in range(length)]))
    return SegmentMatch(mean, first_i, first_j, length)


def _positive(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return k
