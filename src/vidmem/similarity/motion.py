"""Motion similarity of two flow sequences: whether the movement of one comes back in the other, whatever it shows.

Fields are float32 (T, 2, g, g): optical flow between neighbouring frames at a common rate, averaged over a g x g grid,
x then y component, in shares of the frame's width per second (`tables.flow_schema` holds them flattened).

Two scores. `ofs_k` is the plain one, the mean cosine of k consecutive raw fields. `motion_score` is the default: the
camera's part is subtracted (`camera.residual`), magnitudes are compressed so that one fast patch does not decide, the
grid is coarsened, and one cosine is taken over a whole window of k fields. Windows that hardly move are damped towards
0, so that an engine's noise on a still scene cannot score. An audit goes on from there: it takes windows of four
lengths (`window_lengths`) and holds each score against what both clips score with unrelated ones (`z_normalise`).
The equations are this project's own; which variant is the default was decided on clips whose motion is known
(`bench/truth/motion.csv`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidmem.similarity.camera import Fields, Model, residual
from vidmem.similarity.content import diagonal_means

Vectors = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]

SPREAD = 0.05  # of transformed null scores, beyond what a sample of them shows
STRONGEST = 0.995  # cosine of two clips of one movement at the best: an engine's noise lies between them
GRID = 8  # cells a side on which movements are compared
EPSILON = 0.005  # mean |F| (shares of the width per second) that a raw field needs before its cosine counts in full


class WindowMatch(NamedTuple):
    """The best pair of windows: score in [-1, 1], first field of x, first field of y, fields in the window.

    A pair of clips of which one has too few fields scores 0 with length 0.
    """

    score: float
    i: int
    j: int
    length: int


NO_MATCH = WindowMatch(0.0, 0, 0, 0)


def cosines(f: Fields, g: Fields, epsilon: float = EPSILON) -> Scores:
    """cos(F_i, G_j) = <F_i, G_j> / (|F_i| |G_j| + e), shape (T, S): method's cosine of raw fields.

    `epsilon` is a mean speed (share of the width per second); e is the product of the norms of two fields that move
    at that speed everywhere, so a pair of still, noisy fields scores near 0 and a moving pair is hardly touched.
    """
    a, b = _flat(f), _flat(g)
    e = epsilon * epsilon * (a.shape[1] // 2)
    norms = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None, :]
    return np.asarray((a @ b.T) / np.maximum(norms + e, np.finfo(np.float64).tiny), np.float64)


def ofs_k(f: Fields, g: Fields, k: int, epsilon: float = EPSILON) -> WindowMatch:
    """Largest mean of k consecutive cosines: max over i, j of (1/k) sum_r cos(F_{i+r}, G_{j+r}).

    When a side has fewer than k fields, k is the shorter side's length.
    """
    if not len(f) or not len(g):
        return NO_MATCH
    c = cosines(f, g, epsilon)
    length = min(_positive(k), *c.shape)
    return _best(diagonal_means(c, length), length)


def compress(fields: Fields, power: float = 0.5) -> Fields:
    """Every flow vector with its direction kept and its magnitude raised to `power`: v |v|^(power - 1)."""
    size = np.hypot(fields[:, 0], fields[:, 1]).astype(np.float64)
    factor = np.where(size > 0, np.power(np.maximum(size, np.finfo(np.float32).tiny), power - 1.0), 0.0)
    return np.asarray(fields * factor[:, None], np.float32)


def pool(fields: Fields, grid: int) -> Fields:
    """Fields on a coarser grid, by area averages: (T, 2, g, g) to (T, 2, grid, grid). As they are where g <= grid.

    Raises `ValueError` where `grid` does not divide g.
    """
    count, _, g, _ = fields.shape
    if g <= grid:
        return fields
    if g % grid:
        raise ValueError(f"a grid of {g} cells can't be averaged to {grid}: choose a divisor of {g}")
    cells = fields.reshape(count, 2, grid, g // grid, grid, g // grid)
    return np.asarray(cells.mean(axis=(3, 5)), np.float32)


def motion_vectors(fields: Fields, model: Model = "affine", power: float = 0.5, grid: int = GRID) -> Vectors:
    """What the default score compares, (T, 2 n n) with n = min(g, grid).

    The camera is fitted on the fine grid; what it leaves is compressed and averaged on a coarse one, which finds as
    much and is searched faster.
    """
    return _flat(pool(compress(residual(fields, model), power), grid)).astype(np.float32)


def window_lengths(window: int) -> list[int]:
    """Lengths of the windows whose scores are averaged, where both clips have as many fields: `window` and three
    longer ones, each the root of two times as long (rounded down)."""
    return sorted({int(window * 2 ** (step / 2)) for step in range(4)})


def at_speed(fields: Fields, speed: float, rate_hz: float) -> Fields:
    """The fields of a clip that plays another's movement `speed` times as fast, as the other would have them.

    Time is stretched and velocities divided by `speed`, then averaged to steps of 1 / rate_hz: (T', 2, g, g) with
    T' = round(T speed).
    """
    if speed == 1.0:
        return fields
    times = np.arange(len(fields) + 1) / rate_hz * speed
    return resample(np.asarray(fields / speed, np.float32), times, rate_hz, round(len(fields) * speed))


def resample(fields: Fields, times_s: npt.NDArray[np.float64], rate_hz: float, most: int) -> Fields:
    """Velocity fields between frames at `times_s` (N + 1 moments) as fields of equal steps 1 / rate_hz from t = 0.

    Each new field is the average velocity over its step, weighted by overlap, so a video of another (or a varying)
    frame rate keeps its speed. The last step is kept when at least half of it is covered. At most `most` fields.
    """
    if not len(fields):
        return fields[:0]
    starts, ends = times_s[:-1] - times_s[0], times_s[1:] - times_s[0]
    count = min(int(np.floor(ends[-1] * rate_hz + 0.5)), most)
    low = np.arange(count) / rate_hz
    overlap = np.minimum(ends[None, :], low[:, None] + 1 / rate_hz) - np.maximum(starts[None, :], low[:, None])
    weights = np.where(overlap * rate_hz > 1e-6, overlap, 0.0)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    return np.asarray(np.tensordot(weights, fields.astype(np.float64), axes=1), np.float32)


def windows(vectors: Vectors, k: int, floor: float, power: float = 0.5) -> Vectors:
    """Every window of k consecutive motion vectors, as one vector whose inner product with another is their score.

    Shape (T - k + 1, k D); no rows for fewer than k fields. A window is divided by its norm, or by the
    norm of a window that moves at `floor` (share of the width per second) everywhere, whichever is larger:
    moving windows are unit vectors, still ones shorter, and a still scene is the zero vector.
    """
    count = len(vectors) - _positive(k) + 1
    if count < 1:
        return np.zeros((0, k * vectors.shape[1]), np.float32)
    stacked = np.concatenate([vectors[r : r + count] for r in range(k)], axis=1)
    return np.asarray(stacked / window_norms(vectors, k, floor, power)[:, None], np.float32)


def window_norms(vectors: Vectors, k: int, floor: float, power: float = 0.5) -> Scores:
    """Norms of the windows of exactly k vectors, shape (T - k + 1,), not less than that of motion at `floor`."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(vectors, dtype=np.float64).sum(axis=1))])
    least = k * (vectors.shape[1] // 2) * floor ** (2.0 * power)
    tiny = float(np.finfo(np.float32).tiny)
    norms: Scores = np.sqrt(np.maximum(energy[k:] - energy[:-k], max(least, tiny)))
    return norms


def window_score(x: Vectors, y: Vectors, k: int, floor: float, power: float = 0.5) -> WindowMatch:
    """The best window of k motion vectors: max over i, j of the windows' (damped) cosine.

    A side of fewer than k fields has no window and matches nothing: short windows match by chance.
    """
    if min(len(x), len(y)) < _positive(k):
        return NO_MATCH
    length = k
    dots = diagonal_means(np.asarray(x, np.float64) @ np.asarray(y, np.float64).T, length) * length
    norms = window_norms(x, length, floor, power)[:, None] * window_norms(y, length, floor, power)[None, :]
    return _best(dots / norms, length)


def motion_score(
    f: Fields, g: Fields, k: int, floor: float, model: Model = "affine", power: float = 0.5
) -> WindowMatch:
    """The default motion score of two clips, from their raw fields (see the module's head)."""
    return window_score(motion_vectors(f, model, power), motion_vectors(g, model, power), k, floor, power)


def z_normalise(
    score: npt.ArrayLike, query_null: npt.ArrayLike, reference_null: npt.ArrayLike, spread: float = SPREAD
) -> Scores:
    """A score against what both clips score with clips they cannot have copied: mean of the two z-values.

    Scores are cosines; all go through Fisher's transformation f = arctanh first, which makes their spread the same
    wherever they lie and tells a copy's .99 from a coincidence's .9. z = (f - mean) / sqrt(variance + spread^2) of the
    null scores. `query_null` (..., n) holds the query's scores against unrelated references, `reference_null` (..., m)
    the reference's scores against unrelated clips; leading axes broadcast with `score`. A side with fewer than two
    numbers is left out. `spread` is what null scores vary by beyond the ones that are there: clips that happen to
    resemble no background clip at all would else turn a middling score into a huge one.
    """
    value = fisher(score)
    parts = []
    for null in (fisher(query_null), fisher(reference_null)):
        if null.shape[-1] >= 2:
            deviation = np.sqrt(np.maximum(null.var(axis=-1, ddof=1) + spread * spread, np.finfo(np.float64).tiny))
            parts.append((value - null.mean(axis=-1)) / deviation)
    if not parts:
        raise ValueError("no null scores: at least two of one side are needed")
    mean: Scores = np.mean(np.broadcast_arrays(*parts), axis=0)
    return mean


def fisher(cosine: npt.ArrayLike) -> Scores:
    """Fisher's transformation of a correlation (Fisher 1915), arctanh; beyond `STRONGEST` a cosine says no more."""
    return np.arctanh(np.clip(np.asarray(cosine, np.float64), -STRONGEST, STRONGEST))


def _best(scores: Scores, length: int) -> WindowMatch:
    i, j = divmod(int(scores.argmax()), scores.shape[1])
    return WindowMatch(float(scores[i, j]), i, j, length)


def _flat(fields: Fields) -> Scores:
    if fields.ndim != 4 or fields.shape[1] != 2:
        raise ValueError(f"expected flow fields of shape (T, 2, g, g), not {fields.shape}")
    return np.asarray(fields, np.float64).reshape(len(fields), 2 * fields.shape[2] * fields.shape[3])


def _positive(k: int) -> int:
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return k
