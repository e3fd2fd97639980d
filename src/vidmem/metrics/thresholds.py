"""Where the line is drawn: a threshold for a stated false-positive rate, from scores of videos that can't be copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.stats import Null

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """A threshold and where it comes from. `fpr` and `null` are None where there were too few null videos."""

    threshold: float
    customary: float
    fpr: float | None
    null_videos: int
    null: Null | None

    def p_values(self, scores: Floats) -> list[float | None]:
        """Chance of such a score for a video that can't be a copy; None where that isn't known."""
        if self.null is None:
            return [None] * len(scores)
        return [float(p) for p in self.null.p_values(scores)]

    def describe(self) -> dict[str, Any]:
        """What the report needs, as plain data."""
        return {
            "threshold": self.threshold,
            "customary": self.customary,
            "fpr": self.fpr,
            "null_videos": self.null_videos,
            "null_scores": [round(float(s), 6) for s in self.null.scores] if self.null else [],
            "null_location": self.null.location if self.null else None,
            "null_scale": self.null.scale if self.null else None,
        }


def calibrate(
    null_scores: Floats, *, fpr: float, min_null: int, customary: float, ceiling: float = float("inf")
) -> Calibration:
    """Threshold that a null video reaches with probability `fpr`.

    Two cases in which no rate is stated. With fewer than `min_null` null videos the customary threshold holds, or what
    the few ask for if that is more: in a corpus whose clips all look alike the customary one would accuse everything.
    And a threshold above `ceiling` could call nothing, not even an identical copy: the null clips then resemble the
    corpus too much to be unrelated, so the ceiling holds.
    """
    count = len(null_scores)
    null = Null.fit(null_scores) if count >= 2 else None
    asked = null.threshold(fpr) if null else customary
    if null is None or count < min_null:
        return Calibration(min(max(customary, asked), ceiling), customary, None, count, None)
    return Calibration(min(asked, ceiling), customary, fpr if asked <= ceiling else None, count, null)
