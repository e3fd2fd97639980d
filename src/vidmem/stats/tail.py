"""The upper tail of a null distribution, as an exponential law over its largest scores.

A best match is a maximum over many, and the tail of such maxima (Gumbel's law) falls exponentially. Only the tail is
fitted, since only the tail is used: a law of the whole distribution takes its slope from the middle, and was measured
to keep the rate far worse (`bench/truth/calibration.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

SHARE = 5  # the tail is one score in five
LEAST = 8  # scores in a tail, where that leaves half of the sample below it
PIVOTS = 20_000
REFUSED_BELOW = 0.05  # p-value of the fit
DEGENERATE = 1e-9  # a mean excess under this share of the scores' size is rounding, no slope


@dataclass(frozen=True)
class ExponentialTail:
    """P(null score > start + x) = p exp(-x / sigma), seen in the `count` largest of `n` scores.

    `start` is the largest score that is not in the tail, `mean_excess` the mean of the tail's scores minus `start`
    (which estimates sigma). If the tail is exponential, then whatever p and sigma are
    P = P(null > start) is Beta(count + 1, n - count), G = count * mean_excess / sigma is Gamma(count), and both are
    independent (Renyi 1953). So everything below is exact for any n: no number is plugged in. `fit_p_value` is that of
    an Anderson-Darling test; `heavier`: the excesses vary more than an exponential law's (variation coefficient > 1).
    """

    start: float
    mean_excess: float
    count: int
    n: int
    fit_p_value: float
    heavier: bool

    @classmethod
    def fit(cls, scores: Floats) -> ExponentialTail | None:
        """Of sorted scores (n,), n >= 2; None where there is no slope to fit, as in a constant sample.

        A start that is tied with the tail's least score moves down to the next smaller score, as far as the median.
        """
        n = len(scores)
        count = max(min(LEAST, n // 2), n // SHARE)
        while scores[n - count] == scores[n - count - 1] and count < n // 2:
            count += 1
        start = float(scores[n - count - 1])
        excesses = scores[n - count :] - start
        mean = float(excesses.mean())
        if mean <= DEGENERATE * max(abs(start), abs(float(scores[-1]))):
            return None
        heavier = bool((excesses**2).mean() > 2 * mean**2)
        return cls(start, mean, count, n, exponential_p_value(excesses), heavier)

    @property
    def refused(self) -> bool:
        """Whether the sample speaks against extrapolating: p < .05, and a tail that falls more slowly.

        Under a tail that falls faster than an exponential one (a bounded score, or a discrete one), the extrapolation
        errs to the safe side.
        """
        return self.fit_p_value < REFUSED_BELOW and self.heavier

    def survival(self, scores: Array) -> Floats:
        """P(a new null score >= score) for scores above `start`: E[P exp(-z G)] = (k + 1) / (n + 1) (1 + z)^-k.

        z = (score - start) / (k mean_excess), k = count. Our predictive distribution: it averages over what the sample
        leaves open about p and sigma, so that a new null score reaches its 1 - a quantile with probability a.
        """
        z = np.maximum(np.asarray(scores, float) - self.start, 0) / (self.count * self.mean_excess)
        return (self.count + 1) / (self.n + 1) * np.exp(-self.count * np.log1p(z))

    def quantile(self, rate: float) -> float:
        """The score with `survival` = rate."""
        z = np.expm1(np.log((self.count + 1) / (self.n + 1) / rate) / self.count)
        return self.start + self.count * self.mean_excess * float(max(z, 0.0))

    def quantile_interval(self, rate: float, level: float = 0.95) -> tuple[float, float]:
        """Interval of the score that null videos truly reach with probability `rate`."""
        p, g = _pivots(self.count, self.n)
        low, high = np.quantile(np.log(p / rate) / g, _ends(level)) * self.count * self.mean_excess
        return self.start + float(low), self.start + float(high)

    def rate_interval(self, score: float, level: float = 0.95) -> tuple[float, float]:
        """Interval of the probability with which null videos truly reach `score`."""
        p, g = _pivots(self.count, self.n)
        z = max(score - self.start, 0) / (self.count * self.mean_excess)
        low, high = np.quantile(p * np.exp(-z * g), _ends(level))
        return float(low), float(high)


def _ends(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]


@lru_cache(maxsize=32)
def _pivots(count: int, n: int) -> tuple[Floats, Floats]:
    """Seeded draws of P and G: what the sample leaves open, which depends on its size alone."""
    generator = np.random.default_rng([count, n])
    return generator.beta(count + 1, n - count, PIVOTS), generator.gamma(count, 1, PIVOTS)


def exponential_p_value(excesses: Array) -> float:
    """Anderson-Darling test that `excesses` (k,) >= 0 are exponential, of unknown mean > 0.

    A^2 (1 + 0.6 / k) and its p-value by the formula of D'Agostino and Stephens 1986 (table 4.14), which simulation
    confirms for k >= 8 to within a tenth of the p-value. Repeated zeros are refused (p = 0): no such law has them.
    """
    x = np.sort(np.asarray(excesses, float))
    k = len(x)
    if x[0] <= 0:
        return 0.0
    t = x / x.mean()
    weights = 2 * np.arange(1, k + 1) - 1
    a = float(-k - (weights * (np.log(-np.expm1(-t)) - t[::-1])).mean()) * (1 + 0.6 / k)
    if a < 0.26:
        return float(-np.expm1(-12.2204 + 67.459 * a - 110.3 * a**2))
    if a < 0.51:
        return float(-np.expm1(-6.1327 + 20.218 * a - 18.663 * a**2))
    if a < 0.95:
        return float(np.exp(0.9209 - 3.353 * a + 0.3 * a**2))
    return float(np.exp(0.731 - 3.009 * a + 0.15 * a**2)) if a < 10 else 0.0
