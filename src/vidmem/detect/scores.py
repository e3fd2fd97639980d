"""Detectors: functions of what the denoiser said, one score a video. A new one needs no new video.

Content magnitude m_c = ||eps(x,c) - eps(x,null)||_2 / sqrt(numel) (Wen et al. 2407.21720, for video); motion magnitude
m_m = ||D_f delta||_2 / sqrt(numel) with D_f the difference of neighbouring latent frames (our definition).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DETECTORS = ("content_magnitude", "motion_magnitude")
DEFAULT_FOR = {"content": "content_magnitude", "motion": "motion_magnitude"}
SPANS = ("first", "first5", "all", "first_over_last5")


def span_score(curve: Floats, span: str) -> Floats:
    """Scores (videos,) of magnitudes over steps (videos, steps); step 0 is the noisiest.

    `first`: the first step. `first5`, `all`: means. `first_over_last5`: ratio of the first to the mean of the last
    five, since a memorising model's two predictions agree again late in sampling. `step:<n>`: step n alone.
    """
    if span == "first":
        return curve[:, 0]
    if span == "first5":
        return curve[:, :5].mean(1)
    if span == "all":
        return curve.mean(1)
    if span == "first_over_last5":
        return curve[:, 0] / np.maximum(curve[:, -5:].mean(1), 1e-12)
    if span.startswith("step:"):
        return curve[:, int(span.removeprefix("step:"))]
    raise ValueError(f"unknown span of steps {span!r}; one of {', '.join(SPANS)} or step:<n>")
