"""Frames by rate, by count and by shot."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import mediafiles
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.features.moments import SHOT_FRAMES, moments
from vidmem.features.run import plan_of
from vidmem.features.sampling import Plan, sample, sample_clip
from vidmem.media import MediaRef, read_clip

LIMITS = Limits()


def plan(sampling: str, most: int = 6) -> Plan:
    return plan_of(Features.model_validate({"sampling": sampling, "frames": {"max_frames": most}}).model_dump())


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shots of 2, 1 and 3 seconds, at 10 frames a second, each of another texture."""
    shots = [mediafiles.drifting(n, 96, 96, seed=seed, step=1) for n, seed in ((20, 1), (10, 2), (30, 3))]
    return mediafiles.write(tmp_path_factory.mktemp("film") / "film.mp4", np.concatenate(shots), options={"crf": "4"})


def test_by_count_there_are_so_many_evenly_over_the_length(film: Path) -> None:
    taken = sample(MediaRef(film), plan("count", 5), LIMITS)
    assert taken.times_s == pytest.approx([0, 1.2, 2.4, 3.6, 4.8])
    assert len(taken.frames) == 5


def test_by_count_a_short_video_gives_all_its_frames_once(tmp_path: Path) -> None:
    path = mediafiles.write(tmp_path / "short.mp4", mediafiles.numbered(4), options={"crf": "1"})
    taken = sample(MediaRef(path), plan("count", 32), LIMITS)
    assert [mediafiles.number_of(frame) for frame in taken.frames] == [0, 1, 2, 3]


def test_by_shot_every_shot_is_seen_away_from_its_ends(film: Path) -> None:
    taken = sample(MediaRef(film), plan("shot", 32), LIMITS)
    expected = [2 / 6, 1, 10 / 6, 2 + 1 / 6, 2.5, 2 + 5 / 6, 3.5, 4.5, 5.5]
    assert taken.times_s == pytest.approx(expected, abs=0.01)


def test_by_rate_is_what_there_was_before(film: Path) -> None:
    taken = sample(MediaRef(film), plan("rate", 32), LIMITS)
    assert taken.times_s == pytest.approx(np.arange(24) / 4)


@pytest.mark.parametrize("sampling", ["rate", "count", "shot"])
def test_flow_does_not_depend_on_which_frames_are_embedded(film: Path, sampling: str) -> None:
    taken, usual = (sample(MediaRef(film), plan(how), LIMITS) for how in (sampling, "rate"))
    assert np.array_equal(taken.flow_times_s, usual.flow_times_s)
    assert np.array_equal(taken.flow_frames, usual.flow_frames)


@pytest.mark.parametrize("sampling", ["rate", "count", "shot"])
def test_a_clip_in_memory_is_sampled_as_its_file(film: Path, sampling: str) -> None:
    clip = read_clip(MediaRef(film), rate_hz=None, max_frames=999, limits=LIMITS)
    one, other = sample(MediaRef(film), plan(sampling), LIMITS), sample_clip(clip, plan(sampling))
    assert np.array_equal(one.times_s, other.times_s) and np.array_equal(one.frames, other.frames)


def test_each_use_has_its_own_size_and_flow_knows_nothing_of_the_other(tmp_path: Path) -> None:
    path = mediafiles.write(tmp_path / "large.mp4", mediafiles.drifting(6, 320, 200, seed=4, step=2))
    small, large = (
        sample(MediaRef(path), plan_of(Features.model_validate({"frames": {"short_edge": edge}}).model_dump()), LIMITS)
        for edge in (64, 192)
    )
    assert small.frames.shape[1:3] == (64, 64)
    assert large.frames.shape[1:3] == (192, 192)
    assert small.flow_frames.shape[1:3] == (128, 128)
    assert np.array_equal(small.flow_frames, large.flow_frames)
    whole = read_clip(MediaRef(path), rate_hz=None, max_frames=1, limits=LIMITS).frames[0]
    top, left = (whole.shape[0] - 200) // 2, (whole.shape[1] - 200) // 2
    square = whole[top : top + 200, left : left + 200]
    assert np.array_equal(large.frames[0], cv2.resize(square, (192, 192), interpolation=cv2.INTER_AREA))
    assert np.array_equal(large.flow_frames[0], cv2.resize(square, (128, 128), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("sampling", ["count", "shot"])
def test_an_image_is_one_frame(tmp_path: Path, sampling: str) -> None:
    Image.fromarray(mediafiles.drifting(1)[0]).save(tmp_path / "still.png")
    taken = sample(MediaRef(tmp_path / "still.png"), plan(sampling), LIMITS)
    assert taken.times_s.tolist() == [0.0]


@given(
    sampling=st.sampled_from(["count", "shot"]),
    most=st.integers(1, 40),
    duration=st.floats(0.04, 1000),
    frames=st.integers(2, 5000),
    cuts=st.lists(st.floats(-1, 1100), max_size=60),
)
def test_moments_are_ascending_inside_the_video_and_no_more_than_asked_for(
    sampling: str, most: int, duration: float, frames: int, cuts: list[float]
) -> None:
    found = moments(sampling, most, duration, frames, cuts)  # type: ignore[arg-type]
    assert 1 <= len(found) <= most
    assert all(a < b for a, b in itertools.pairwise(found))
    assert min(found) >= 0 and max(found) < duration
    inside = {c for c in cuts if 0 < c < duration}
    if sampling == "shot" and most >= SHOT_FRAMES * (len(inside) + 1) and not inside:
        assert len(found) == SHOT_FRAMES
