"""Statistics that stages share: ROC, intervals, null distributions, and multiple testing.

Functions take numpy arrays, are deterministic (seeded), and give `None` where a number does not exist (an AUC
of one class, a rate of nothing), so that no NaN reaches a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats as scipy_stats

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

EULER_GAMMA = float(np.euler_gamma)


def auc(scores: Array, labels: Array) -> float | None:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    `scores` float (n,), `labels` bool (n,). None where one class is absent.
    """
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return None
    ranks = scipy_stats.rankdata(scores)
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def roc(scores: Array, labels: Array) -> tuple[Floats, Floats]:
    """False- and true-positive rates at every distinct threshold, from (0, 0) to (1, 1). Empty for one class."""
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    if not labels.any() or labels.all():
        return np.empty(0), np.empty(0)
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(labels[order])[ends]
    alarms = ends + 1 - hits
    return np.append(0.0, alarms / (~labels).sum()), np.append(0.0, hits / labels.sum())


def tpr_at_fpr(scores: Array, labels: Array, fpr: float) -> float | None:
    """Largest true-positive rate of a threshold whose false-positive rate is at most `fpr`."""
    alarms, hits = roc(scores, labels)
    return float(hits[alarms <= fpr + 1e-12].max()) if len(alarms) else None


def best_accuracy(scores: Array, labels: Array) -> float | None:
    """Accuracy of the best threshold."""
    alarms, hits = roc(scores, labels)
    if not len(alarms):
        return None
    labels = np.asarray(labels, bool)
    right = hits * labels.sum() + (1 - alarms) * (~labels).sum()
    return float(right.max() / len(labels))


def precision_recall(truth: Array, verdict: Array) -> tuple[float | None, float | None]:
    """Precision and recall of boolean verdicts; None where nothing was called, or nothing is true."""
    truth, verdict = np.asarray(truth, bool), np.asarray(verdict, bool)
    hits = int((truth & verdict).sum())
    called, true = int(verdict.sum()), int(truth.sum())
    return (hits / called if called else None), (hits / true if true else None)


def bootstrap_ci(
    values: Array, groups: Array | None = None, *, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float] | None:
    """Percentile-bootstrap interval of the mean of `values` (n,), resampling whole `groups` (prompts).

    Videos of one prompt are not independent, so the prompt is the unit of resampling. Where all values are equal
    the bootstrap has no width; then the Clopper-Pearson-like bound of 0/n or n/n over groups is used for rates.
    None for no values.
    """
    values = np.asarray(values, float)
    if not len(values):
        return None
    names = np.arange(len(values)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    sums = np.bincount(names, weights=values)
    counts = np.bincount(names)
    units = len(sums)
    if np.all(values == values[0]):
        return _one_sided(float(values[0]), units, level)
    picks = np.random.default_rng(seed).integers(0, units, (draws, units))
    means = sums[picks].sum(1) / counts[picks].sum(1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _one_sided(value: float, units: int, level: float) -> tuple[float, float]:
    """Exact binomial bound when all of `units` agree on 0 or 1; no width for other constants."""
    bound = 1 - ((1 - level) / 2) ** (1 / units)
    if value == 0.0:
        return 0.0, float(bound)
    if value == 1.0:
        return float(1 - bound), 1.0
    return value, value


def auc_interval(
    scores: Array, labels: Array, groups: Array, *, draws: int = 500, seed: int = 0
) -> tuple[float, float] | None:
    """95 % bootstrap interval of the AUC, resampling whole groups (prompts); None where the AUC is None."""
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    if auc(scores, labels) is None:
        return None
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(members == g) for g in range(len(names))]
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        picked = np.concatenate([rows[g] for g in generator.integers(0, len(names), len(names))])
        value = auc(scores[picked], labels[picked])
        if value is not None:
            found.append(value)
    if not found:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def benjamini_hochberg(p_values: Array) -> Floats:
    """Benjamini-Hochberg adjusted p-values (q-values), in the order given."""
    p = np.asarray(p_values, float)
    if not len(p):
        return np.empty(0)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


@dataclass(frozen=True)
class Null:
    """Null distribution of a best-match score: what videos that can't be copies score against the corpus.

    A best match is a maximum over many, so beyond the sample the tail is that of a Gumbel distribution, fitted by
    L-moments (Hosking 1990): scale = l2 / ln 2, location = mean - gamma * scale.
    """

    scores: Floats  # sorted
    location: float
    scale: float

    @classmethod
    def fit(cls, scores: Array) -> Null:
        """Fit to null scores (n,), n >= 2."""
        x = np.sort(np.asarray(scores, float))
        n = len(x)
        if n < 2:
            raise ValueError(f"a null distribution needs at least 2 scores, not {n}")
        weights = 2 * np.arange(n) / (n - 1) - 1
        scale = max(float((weights * x).mean()) / float(np.log(2)), 1e-9)
        return cls(x, float(x.mean()) - EULER_GAMMA * scale, scale)

    def threshold(self, fpr: float) -> float:
        """Score that a null video reaches with probability at most `fpr`.

        The larger of the fitted quantile and the empirical one (the order statistic that `floor(fpr * n)` of the
        sample exceed): with few null videos the sample can't show a small rate, and a wrong accusation is the
        worse error.
        """
        n = len(self.scores)
        fitted = self.location - self.scale * float(np.log(-np.log1p(-fpr)))
        empirical = float(self.scores[n - 1 - int(np.floor(fpr * n))])
        return max(fitted, float(np.nextafter(empirical, np.inf)))

    def p_values(self, scores: Array) -> Floats:
        """P(null score >= score): the larger of the empirical and the fitted tail.

        Empirical with add-one, (1 + #{null >= s}) / (1 + n), as long as the score is inside the sample; beyond the
        sample the fitted tail, which may be smaller than 1 / (1 + n).
        """
        s = np.asarray(scores, float)
        n = len(self.scores)
        above = n - np.searchsorted(self.scores, s, side="left")
        empirical = (1 + above) / (1 + n)
        fitted = -np.expm1(-np.exp(-(s - self.location) / self.scale))
        return np.where(above > 0, np.maximum(empirical, fitted), np.minimum(np.maximum(fitted, 1e-12), 1.0))
