"""What detectors compute: functions of what the denoiser said, a number a video and step, and how steps are used.

Content magnitude m_c = ||eps(x,c) - eps(x,null)||_2 / sqrt(numel) (Wen et al. 2407.21720, for video); motion magnitude
m_m = ||D_f delta||_2 / sqrt(numel) with D_f the difference of neighbouring latent frames (our definition).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, Floats]

TINY = 1e-12
LEAST_STEPS = {"first": 1, "first5": 5, "half": 4, "all": 2, "last": 2, "last5": 6, "first_over_last5": 6}


class TooFewSteps(ValueError):
    """The videos were sampled in fewer steps than a use of steps needs."""


def span_score(values: Floats, span: str, *, state: bool = False) -> Floats:
    """Scores (videos,) of values by step (videos, steps); step 0 is the noisiest.

    `first`, `last`: that step. `first5`, `last5`, `all`: means. `first_over_last5`: the first over the mean of the last
    five, since a memorising model's two predictions agree again late in sampling. `step:<n>`: step n alone.
    With `state` a value sums up all steps before it, so that `first5` is the fifth step alone, `half` the one in the
    middle, and `all` the mean without the first. Raises `TooFewSteps`.
    """
    steps = values.shape[1]
    if span.startswith("step:"):
        return values[:, int(span.removeprefix("step:"))]
    if span not in LEAST_STEPS:
        raise ValueError(f"unknown span of steps {span!r}; one of {', '.join(LEAST_STEPS)} or step:<n>")
    if steps < LEAST_STEPS[span]:
        raise TooFewSteps(f"too few steps: `{span}` needs {LEAST_STEPS[span]}, and there are {steps}")
    if span == "first5":
        return values[:, 4] if state else values[:, :5].mean(1)
    if span == "half":
        return values[:, steps // 2]
    if span == "all":
        return values[:, 1:].mean(1) if state else values.mean(1)
    if span == "last5":
        return values[:, -5:].mean(1)
    if span == "first_over_last5":
        return values[:, 0] / np.maximum(values[:, -5:].mean(1), TINY)
    return values[:, 0 if span == "first" else -1]


def steps_used(span: str, steps: int) -> int:
    """Sampling steps that must be run before a score over `span` is known, of `steps` in all."""
    if span.startswith("step:"):
        return int(span.removeprefix("step:")) + 1
    return {"first": 1, "first5": 5, "half": steps // 2 + 1}.get(span, steps)


def column(name: str, columns: Columns) -> Floats:
    """A signal as it is."""
    return columns[name]


def motion_share(columns: Columns) -> Floats:
    """m_m / m_c: how much of what the caption changes is change over time."""
    return columns["motion_magnitude"] / np.maximum(columns["content_magnitude"], TINY)


def frame_least(columns: Columns) -> Floats:
    """Least over mean of the magnitudes of single latent frames: 1 where the caption speaks of every frame alike."""
    profile = _several_frames(columns)
    return profile.min(2) / np.maximum(profile.mean(2), TINY)


def frame_spread(columns: Columns) -> Floats:
    """Standard deviation over mean of the magnitudes of single latent frames."""
    profile = _several_frames(columns)
    return profile.std(2) / np.maximum(profile.mean(2), TINY)


def _several_frames(columns: Columns) -> Floats:
    """The profile (videos, steps, frames); NaN for videos of one latent frame, which have none."""
    profile = columns["profile"]
    return profile if profile.shape[2] > 1 else np.full((*profile.shape[:2], 2), np.nan)


def settled(columns: Columns) -> Floats:
    """1 - moved / departure, held at 0 or more: the share of the way to the clip that the first step already went.

    Where the guess has not departed at all there is nothing to be settled: 0. At the first step it is not defined.
    """
    return _settled(columns["moved"], columns["departure"])


def settled_motion(columns: Columns) -> Floats:
    """The product of `settled` and the same of the differences of neighbouring latent frames."""
    return settled(columns) * _settled(columns["moved_motion"], columns["departure_motion"])


def _settled(moved: Floats, departure: Floats) -> Floats:
    share = _share(moved, departure)
    share[:, 0] = np.nan
    return share


def stayed(moved: str, departure: str, columns: Columns) -> Floats:
    """1 - moved / departure, held at 0 or more, of a draft's second step, which looks at the first one's guess."""
    return _share(columns[moved], columns[departure])


def draft_motion(columns: Columns) -> Floats:
    """The product of a draft's settled guess and the same of the differences of neighbouring latent frames."""
    return stayed("moved", "departure", columns) * stayed("moved_motion", "departure_motion", columns)


def _share(moved: Floats, departure: Floats) -> Floats:
    share = np.where(departure > TINY, 1 - moved / np.maximum(departure, TINY), 0.0)
    known: Floats = np.where(np.isfinite(moved) & np.isfinite(departure), np.maximum(share, 0.0), np.nan)
    return known
