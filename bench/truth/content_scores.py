"""Every content score of one query against many clips at once, and how well a score tells copies from the rest.

The scores are those of `vidmem.similarity.content`, batched; a test holds them against it. Score normalisation takes
off what a query scores with *background* clips, which share nothing with the references:
s'(q, r) = s(q, r) - beta * mean of the k largest s(q, b) (as in the descriptor track of VSC2022, arXiv 2306.09489,
there for descriptors; here of videos, and for comparison of frames).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from vidmem import stats

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Table = dict[str, Floats]  # a score's name to its values, float (queries, clips)

RUNS = (2, 3, 5)
LEVELS = (0.5, 0.75)
BETAS, NEAREST = (0.5, 1.0, 1.2), (1, 5, 10)
FPRS = (0.01, 0.001)
DRAWS = 1000
FRAME = "by frame"  # marks variants whose normalisation is each frame's own


@dataclass(frozen=True)
class Library:
    """Clips' frame vectors, grouped by their number of frames so that a group is one array (clips, frames, D)."""

    size: int
    groups: tuple[tuple[Numbers, Vectors], ...]

    @classmethod
    def of(cls, clips: Sequence[Vectors]) -> Library:
        lengths = np.array([len(v) for v in clips])
        members = [np.flatnonzero(lengths == n) for n in np.unique(lengths)]
        return cls(len(clips), tuple((m, np.stack([clips[i] for i in m])) for m in members))

    def similarities(self, x: Vectors) -> list[tuple[Numbers, Floats]]:
        """Of each group its clips and s_ij, float64 (clips, frames of x, frames of the clip)."""
        return [(m, np.einsum("id,cjd->cij", x, y, optimize=True).astype(np.float64)) for m, y in self.groups]


def scores(x: Vectors, library: Library) -> Table:
    """Every plain score of one query's frame vectors (n, D) against each clip: values of shape (clips,)."""
    out: Table = {}
    for members, s in library.similarities(x):
        for name, values in _plain(s).items():
            out.setdefault(name, np.empty(library.size))[members] = values
    return out


def _plain(s: Floats) -> Table:
    shorter = min(s.shape[1:])
    found = {"gsscd_max": s.max(axis=(1, 2))}
    for k in RUNS:
        found[f"gsscd_{k}"] = diagonal_means(s, min(k, shorter)).max(axis=(1, 2))
    found["vsscd"] = diagonal_means(s, shorter).max(axis=(1, 2))
    for level in LEVELS:
        gen, ref = ((s >= level).any(axis=axis).mean(axis=1) for axis in (2, 1))
        found |= {f"gen_fraction@{level}": gen, f"ref_fraction@{level}": ref}
        found[f"min_fraction@{level}"] = np.minimum(gen, ref)
    found["best_segment@0.5"] = best_run(s - LEVELS[0])
    return found


def diagonal_means(s: Floats, k: int) -> Floats:
    """Means of k consecutive entries down the diagonals of each s (clips, n, m): (clips, n - k + 1, m - k + 1)."""
    n, m = s.shape[1] - k + 1, s.shape[2] - k + 1
    total = np.zeros((len(s), n, m))
    for r in range(k):
        total += s[:, r : r + n, r : r + m]
    return total / k


def best_run(gain: Floats) -> Floats:
    """Largest sum of a run down a diagonal of each gain (clips, n, m): Kadane's recursion, (clips,)."""
    before = np.zeros((gain.shape[0], gain.shape[2] + 1))
    best = np.full(len(gain), -np.inf)
    for row in range(gain.shape[1]):
        now = gain[:, row] + np.maximum(before[:, :-1], 0.0)
        best = np.maximum(best, now.max(axis=1))
        before = np.concatenate([np.zeros((len(gain), 1)), now], axis=1)
    return best


def frame_normalised(x: Vectors, library: Library, background: Library) -> Table:
    """gsscd_max and gsscd_3 of s_ij - beta * n_i, n_i the mean of frame i's k largest similarities to background
    clips (the best frame of each): one name a beta and k."""
    near = np.empty((len(x), background.size))
    for members, s in background.similarities(x):
        near[:, members] = s.max(axis=2).T
    near = -np.sort(-near, axis=1)
    out: Table = {}
    for members, s in library.similarities(x):
        for run in (1, 3):
            length = min(run, *s.shape[1:])
            rows = diagonal_means(s, length).max(axis=2)  # the best run that begins at each of the query's frames
            for beta in BETAS:
                for k in NEAREST:
                    bias = np.convolve(near[:, :k].mean(axis=1), np.full(length, 1 / length), "valid")
                    name = variant("gsscd_max" if run == 1 else f"gsscd_{run}", beta, k, FRAME)
                    values = (rows - beta * bias).max(axis=1)
                    out.setdefault(name, np.empty(library.size))[members] = values
    return out


