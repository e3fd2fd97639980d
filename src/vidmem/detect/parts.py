"""What detectors can say of a model's videos: why one is silent, and what the combination is made of."""

from __future__ import annotations

import numpy as np

from vidmem.detect.heard import Floats, Heard
from vidmem.detect.registry import DETECTORS, PARTS, Detector
from vidmem.detect.scores import TINY, span_score

LEAST_LEFT = 1e-6  # of the way: what rounding leaves of a guess that didn't move at all


class NothingToCombine(ValueError):
    """Fewer than two detectors have a score."""


def why_silent(heard: Heard, detector: Detector, values: Floats) -> str | None:
    """Why a detector has nothing to say of any video; None where it has."""
    if np.isfinite(values).any():
        return None
    missing = [n for n in detector.needs if not np.isfinite(heard.columns[n]).any()]
    moving = any("motion" in name or name == "profile" for name in detector.needs)
    if moving and (heard.columns["profile"].shape[2] == 1 or (missing and all("motion" in n for n in missing))):
        return f"no {detector.title}: videos of one latent frame have no motion"
    if missing:
        return f"no {detector.title}: the signals lack {', '.join(missing)}"
    return f"too few steps: {detector.title} needs 2, and there is {heard.steps}"


def parts(heard: Heard, span: str) -> Floats:
    """What the combination sees (videos, features); NaN where a video lacks one.

    Sizes go in as log x and shares of the way as -log(1 - x): both are ratios of sizes, whose logarithms add up.
    Parts that no video has are left out. Raises `TooFewSteps`, and `NothingToCombine` where fewer than two are left.
    """
    columns = []
    for name, part_span in PARTS[span]:
        detector = DETECTORS[name]
        score = span_score(detector.score(heard.columns), part_span, state=detector.state)
        if np.isfinite(score).any():
            columns.append(_scaled(score, detector))
    if len(columns) < 2:
        raise NothingToCombine("nothing to combine: fewer than two detectors have a score")
    return np.stack(columns, 1)


def _scaled(score: Floats, detector: Detector) -> Floats:
    if detector.state:
        return scaled_share(score)
    return np.log(np.maximum(score, TINY)) if detector.log else score


def scaled_share(score: Floats) -> Floats:
    """A share of the way as -log(1 - x)."""
    scaled: Floats = -np.log(1 - score + LEAST_LEFT)
    return scaled
