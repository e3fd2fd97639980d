"""Where the line is drawn: a threshold for a stated false-positive rate, from scores of videos that can't be copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vidmem.stats import Null, TooFewNull, binomial_interval, null_needed

Floats = npt.NDArray[np.float64]
Method = Literal["order statistic", "tail fit", "customary", "ceiling"]


@dataclass(frozen=True)
class Calibration:
    """A threshold and where it comes from.

    `fpr` is None where no rate is stated, and `reason` then says why in a sentence; `null` is None where there were
    fewer null videos than are looked at all. `threshold_interval` holds the score that null videos truly reach with
    probability `fpr` (95 %; its upper end is None where the sample can't tell). `fpr_interval` holds the rate at which
    null videos truly reach the threshold, also where no rate is stated; None without null videos.
    """

    threshold: float
    customary: float
    fpr: float | None
    null_videos: int
    null: Null | None
    method: Method = "customary"
    reason: str | None = None
    null_needed: int = 0
    threshold_interval: tuple[float, float | None] | None = None
    fpr_interval: tuple[float, float] | None = None

    def p_values(self, scores: Floats) -> list[float | None]:
        """Chance of such a score for a video that can't be a copy; None where that isn't known."""
        if self.null is None:
            return [None] * len(scores)
        return [float(p) for p in self.null.p_values(scores)]

    def describe(self) -> dict[str, Any]:
        """What the report needs, as plain data. `null_location`, `null_scale`: start and mean excess of the tail."""
        tail = self.null.tail if self.null else None
        drawn, rate = self.threshold_interval or (None, None), self.fpr_interval or (None, None)
        return {
            "threshold": self.threshold,
            "threshold_low": drawn[0],
            "threshold_high": drawn[1],
            "customary": self.customary,
            "fpr": self.fpr,
            "fpr_low": rate[0],
            "fpr_high": rate[1],
            "method": self.method,
            "reason": self.reason,
            "null_videos": self.null_videos,
            "null_needed": self.null_needed,
            "null_scores": [round(float(s), 6) for s in self.null.scores] if self.null else [],
            "null_location": tail.start if tail else None,
            "null_scale": tail.mean_excess if tail else None,
            "fit_p_value": self.null.fit_p_value if self.null else None,
        }


def calibrate(
    null_scores: Floats, *, fpr: float, min_null: int, customary: float, ceiling: float = float("inf")
) -> Calibration:
    """Threshold that a null video reaches with probability `fpr`.

    With 1 / fpr - 1 null videos or more, an order statistic of their scores; with fewer, but `min_null`, an
    extrapolated tail. In three cases no rate is stated. With fewer than `min_null` null videos, and where fewer than
    the rate needs have a tail that can't be extrapolated, the customary threshold holds, or what is above all of their
    scores if that is more: in a corpus whose clips all look alike the customary one would accuse everything. And a
    threshold above `ceiling` could call nothing, not even an identical copy: the null clips then resemble the corpus
    too much to be unrelated, so the ceiling holds. `ValueError` for null scores that are not finite.
    """
    scores = np.asarray(null_scores, np.float64)
    count, needed = len(scores), null_needed(fpr)
    if not np.isfinite(scores).all():
        raise ValueError(f"null scores: {int((~np.isfinite(scores)).sum())} of {count} are not finite numbers")
    null = Null.fit(scores) if count >= max(min_null, 2) else None
    if null is None:
        least = f"a rate needs at least {max(min_null, 2)} null videos ({needed} for {fpr:g} without extrapolation)"
        reason = f"{least}, and there are {count}"
        return _without_rate(scores, None, customary, ceiling, needed, reason)
    try:
        threshold, method = null.threshold(fpr), null.method(fpr)
    except TooFewNull as error:
        return _without_rate(scores, null, customary, ceiling, needed, str(error))
    if threshold > ceiling:
        reason = (
            f"the null videos resemble the corpus so much that not even an identical copy would be called at {fpr:g}"
        )
        rate = binomial_interval(int((scores >= ceiling).sum()), count)
        return Calibration(ceiling, customary, None, count, null, "ceiling", reason, needed, None, rate)
    drawn, rate = null.threshold_interval(fpr), null.fpr_interval(fpr)
    return Calibration(threshold, customary, fpr, count, null, method, None, needed, drawn, rate)


def _without_rate(
    scores: Floats, null: Null | None, customary: float, ceiling: float, needed: int, reason: str
) -> Calibration:
    above = float(np.nextafter(scores.max(), np.inf)) if len(scores) else customary
    threshold = min(max(customary, above), ceiling)
    rate = binomial_interval(int((scores >= threshold).sum()), len(scores))
    return Calibration(threshold, customary, None, len(scores), null, "customary", reason, needed, None, rate)
