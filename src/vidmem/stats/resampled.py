"""What is read off a ROC curve, over bootstrap draws of whole groups (prompts): all draws at once.

A draw gives every group a weight, how often it was picked; the curve of a draw is that of the weighted cases. Two
scores of the same cases that are given the same seed meet the same draws: their difference is a paired one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
BLOCK = 2_000_000  # draws x cases that are looked at at once: 16 MB an array


@dataclass(frozen=True)
class Resampled:
    """By draw, (draws,): NaN where a draw holds one class alone. `tpr` has a column for each rate asked for."""

    auc: Floats
    best_accuracy: Floats
    tpr: Floats


def resampled_roc(
    scores: Array, labels: Array, groups: Array, *, fprs: Sequence[float] = (), draws: int = 500, seed: int = 0
) -> Resampled:
    """AUC, best accuracy and true-positive rates at `fprs` of scores (n,) with bool labels (n,), by draw of groups."""
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    weights, order = group_weights(groups, draws, seed), np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)) if len(order) else order
    size = max(BLOCK // max(len(order), 1), 1)
    blocks = [_figures(weights[i : i + size, order], labels[order], ends, fprs) for i in range(0, draws, size)]
    found = np.hstack(blocks) if blocks else np.empty((2 + len(fprs), 0))
    return Resampled(found[0], found[1], found[2:].T)


def _figures(weights: Floats, labels: Array, ends: Array, fprs: Sequence[float]) -> Floats:
    """AUC, best accuracy and true-positive rates (2 + fprs, draws) of weighted cases, riskiest first."""
    none = np.zeros((len(weights), 1))
    hits = np.hstack([none, np.cumsum(weights * labels, 1)[:, ends]])
    alarms = np.hstack([none, np.cumsum(weights * ~labels, 1)[:, ends]])
    true, false = hits[:, -1:], alarms[:, -1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        tpr, fpr = hits / true, alarms / false
        right = (hits + false - alarms).max(1) / (true + false)[:, 0]
    at = [np.where(fpr <= f + 1e-12, tpr, 0.0).max(1) for f in fprs]
    one_class = (true[:, 0] == 0) | (false[:, 0] == 0)
    return np.stack([np.where(one_class, np.nan, v) for v in (np.trapezoid(tpr, fpr, axis=1), right, *at)])


def group_weights(groups: Array, draws: int, seed: int = 0) -> Floats:
    """How often each case (n,) is picked when whole groups are drawn with replacement: (draws, n)."""
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    picks = np.random.default_rng(seed).integers(0, max(len(names), 1), (draws, len(names)))
    counts = np.zeros((draws, max(len(names), 1)))
    np.add.at(counts, (np.arange(draws)[:, None], picks), 1.0)
    return counts[:, members]


def quantile_interval(values: Array, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of a figure over draws (draws,), without its NaN; None where nothing is left."""
    kept = np.asarray(values, float)
    kept = kept[np.isfinite(kept)]
    if not len(kept):
        return None
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
