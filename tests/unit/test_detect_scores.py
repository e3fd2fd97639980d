"""Every detector's function against a slow transcription of its definition, one video, step and frame at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidmem.detect.heard import MAGNITUDES
from vidmem.detect.registry import DETECTORS
from vidmem.generate.guess import FirstGuess
from vidmem.generate.noise import NoiseLevel, clean_sample, epsilon

VIDEOS, STEPS, FRAMES = 5, 7, 4


def signals(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {name: rng.uniform(0.1, 2, (VIDEOS, STEPS)) for name in MAGNITUDES}
    columns["cosine"] = rng.uniform(-1, 1, (VIDEOS, STEPS))
    columns["profile"] = rng.uniform(0.1, 2, (VIDEOS, STEPS, FRAMES))
    for name in ("moved", "moved_motion"):
        columns[name][:, 0] = 0
    return columns


def way(moved: float, departure: float) -> float:
    return max(1 - moved / departure, 0.0)


def spread(profile: list[float]) -> float:
    mean = sum(profile) / len(profile)
    return math.sqrt(sum((p - mean) ** 2 for p in profile) / len(profile)) / mean


PLAIN: dict[str, Callable[[dict[str, Any]], float]] = {
    "content_magnitude": lambda s: s["content_magnitude"],
    "motion_magnitude": lambda s: s["motion_magnitude"],
    "motion_share": lambda s: s["motion_magnitude"] / s["content_magnitude"],
    "angle": lambda s: s["cosine"],
    "frame_least": lambda s: min(s["profile"]) / (sum(s["profile"]) / len(s["profile"])),
    "frame_spread": lambda s: spread(list(s["profile"])),
    "settled": lambda s: way(s["moved"], s["departure"]),
    "settled_motion": lambda s: way(s["moved"], s["departure"]) * way(s["moved_motion"], s["departure_motion"]),
}


def test_every_detector_has_a_transcription() -> None:
    assert set(PLAIN) == set(DETECTORS)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_is_what_its_definition_says(name: str) -> None:
    columns = signals(3)
    found = DETECTORS[name].score(columns)
    for video in range(VIDEOS):
        for step in range(STEPS):
            at = {key: values[video, step] for key, values in columns.items()}
            if DETECTORS[name].state and step == 0:
                assert math.isnan(found[video, step])
            else:
                assert found[video, step] == pytest.approx(PLAIN[name](at), rel=1e-12)


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_shares_do_not_know_the_scale_of_the_latents(seed: int, factor: float) -> None:
    columns = signals(seed)
    scaled = {key: values if key == "cosine" else values * factor for key, values in columns.items()}
    for name in ("motion_share", "angle", "frame_least", "frame_spread", "settled", "settled_motion"):
        np.testing.assert_allclose(DETECTORS[name].score(scaled), DETECTORS[name].score(columns), rtol=1e-9)


def plain_guess(now: torch.Tensor, start: torch.Tensor) -> tuple[float, float]:
    """Root mean square of a difference (frames, numbers), and of the differences of its neighbouring frames."""
    gap = [[float(a - b) for a, b in zip(x, y, strict=True)] for x, y in zip(now, start, strict=True)]
    whole = [v for frame in gap for v in frame]
    change = [b - a for one, two in itertools.pairwise(gap) for a, b in zip(one, two, strict=True)]
    return tuple(math.sqrt(sum(v * v for v in values) / len(values)) for values in (whole, change))  # type: ignore[return-value]


def test_departure_and_moved_against_a_plain_transcription() -> None:
    generator = torch.Generator().manual_seed(0)
    u, c, now = (torch.randn(2, 3, 5, generator=generator) for _ in range(3))
    rows = FirstGuess(u, c).signals(now)
    for video, row in enumerate(rows):
        departure, departure_motion = plain_guess(now[video], u[video])
        moved, moved_motion = plain_guess(now[video], c[video])
        expected = {"departure": departure, "moved": moved}
        expected |= {"departure_motion": departure_motion, "moved_motion": moved_motion}
        assert row == pytest.approx(expected, rel=1e-5)


def test_one_latent_frame_has_no_motion_of_its_guess() -> None:
    one = torch.ones(1, 1, 4)
    row = FirstGuess(one * 0, one).signals(one * 3)[0]
    assert row == {"departure": 3.0, "moved": 2.0, "departure_motion": None, "moved_motion": None}


LEVELS = [
    NoiseLevel("vp", "epsilon", 0.6, 0.8, 0.64, 1.0, 0.0),
    NoiseLevel("vp", "v", 0.6, 0.8, 0.64, 1.0, 0.0),
    NoiseLevel("vp", "minus v", 0.6, 0.8, 0.64, 0.6, 0.0),
    NoiseLevel("vp", "sample", 0.6, 0.8, 0.64, 1.0, 0.0),
    NoiseLevel("vp", "epsilon", 0.6, 0.8, 0.64, 0.8, 0.0),
    NoiseLevel("flow", "v", 0.3, 0.7, 0.84, 1.0, 1e-3),
    NoiseLevel("flow", "sample", 0.3, 0.7, 0.84, 1.0, 1e-3),
]


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: f"{level.path} {level.prediction} {level.scale}")
def test_the_clean_guess_and_epsilon_make_up_the_sample(level: NoiseLevel) -> None:
    output, sample = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(1)).double()
    rebuilt = level.signal * clean_sample(output, sample, level) + level.sigma * epsilon(output, sample, level)
    torch.testing.assert_close(rebuilt, sample * level.scale)
