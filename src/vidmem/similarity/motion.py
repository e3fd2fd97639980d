"""Motion similarity of two flow sequences: whether the movement of one comes back in the other, whatever it shows.

Fields are float32 (T, 2, g, g): optical flow between neighbouring frames at a common rate, averaged over a g x g grid,
x then y component, in shares of the frame's width per second (`tables.flow_schema` holds them flattened).

Two scores. `ofs_k` is the plain one, the mean cosine of k consecutive raw fields. `motion_score` is the default: the
camera's part is subtracted (`camera.residual`), magnitudes are compressed so that one fast patch does not decide, and
one cosine is taken over a whole window of k fields. Windows that hardly move are damped towards 0, so that an engine's
noise on a still scene cannot score. The equations are this project's own; which variant is the default was decided
on clips whose motion is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidmem.similarity.camera import Fields, Model, residual
from vidmem.similarity.content import diagonal_means

Vectors = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]

EPSILON = 0.005  # mean |F| (shares of the width per second) that a raw field needs before its cosine counts in full


class WindowMatch(NamedTuple):
    """The best pair of windows: score in [-1, 1], first field of x, first field of y, fields in the window.

    A pair of clips of which one has no fields at all scores 0 with length 0.
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


def motion_vectors(fields: Fields, model: Model = "affine", power: float = 0.5) -> Vectors:
    """What the default score compares: fields without the camera's part, compressed and flattened, (T, 2 g g)."""
    return _flat(compress(residual(fields, model), power)).astype(np.float32)


def windows(vectors: Vectors, k: int, floor: float, power: float = 0.5) -> Vectors:
    """Every window of k consecutive motion vectors, as one vector whose inner product with another is their score.

    Shape (T - k' + 1, k' D) with k' = min(k, T); (0, 0) for no fields. A window is divided by its norm, or by the
    norm of a window that moves at `floor` (share of the width per second) everywhere, whichever is larger:
    moving windows are unit vectors, still ones shorter, and a still scene is the zero vector.
    """
    if not len(vectors):
        return np.zeros((0, 0), np.float32)
    k = min(_positive(k), len(vectors))
    count = len(vectors) - k + 1
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

    When a side has fewer than k fields, the window is the shorter side's length. Short windows match by chance
    more easily, so thresholds must come from null clips of the same length.
    """
    if not len(x) or not len(y):
        return NO_MATCH
    length = min(_positive(k), len(x), len(y))
    dots = diagonal_means(np.asarray(x, np.float64) @ np.asarray(y, np.float64).T, length) * length
    norms = window_norms(x, length, floor, power)[:, None] * window_norms(y, length, floor, power)[None, :]
    return _best(dots / norms, length)


def motion_score(
    f: Fields, g: Fields, k: int, floor: float, model: Model = "affine", power: float = 0.5
) -> WindowMatch:
    """The default motion score of two clips, from their raw fields (see the module's head)."""
    return window_score(motion_vectors(f, model, power), motion_vectors(g, model, power), k, floor, power)


def score_against(
    x: Vectors, references: Sequence[Vectors], k: int, floor: float, power: float = 0.5
) -> npt.NDArray[np.float32]:
    """`window_score` of one clip against each of many, scores only, shape (len(references),).

    References without fields score 0. One matrix product for all of them: exact search of a whole corpus.
    """
    scores = np.zeros(len(references), np.float32)
    used = [n for n, r in enumerate(references) if len(r)]
    if not len(x) or not used:
        return scores
    stacked = np.asarray(x, np.float32) @ np.concatenate([references[n] for n in used]).T
    ends = np.cumsum([len(references[n]) for n in used])
    for n, end in zip(used, ends, strict=True):
        y = references[n]
        length = min(_positive(k), len(x), len(y))
        dots = diagonal_means(stacked[:, end - len(y) : end].astype(np.float64), length) * length
        norms = window_norms(x, length, floor, power)[:, None] * window_norms(y, length, floor, power)[None, :]
        scores[n] = (dots / norms).max()
    return scores


def z_normalise(
    score: npt.ArrayLike, query_null: npt.ArrayLike, reference_null: npt.ArrayLike, min_std: float = 0.02
) -> Scores:
    """A score against what both clips score with clips they cannot have copied: mean of the two z-values.

    `query_null` (..., n) holds the query's scores against unrelated references, `reference_null` (..., m) the
    reference's scores against unrelated clips; leading axes broadcast with `score`. A side with fewer than two
    numbers is left out. `min_std` keeps a clip with hardly varying null scores from dividing by nothing.
    """
    value = np.asarray(score, np.float64)
    parts = []
    for null in (np.asarray(query_null, np.float64), np.asarray(reference_null, np.float64)):
        if null.shape[-1] >= 2:
            parts.append((value - null.mean(axis=-1)) / np.maximum(null.std(axis=-1, ddof=1), min_std))
    if not parts:
        raise ValueError("no null scores: at least two of one side are needed")
    mean: Scores = np.mean(np.broadcast_arrays(*parts), axis=0)
    return mean


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