def variant(score: str, beta: float = 0.0, k: int = 0, how: str = "") -> str:
    """A variant's name: `gsscd_max`, `gsscd_max - 1 top-5`, `gsscd_max - 1 top-5 by frame`."""
    return score if not beta else f"{score} - {beta:g} top-{k} {how}".strip()


def normalised(table: Floats, background: Floats, beta: float, k: int) -> Floats:
    """Scores (queries, clips) less beta times the mean of each query's k largest of `background` (queries, clips)."""
    largest = -np.sort(-background, axis=1)[:, :k]
    return table - beta * largest.mean(axis=1, keepdims=True)


@dataclass(frozen=True)
class Truth:
    """Who is a copy of what. `original` (queries,): the reference's number, -1 for none; `group` (queries,): footage
    that is resampled as one; `kin` (queries, clips) bool: same footage or film, never counted as a non-copy; `same`
    (queries, clips) bool: same shot or layout, which doesn't count as a wrong answer; `pooled` (queries,) bool:
    whose best scores over everything but their kin are the negatives."""

    original: Numbers
    group: Numbers
    kin: Flags
    same: Flags
    pooled: Flags

    def part(self, queries: Numbers, clips: Numbers) -> Truth:
        """The truth of some of the queries against some of the clips, which are numbered anew."""
        place = np.full(self.kin.shape[1] + 1, -1)  # the last one stands for no original
        place[clips] = np.arange(len(clips))
        kin, same = (table[np.ix_(queries, clips)] for table in (self.kin, self.same))
        return Truth(place[self.original[queries]], self.group[queries], kin, same, self.pooled[queries])


class Judge:
    """How well one score, a table (queries, clips), finds the originals of the copies among the queries.

    A copy's score is the one with its own original. The negatives are the best scores over all references of the
    `pooled` queries, whatever is their kin left out: queries that have no original, and copies as if theirs were not
    in the corpus.
    """

    def __init__(self, table: Floats, truth: Truth, seed: int) -> None:
        self.table, self.truth, self.seed = table, truth, seed
        self.weights = resampled(int(truth.group.max()) + 1, seed)
        strangers = np.where(truth.kin, -np.inf, table)[truth.pooled]
        null, null_groups = strangers.max(axis=1), truth.group[truth.pooled]
        real = np.isfinite(strangers)
        pair_groups = np.broadcast_to(null_groups[:, None], strangers.shape)[real]
        self.nulls = len(null)
        self._thresholds = {fpr: threshold_draws(null, null_groups, fpr, self.weights) for fpr in FPRS}
        self._null = by_group(null, null_groups, self.weights.shape[1])
        self._pairs = by_group(strangers[real], pair_groups, self.weights.shape[1])

    def copies(self, asked: Flags) -> tuple[Numbers, Floats, Numbers]:
        """The copies among `asked`: their numbers, scores with their originals, and groups."""
        copies = np.flatnonzero(asked & (self.truth.original >= 0))
        return copies, self.table[copies, self.truth.original[copies]], self.truth.group[copies]

    def auc(self, asked: Flags) -> Floats:
        """The AUC of copies against negatives: of the sample, then of every resample, (1 + DRAWS,)."""
        _, own, groups = self.copies(asked)
        return auc_draws(own, groups, self._null, self.weights)

    def figures(self, asked: Flags) -> dict[str, float | int | None]:
        """What is reported of the copies among `asked`, of which there must be one.

        auc: copies against negatives. pair_auc: copies against every pair of a pooled query and a clip that is not
        its kin. recall_at_k: the own original among the k best of the corpus. tpr_at_f: copies above the threshold
        that the share f of the negatives exceeds, None where there are fewer than 1 / f. `_low` and `_high`: the 95 %
        bootstrap interval over originals.
        """
        copies, own, groups = self.copies(asked)
        row: dict[str, float | int | None] = {"n": len(copies), "originals": len(np.unique(groups))}
        row |= {"nulls": self.nulls, **interval("auc", self.auc(asked))}
        row |= interval("pair_auc", auc_draws(own, groups, self._pairs, self.weights))
        rank = self._ranks(copies, own)
        for k in (1, 5):
            hit = (rank <= k).astype(float)
            row |= _named(f"recall_at_{k}", float(hit.mean()), stats.bootstrap_ci(hit, groups, seed=self.seed))
        for fpr in FPRS:
            row |= self._tpr(fpr, own, groups)
        return row

    def _ranks(self, copies: Numbers, own: Floats) -> Numbers:
        """1 + how many clips score as high as the original; other pieces of its shot don't count."""
        as_high = (self.table[copies] >= own[:, None]) & ~self.truth.same[copies]
        return np.asarray(1 + as_high.sum(axis=1), np.int64)

    def _tpr(self, fpr: float, own: Floats, groups: Numbers) -> Mapping[str, float | None]:
        name = f"tpr_at_{fpr:g}"
        if fpr * self.nulls < 1:
            return {name: None, f"{name}_low": None, f"{name}_high": None}
        row = interval(name, tpr_draws(own, groups, self._thresholds[fpr], self.weights))
        value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
        if value in (0.0, 1.0):  # draws of a constant may all agree: the exact binomial bound over originals is wider
            exact = stats.bootstrap_ci(np.full(len(own), value), groups) or (value, value)
            row = _named(name, value, (min(low, exact[0]), max(high, exact[1])))
        return row


