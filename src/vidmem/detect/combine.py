"""The combination of detectors: fitted on some prompts, scored on others.

A score is a weighted mean of standardised detectors. The weights are those of a logistic regression (L2, C = 1) that
may not be negative, for every detector is so signed that a higher score is riskier; a negative weight would be an
accident of few prompts. And a mixture has to earn its place: unless it beats the best single detector on the prompts
that it is fitted on by more than one standard error of the difference of their AUCs (DeLong's, paired), that detector
stands alone (the one-standard-error rule, Breiman et al. 1984, as here applied: ours).

Whole prompts are dealt to the folds. Videos of one prompt are near-copies of each other where it counts: with some of
them on the fitting side the score of the others would be a look at the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from vidmem import stats
from vidmem.detect.heard import Flags, Floats, Names, Units

FOLDS, REPEATS = 5, 5
PENALTY = 1.0  # 1 / C


class TooFewPrompts(ValueError):
    """Too few prompts of one class to fit on some and judge the others."""


@dataclass(frozen=True)
class Combination:
    """Weights (features,) of at least 0 that sum to 1, for values that are standardised by `centre` and `spread`."""

    centre: Floats
    spread: Floats
    weights: Floats

    def score(self, values: Floats) -> Floats:
        """Scores (n,) of values (n, features)."""
        scores: Floats = _standard(values, self.centre, self.spread) @ self.weights
        return scores


def fit(cases: Units) -> Combination:
    """The combination of detectors for cases (n, features) of both classes."""
    centre, spread = _moments(cases.values)
    return Combination(centre, spread, fit_weights(_standard(cases.values, centre, spread), cases.labels))


def fit_weights(values: Floats, labels: Flags) -> Floats:
    """Weights (features,) for standardised values (n, features): of the mixture, or of one detector alone."""
    singles = [stats.auc(column, labels) or 0.0 for column in values.T]
    best = int(np.argmax(singles))
    alone: Floats = np.eye(len(singles))[best]
    mixture = _not_negative(values, labels)
    if mixture is None:
        return alone
    ahead, error = stats.auc_difference(values @ mixture, values[:, best], labels)
    return mixture if ahead > error else alone


def _not_negative(values: Floats, labels: Flags) -> Floats | None:
    """Weights of the regression, which sum to 1; None if all are 0."""
    sign = np.where(labels, 1.0, -1.0)

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = sign * (values @ w[:-1] + w[-1])
        slope = -sign * expit(-margin)
        value = np.logaddexp(0, -margin).sum() + PENALTY / 2 * (w[:-1] ** 2).sum()
        return float(value), np.append(values.T @ slope + PENALTY * w[:-1], slope.sum())

    features = values.shape[1]
    bounds = [(0.0, None)] * features + [(None, None)]
    found = minimize(loss, np.zeros(features + 1), jac=True, bounds=bounds, method="L-BFGS-B").x[:-1]
    total = found.sum()
    return np.asarray(found / total, np.float64) if total > 0 else None


def deal(labels: Flags, groups: Names, folds: int, seed: int) -> npt.NDArray[np.intp]:
    """Fold of each case (n,): whole groups, at random, positive and negative ones evenly; the same for a seed."""
    names, member = np.unique(groups, return_inverse=True)
    positive = np.bincount(member, weights=labels) > 0
    fold = np.empty(len(names), np.intp)
    generator, start = np.random.default_rng(seed), 0
    for kind in (True, False):
        mine = generator.permutation(np.flatnonzero(positive == kind))
        fold[mine] = (start + np.arange(len(mine))) % folds
        start += len(mine)
    return fold[member]


def out_of_fold(cases: Units) -> Floats:
    """Scores (n,) of each case by weights that saw no case of its prompt: the mean over `REPEATS` deals.

    Values are standardised over all cases, which takes no label. Raises `TooFewPrompts` with fewer than two prompts of
    a class.
    """
    folds = _folds(cases)
    values = _standard(cases.values, *_moments(cases.values))
    found = np.zeros(len(cases.labels))
    for seed in range(REPEATS):
        fold = deal(cases.labels, cases.groups, folds, seed)
        for k in range(folds):
            held = fold == k
            found[held] += values[held] @ fit_weights(values[~held], cases.labels[~held]) / REPEATS
    return found


def _folds(cases: Units) -> int:
    positive = len(np.unique(cases.groups[cases.labels]))
    negative = len(np.unique(cases.groups)) - positive
    folds = min(FOLDS, positive, negative)
    if folds < 2:
        raise TooFewPrompts(
            f"too few prompts to fit on some and judge the others: {positive} positive and {negative} negative"
        )
    return folds


def _moments(values: Floats) -> tuple[Floats, Floats]:
    return values.mean(0), values.std(0)


def _standard(values: Floats, centre: Floats, spread: Floats) -> Floats:
    standard: Floats = (values - centre) / np.where(spread > 0, spread, 1.0)
    return standard
