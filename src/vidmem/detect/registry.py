"""The detectors: what each is called, needs and costs, and where it comes from. A higher score is riskier for all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vidmem.detect import scores
from vidmem.detect.scores import Columns, Floats

OURS = "our definition"
WEN = "Wen et al., arXiv 2407.21720, Eq. 2, for video"


@dataclass(frozen=True)
class Detector:
    """One detector that reads stored signals; see `docs/detectors.md`.

    `needs`: columns of `tables.SIGNALS`. `score`: a number a video and step, from those columns. `spans`: uses of steps
    that are reported, `span` the one by default. `state`: a step's value sums up all steps before it, and is a share
    from 0 to 1. `log`: it is a size, so its logarithm goes into the combination. `beside`: the detector that it is
    compared with.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    source: str
    score: Callable[[Columns], Floats]
    spans: tuple[str, ...]
    span: str
    state: bool = False
    log: bool = False
    beside: str | None = None


@dataclass(frozen=True)
class PassDetector:
    """One detector that needs passes of its own (`detect.extra`): a number a prompt and noise.

    `needs`: columns of `tables.PASSES`. `score`: of those columns, float64 (n,). `steps`: what the passes are called
    where detectors are told by their steps. `calls`: of the denoiser, a noise.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    score: Callable[[Columns], Floats]
    calls: int
    source: str
    beside: str | None = None
    steps: str = "first"


_SIZES = ("first", "first5", "all", "first_over_last5")
_SHARES = ("first", "first5", "all")
_GUESSES = ("departure", "moved")
_MOVES = ("departure_motion", "moved_motion")
DRAFT = "draft"

DETECTORS: dict[str, Detector] = {
    d.name: d
    for d in (
        Detector(
            "content_magnitude", "content magnitude", ("content_magnitude",), WEN,
            partial(scores.column, "content_magnitude"), _SIZES, "first", log=True,
        ),
        Detector(
            "motion_magnitude", "motion magnitude", ("motion_magnitude",), OURS,
            partial(scores.column, "motion_magnitude"), _SIZES, "first", log=True, beside="content_magnitude",
        ),
        Detector(
            "motion_share", "motion over content magnitude", ("motion_magnitude", "content_magnitude"), OURS,
            scores.motion_share, _SHARES, "first", beside="content_magnitude",
        ),
        Detector(
            "angle", "angle at low noise", ("cosine",),
            "after Asthana and Belagiannis, arXiv 2601.20642, which takes pure noise; here the sample itself",
            partial(scores.column, "cosine"), ("first", "last", "last5"), "last5", beside="content_magnitude",
        ),
        Detector(
            "frame_least", "least over mean of frames", ("profile",), OURS,
            scores.frame_least, _SHARES, "first", beside="content_magnitude",
        ),
        Detector(
            "frame_spread", "spread over frames", ("profile",), OURS,
            scores.frame_spread, _SHARES, "first", beside="content_magnitude",
        ),
        Detector(
            "settled", "settled guess", _GUESSES, OURS,
            scores.settled, ("first5", "half", "all"), "first5", state=True, beside="content_magnitude",
        ),
        Detector(
            "settled_motion", "settled motion", (*_GUESSES, *_MOVES), OURS,
            scores.settled_motion, ("first5", "half", "all"), "first5", state=True, beside="settled",
        ),
    )
}  # fmt: skip

PASS_DETECTORS: dict[str, PassDetector] = {
    d.name: d
    for d in (
        PassDetector(
            "noise_magnitude", "content magnitude of pure noise", ("content_magnitude",),
            partial(scores.column, "content_magnitude"), 2, WEN,
        ),
        PassDetector(
            "noise_motion", "motion magnitude of pure noise", ("motion_magnitude",),
            partial(scores.column, "motion_magnitude"), 2, OURS, "noise_magnitude",
        ),
        PassDetector(
            "curvature", "curvature", ("curvature",), partial(scores.column, "curvature"), 4,
            "Jeon et al., arXiv 2412.04140, by finite differences", "noise_magnitude",
        ),
        PassDetector(
            "draft", "settled guess of a draft", _GUESSES, partial(scores.stayed, "moved", "departure"), 4, OURS,
            "settled", DRAFT,
        ),
        PassDetector(
            "draft_motion", "settled motion of a draft", (*_GUESSES, *_MOVES), scores.draft_motion, 4, OURS,
            "draft", DRAFT,
        ),
        PassDetector(
            "draft_movement", "settled movement of a draft", _MOVES,
            partial(scores.stayed, "moved_motion", "departure_motion"), 4, OURS, "draft", DRAFT,
        ),
    )
}  # fmt: skip

COMBINED = "combined"
PASS_PARTS = {DRAFT: ("draft", "draft_movement")}  # of passes, by what they are called
# What the combination sees, by the steps that it may use: (detector, span).
PARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "first": (
        ("content_magnitude", "first"), ("motion_magnitude", "first"), ("angle", "first"), ("frame_least", "first"),
    ),
    "first5": (("settled", "first5"), ("motion_magnitude", "first")),
    "half": (("settled", "half"), ("motion_magnitude", "first")),
}  # fmt: skip
NAMES = (*DETECTORS, COMBINED, *PASS_DETECTORS)