@lru_cache(maxsize=4)
def resampled(groups: int, seed: int) -> Floats:
    """How often each group is drawn, float (1 + DRAWS, groups); the first row is the sample itself."""
    picks = np.random.default_rng(seed).integers(0, groups, (DRAWS, groups))
    counts = [np.bincount(p, minlength=groups) for p in picks]
    return np.stack([np.ones(groups), *counts]).astype(np.float64)


def by_group(values: Floats, groups: Numbers, size: int) -> list[Floats]:
    """The values of each of `size` groups, ascending."""
    order = np.lexsort((values, groups))
    ends = np.searchsorted(groups[order], np.arange(1, size))
    return np.split(values[order], ends)


def auc_draws(own: Floats, groups: Numbers, null: Sequence[Floats], weights: Floats) -> Floats:
    """The AUC under each row of weights (draws, groups): wins between pairs of groups over the number of pairs.

    `null` holds the negatives by group, ascending. NaN where a draw has no positive or no negative.
    """
    size = weights.shape[1]
    wins = np.zeros((size, size))
    for g, values in enumerate(null):
        below, up_to = (np.searchsorted(values, own, side=side) for side in ("left", "right"))
        wins[:, g] = np.bincount(groups, weights=(below + up_to) / 2, minlength=size)
    positives = weights @ np.bincount(groups, minlength=size)
    negatives = weights @ np.array([len(values) for values in null])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(((weights @ wins) * weights).sum(axis=1) / (positives * negatives))


def threshold_draws(null: Floats, groups: Numbers, fpr: float, weights: Floats) -> Floats:
    """Under each row of weights the smallest negative that at most the share `fpr` of them exceeds (draws,)."""
    order = np.argsort(-null, kind="stable")
    above = np.cumsum(weights[:, groups[order]], axis=1)
    allowed = above <= fpr * above[:, -1:] + 1e-9
    return np.asarray(null[order][np.minimum(allowed.sum(axis=1), len(null) - 1)])


def tpr_draws(own: Floats, groups: Numbers, thresholds: Floats, weights: Floats) -> Floats:
    """The share of copies above each draw's threshold under its weights; ties are not above."""
    mass = weights[:, groups]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(((own > thresholds[:, None]) * mass).sum(axis=1) / mass.sum(axis=1))


def interval(name: str, draws: Floats) -> dict[str, float | None]:
    """The first draw, which is the sample itself, and the 2.5 and 97.5 % quantiles of the rest."""
    rest = draws[1:][np.isfinite(draws[1:])]
    low_high = np.quantile(rest, (0.025, 0.975)).tolist() if len(rest) else None
    return _named(name, float(draws[0]), low_high)


def _named(name: str, value: float, bounds: Sequence[float] | None) -> dict[str, float | None]:
    low, high = bounds or (None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}
