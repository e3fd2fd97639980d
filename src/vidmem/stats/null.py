"""Null distributions: what videos that can't be copies score, and where that puts the line for a stated rate.

Inside the sample the order statistics decide, which keep the rate whatever the distribution is (conformal prediction;
Vovk et al. 2005). Beyond it there is only extrapolation, by an exponential tail (`vidmem.stats.tail`), and none where
the sample speaks against such a tail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats as scipy_stats

from vidmem.stats.tail import ExponentialTail

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Method = Literal["order statistic", "tail fit"]

ALIKE = "are all alike"
SLOW = "have a tail that falls too slowly to be extrapolated"


class TooFewNull(ValueError):
    """Fewer null scores than a stated rate needs, and no tail that could be extrapolated."""


def null_needed(fpr: float) -> int:
    """Least number of null scores that show a rate of `fpr` without extrapolation: 1 / fpr - 1."""
    return math.ceil(1 / fpr - 1 - 1e-9)


@dataclass(frozen=True)
class Null:
    """Null distribution of a best-match score: what videos that can't be copies score against the corpus."""

    scores: Floats  # sorted
    tail: ExponentialTail | None

    @classmethod
    def fit(cls, scores: Array) -> Null:
        """Of null scores (n,), in any order. `ValueError` for fewer than 2 and for scores that are not finite."""
        x = np.sort(np.asarray(scores, float))
        lost = int((~np.isfinite(x)).sum())
        if lost:
            raise ValueError(f"null scores: {lost} of {len(x)} are not finite numbers")
        if len(x) < 2:
            raise ValueError(f"a null distribution needs at least 2 scores, not {len(x)}")
        return cls(x, ExponentialTail.fit(x))

    @property
    def fit_p_value(self) -> float | None:
        """p-value of the tail's fit; None where there is no tail to fit."""
        return self.tail.fit_p_value if self.tail else None

    @property
    def extrapolated(self) -> ExponentialTail | None:
        """The tail, if the sample doesn't speak against it."""
        return self.tail if self.tail and not self.tail.refused else None

    def method(self, fpr: float) -> Method:
        """How the threshold for `fpr` is found. `TooFewNull` where it can't be."""
        n, needed = len(self.scores), null_needed(fpr)
        if n >= needed:
            return "order statistic"
        if self.extrapolated:
            return "tail fit"
        why = ALIKE if self.tail is None else SLOW
        raise TooFewNull(
            f"a false-positive rate of {fpr:g} needs {needed} null videos, and there are {n}, whose scores {why}"
        )

    def threshold(self, fpr: float, method: Method | None = None) -> float:
        """Score that a null video reaches with probability at most `fpr`: the least one with a p-value <= fpr.

        "order statistic": just above the floor(fpr (n + 1))-th largest null score. "tail fit": the tail's quantile, but
        above all null scores, for the sample is too small to leave one of them out. `method` left out: the first
        where there are enough scores for it. `TooFewNull` where there are too few, and where no tail fits.
        """
        if (method or self.method(fpr)) == "order statistic":
            rank = self._rank(fpr)
            return self._above(len(self.scores) - rank)
        if not self.extrapolated:
            raise TooFewNull(
                f"no tail to extrapolate: the {len(self.scores)} null scores {SLOW if self.tail else ALIKE}"
            )
        return max(self.extrapolated.quantile(fpr), self._above(len(self.scores) - 1))

    def _above(self, index: int) -> float:
        return float(np.nextafter(self.scores[index], np.inf))

    def _rank(self, fpr: float) -> int:
        """Which of the largest null scores the threshold is above: 1 is the largest."""
        n, needed = len(self.scores), null_needed(fpr)
        if n < needed:
            raise TooFewNull(f"a false-positive rate of {fpr:g} needs {needed} null videos, and there are {n}")
        return math.floor(fpr * (n + 1) + 1e-9)

    def threshold_interval(self, fpr: float) -> tuple[float, float | None]:
        """95 % interval of the score that null videos truly reach with probability `fpr`.

        By order statistics (exact, any distribution) as far as the sample goes, above it by the tail; None where
        nothing tells how far above.
        """
        tail = self.extrapolated
        if self.method(fpr) == "tail fit":
            assert tail is not None
            drawn = self.threshold(fpr)
            low, high = tail.quantile_interval(fpr)
            return min(low, drawn), max(high, drawn)
        n = len(self.scores)
        first, last = (int(scipy_stats.binom.ppf(q, n, 1 - fpr)) for q in (0.025, 0.975))
        below = float(self.scores[max(first, 1) - 1])
        if last < n:
            return below, float(self.scores[last])
        return below, max(tail.quantile_interval(fpr)[1], float(self.scores[-1])) if tail else None

    def fpr_interval(self, fpr: float) -> tuple[float, float]:
        """95 % interval of the rate at which null videos truly reach `threshold(fpr)`.

        The rate above the r-th largest of n scores is Beta(r, n + 1 - r), whatever the (continuous) distribution is;
        ties only lower it. For a tail fit by the tail's pivots.
        """
        if self.method(fpr) == "tail fit":
            assert self.extrapolated is not None
            return self.extrapolated.rate_interval(self.threshold(fpr))
        rank = self._rank(fpr)
        low, high = scipy_stats.beta.ppf([0.025, 0.975], rank, len(self.scores) + 1 - rank)
        return float(low), float(high)

    def p_values(self, scores: Array) -> Floats:
        """P(null score >= score): (1 + #{null >= s}) / (1 + n), valid for any distribution.

        For scores above all null ones that is 1 / (1 + n); there the tail's probability is taken if it is smaller
        and the tail's fit is not refused. `ValueError` for a NaN.
        """
        s = np.asarray(scores, float)
        if np.isnan(s).any():
            raise ValueError(f"scores: {int(np.isnan(s).sum())} of {s.size} are not numbers")
        n = len(self.scores)
        above = n - np.searchsorted(self.scores, s, side="left")
        counted = (1 + above) / (1 + n)
        if self.extrapolated is None:
            return np.asarray(counted, float)
        return np.where(above > 0, counted, np.minimum(counted, np.maximum(self.extrapolated.survival(s), 1e-300)))
