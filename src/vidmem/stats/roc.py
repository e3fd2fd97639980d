"""ROC curves and what is read off them; `None` where a number does not exist."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats as scipy_stats

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


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


def auc_difference(scores: Array, others: Array, labels: Array) -> tuple[float, float]:
    """AUC of `scores` minus that of `others` (n,) on the same cases, and its standard error.

    The error is DeLong's for two correlated curves (Biometrics 44, 1988). Infinite with fewer than two of a class.
    """
    labels = np.asarray(labels, bool)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if min(positives, negatives) < 2:
        return 0.0, float("inf")
    wins = _wins(scores, labels) - _wins(others, labels)
    variance = wins.mean(1).var(ddof=1) / positives + wins.mean(0).var(ddof=1) / negatives
    return float(wins.mean()), float(np.sqrt(variance))


def _wins(scores: Array, labels: Array) -> Floats:
    """Which positives (rows) score above which negatives (columns), ties counting half."""
    scores = np.asarray(scores, float)
    above = scores[labels][:, None] - scores[~labels][None]
    wins: Floats = (np.sign(above) + 1) / 2
    return wins


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
