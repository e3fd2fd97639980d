"""Intervals of means, rates and AUCs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats as scipy_stats

from vidmem.stats.roc import auc

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


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


def binomial_interval(count: int, n: int, *, level: float = 0.95) -> tuple[float, float] | None:
    """Exact (Clopper-Pearson 1934) interval of a rate of which `count` of `n` independent cases were seen.

    None for n = 0; `ValueError` where `count` is no number from 0 to n.
    """
    if not 0 <= count <= n:
        raise ValueError(f"expected a count from 0 to {n}, not {count}")
    if n == 0:
        return None
    tail = (1 - level) / 2
    low = float(scipy_stats.beta.ppf(tail, count, n - count + 1)) if count else 0.0
    high = float(scipy_stats.beta.ppf(1 - tail, count + 1, n - count)) if count < n else 1.0
    return low, high
