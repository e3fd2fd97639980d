"""Exact motion search: of many clips those whose best window of movement scores highest against a query.

The score is `similarity.motion.window_score`: the inner product of two windows of k stacked motion vectors, divided by
the norms of both (`window_norms`). <w_i, w_j> = sum_r <x_{i+r}, y_{j+r}>, so one product of *single* vectors and sums
down its diagonals give every pair of windows, with k times fewer operations than stacked windows ask for; no window
is ever built.

The products are float32. What is reported is not: an inner product of n terms in float32 is off by at most
n u sum |a b|, u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1), and
sum |a b| <= |x| |y|. So the true score lies within n u (|x| |y| / norms with the floor) of the computed one, and the
clips that could be among the best within that bound are scored again in float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidmem.search.library import Floats, Vectors
from vidmem.search.rows import best_of, groups, rounding
from vidmem.similarity.motion import window_norms

BLOCK_BYTES = 2**28  # of reference vectors, and of scores, that are in memory at once
TILE_ROWS, TILE_COLUMNS = 256, 4096  # of a product, which then stays in the cache while it is summed up
SAFETY = 1.001  # on norms that were computed in float32
EXTRA = 16  # operations of a score beside its inner products: the diagonal's sum, two norms, two divisions

Floats32 = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def search_windows(
    queries: Sequence[Vectors],
    owners: Sequence[int],
    references: Sequence[Vectors],
    *,
    window: int,
    floor: float,
    power: float,
    wanted: int,
    barred: Mapping[int, Set[int]],
    least: Mapping[int, float] | None = None,
) -> dict[int, dict[int, float]]:
    """owner -> {number of a reference: its exact score}, the `wanted` best, of equal ones the lower number.

    `queries` are motion vectors float32 (T, D); `owners[i]` is the video that the i-th one belongs to. The queries of
    one owner are variants of it (it at other speeds, say), and its best variant counts. `barred` names, by owner, the
    references that it is not held against. Clips of fewer than `window` vectors score nothing, on both sides. `least`
    may hold a score by owner: references that score less are left out, which spares the exact scores of clips that
    a caller would drop.
    """
    members: dict[int, list[Clip]] = {owner: [] for owner in owners}
    for vectors, owner in zip(queries, owners, strict=True):
        if len(vectors) >= window:
            members[owner].append(Clip.of(vectors, window, floor, power))
    long = {n: Clip.of(r, window, floor, power) for n, r in enumerate(references) if len(r) >= window}
    numbers, right = np.fromiter(long, np.int64, len(long)), list(long.values())
    found: dict[int, dict[int, float]] = {}
    searched: list[int] = []
    for owner in members:
        admissible = np.flatnonzero(_allowed(numbers, barred.get(owner, frozenset())))
        if members[owner] and len(admissible) > wanted:
            searched.append(owner)
        else:  # nothing to choose from
            exact = _settle(members[owner], right, admissible, window) if members[owner] else {}
            found[owner] = _reported(exact, numbers, wanted, (least or {}).get(owner))
    share = max(1, BLOCK_BYTES // (16 * max(1, len(long))))
    for first in range(0, len(searched), share):
        batch = searched[first : first + share]
        rough = _rough_scores([members[o] for o in batch], right, window)
        for owner, scores, errors in zip(batch, rough.scores, rough.errors, strict=True):
            lowest = (least or {}).get(owner)
            chosen = _could_win(scores, errors, _allowed(numbers, barred.get(owner, frozenset())), wanted, lowest)
            known = errors[chosen] == 0  # clips of which one does not move at all
            exact = {int(c): float(scores[c]) for c in chosen[known]}
            exact.update(_settle(members[owner], right, chosen[~known], window))
            found[owner] = _reported(exact, numbers, wanted, lowest)
    return {owner: found[owner] for owner in members}


def score_many(x: Vectors, references: Sequence[Vectors], window: int, floor: float, power: float = 0.5) -> Floats32:
    """`window_score` of one clip against each of many, scores only, float32 (references,).

    Computed in float32: within n u of the exact score (see the module's head), some 1e-7 in practice. NaN where either
    side has fewer than `window` vectors: that pair has no score. Who scores many clips against the same references
    lays these out once, as `Laid.out`, and asks that.
    """
    scores = np.full(len(references), np.nan, np.float32)
    long = [n for n, r in enumerate(references) if len(r) >= window]
    if len(x) >= window and long:
        for part in groups([len(references[n]) for n in long], BLOCK_BYTES // (4 * x.shape[1])):
            clips = [Clip.of(references[n], window, floor, power) for n in long[part]]
            scores[long[part]] = Laid.out(clips, window).scores(Laid.out([Clip.of(x, window, floor, power)], window))[0]
    return scores


@dataclass(frozen=True)
class Clip:
    """Motion vectors (T, D) of one clip with T >= window, and the norms of its windows, (T - window + 1,)."""

    vectors: Vectors
    norms: Floats

    @classmethod
    def of(cls, vectors: Vectors, window: int, floor: float, power: float) -> Clip:
        return cls(vectors, window_norms(vectors, window, floor, power))


@dataclass(frozen=True)
class Laid:
    """Clips laid end to end for the search.

    `vectors` (rows, D); `starts` (clips + 1,) cuts the rows; `inverse_norms` (rows - window + 1,) of the windows that
    begin at each row, where those that run over a clip's end are never read; `energy` (clips,) the largest of a clip's
    |window| / norm with the floor: 1 for a clip that moves, 0 for a still one.
    """

    vectors: Vectors
    starts: Indices
    inverse_norms: Floats32
    energy: Floats
    window: int

    @classmethod
    def out(cls, clips: Sequence[Clip], window: int) -> Laid:
        """Lay out clips, at least one."""
        vectors = np.concatenate([c.vectors for c in clips])
        starts = np.concatenate([[0], np.cumsum([len(c.vectors) for c in clips])]).astype(np.int64)
        inverse = np.zeros(len(vectors) - window + 1, np.float32)
        for clip, start in zip(clips, starts, strict=False):
            inverse[start : start + len(clip.norms)] = 1.0 / clip.norms
        squares = np.einsum("ij,ij->i", vectors, vectors)
        sums = np.concatenate([[0.0], np.cumsum(squares, dtype=np.float64)])
        ratio = np.sqrt(np.maximum(sums[window:] - sums[:-window], 0.0)) * inverse
        largest = np.minimum(1.0, SAFETY * np.maximum.reduceat(ratio, starts[:-1]) + 1e-6)
        energy = np.where(np.maximum.reduceat(squares, starts[:-1]) == 0, 0.0, largest)
        return cls(vectors, starts, inverse, energy, window)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def scores(self, queries: Laid) -> Floats32:
        """Best window of each query clip against each of these, float32 (queries, clips)."""
        found = np.empty((len(queries), len(self)), np.float32)
        for columns in groups(np.diff(self.starts), TILE_COLUMNS):
            right = self.vectors[self.starts[columns.start] : self.starts[columns.stop]].T
            for rows in groups(np.diff(queries.starts), TILE_ROWS):
                top = queries.starts[rows.start]
                products = queries.vectors[top : queries.starts[rows.stop]] @ right
                for q in range(rows.start, rows.stop):
                    mine = products[queries.starts[q] - top : queries.starts[q + 1] - top]
                    found[q, columns] = self._best(mine, queries.norms_of(q), columns)
        return found

    def norms_of(self, n: int) -> Floats32:
        """Inverse norms of the n-th clip's windows."""
        return self.inverse_norms[self.starts[n] : self.starts[n + 1] - self.window + 1]

    def _best(self, products: Floats32, query_norms: Floats32, columns: slice) -> Floats32:
        """Best window of one query against the clips in `columns`, from the products of their vectors."""
        sums = diagonal_sums(products, self.window)
        sums *= query_norms[:, None]
        best = sums.max(axis=0)
        first = self.starts[columns.start]
        best *= self.inverse_norms[first : first + len(best)]
        starts = self.starts[columns] - first
        if self.window == 1:
            return np.asarray(np.maximum.reduceat(best, starts), np.float32)
        ends = self.starts[columns.start + 1 : columns.stop + 1] - first - self.window + 1
        cuts = np.stack([starts, ends], axis=1).ravel()[:-1]  # what lies between two clips is reduced too, and dropped
        return np.asarray(np.maximum.reduceat(best, cuts)[::2], np.float32)


def diagonal_sums[F: np.floating](products: npt.NDArray[F], k: int) -> npt.NDArray[F]:
    """Sums of k consecutive entries down each diagonal of (N, M), (N-k+1, M-k+1), by doubling: log k additions."""
    rows, columns = products.shape[0] - k + 1, products.shape[1] - k + 1
    total = np.zeros((rows, columns), products.dtype)
    done, length, doubled = 0, 1, products
    while True:
        if k & length:
            total += doubled[done : done + rows, done : done + columns]
            done += length
        if 2 * length > k:
            return total
        doubled = doubled[:-length, :-length] + doubled[length:, length:]
        length *= 2


@dataclass(frozen=True)
class _Rough:
    """Float32 scores (owners, references), and how far each may be off."""

    scores: Floats32
    errors: Floats


def _rough_scores(members: Sequence[Sequence[Clip]], references: Sequence[Clip], window: int) -> _Rough:
    """Scores of each owner's best variant, block by block."""
    owner = np.repeat(np.arange(len(members)), [len(m) for m in members])
    variants = [x for m in members for x in m]
    scores = np.full((len(members), len(references)), -np.inf, np.float32)
    errors = np.zeros((len(members), len(references)))
    size = variants[0].vectors.shape[1]
    most = BLOCK_BYTES // (4 * size)
    for columns in groups([len(r.vectors) for r in references], most):
        right = Laid.out(references[columns], window)
        for part in groups([len(x.vectors) for x in variants], most):
            left = Laid.out(variants[part], window)
            block = right.scores(left)
            for n, q in enumerate(owner[part]):
                bounds = rounding(size + window + EXTRA) * left.energy[n] * right.energy
                np.maximum(scores[q, columns], block[n], out=scores[q, columns])
                np.maximum(errors[q, columns], bounds, out=errors[q, columns])
    return _Rough(scores, errors)


def _allowed(numbers: Indices, barred: Set[int]) -> npt.NDArray[np.bool_]:
    return np.array([n not in barred for n in numbers.tolist()], bool) if barred else np.ones(len(numbers), bool)


def _could_win(
    scores: Floats32, errors: Floats, allowed: npt.NDArray[np.bool_], wanted: int, least: float | None
) -> Indices:
    """Positions of the references that may be among the `wanted` best, whatever the rounding did to their scores."""
    high, low = scores + errors, scores - errors
    usable = np.flatnonzero(allowed if least is None else allowed & (high >= least))
    if len(usable) > wanted:
        sure = np.partition(low[usable], len(usable) - wanted)[len(usable) - wanted]
        usable = usable[high[usable] >= sure]  # `wanted` references reach `sure` at least
    return np.asarray(usable, np.int64)


def _settle(variants: Sequence[Clip], references: Sequence[Clip], chosen: Indices, window: int) -> dict[int, float]:
    """Position of each chosen reference -> its score in float64, of the best variant."""
    exact: dict[int, float] = {}
    for part in groups([len(references[c].vectors) for c in chosen], TILE_COLUMNS):
        clips = [references[c] for c in chosen[part]]
        stacked = np.concatenate([c.vectors for c in clips]).astype(np.float64).T
        starts = np.cumsum([0] + [len(c.vectors) for c in clips])
        best = np.full(len(clips), -np.inf)
        for x in variants:
            columns = (diagonal_sums(x.vectors.astype(np.float64) @ stacked, window) / x.norms[:, None]).max(axis=0)
            for n, clip in enumerate(clips):
                best[n] = max(best[n], (columns[starts[n] : starts[n] + len(clip.norms)] / clip.norms).max())
        exact.update(zip(chosen[part].tolist(), best.tolist(), strict=True))
    return exact


def _reported(exact: Mapping[int, float], numbers: Indices, wanted: int, least: float | None) -> dict[int, float]:
    """The best by the numbers of the references."""
    hits = {int(numbers[c]): score for c, score in exact.items() if least is None or score >= least}
    return best_of(hits, wanted)
