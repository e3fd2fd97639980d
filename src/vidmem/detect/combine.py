"""The combination of detectors: a logistic regression, scored on prompts that it was not fitted on.

Whole prompts are dealt to the folds. Videos of one prompt are near-copies of each other where it counts: with some of
them on the fitting side the score of the others would be a look at the answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.detect.heard import Flags, Floats, Names, Units

FOLDS, REPEATS = 5, 5


class TooFewPrompts(ValueError):
    """Too few prompts of one class to fit on some and judge the others."""


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
    """Log odds (n,) of each case by regressions that saw no case of its prompt: the mean over `REPEATS` deals.

    Raises `TooFewPrompts` with fewer than two prompts of a class.
    """
    folds = _folds(cases)
    found = np.zeros(len(cases.labels))
    for seed in range(REPEATS):
        fold = deal(cases.labels, cases.groups, folds, seed)
        for k in range(folds):
            held = fold == k
            fitted = fit(Units(cases.values[~held], cases.labels[~held], cases.groups[~held]))
            found[held] += fitted.decision_function(cases.values[held]) / REPEATS
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


def fit(cases: Units) -> Any:
    """scikit-learn's logistic regression (L2, C = 1) of standardised values (n, features)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000)).fit(cases.values, cases.labels)
