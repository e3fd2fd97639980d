"""Writing videos, and passing clips through a model's output format."""

from __future__ import annotations

from pathlib import Path

import mediafiles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.config.media import Limits
from vidmem.media import (
    Clip,
    Format,
    MediaInfo,
    MediaRef,
    centre_crop,
    encode_video,
    probe,
    read_clip,
    to_format,
    write_video,
)

LIMITS = Limits()


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    frames = mediafiles.drifting(10)
    write_video(tmp_path / "clip.mp4", frames, 24, crf=12)
    assert (tmp_path / "clip.mp4").read_bytes() == encode_video(frames, 24, 12) == encode_video(frames, 24, 12)
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("fps", [8, 24, 29.97, 30000 / 1001])
def test_what_is_written_is_read_back(tmp_path: Path, fps: float) -> None:
    frames = mediafiles.drifting(9)
    write_video(tmp_path / "clip.mp4", frames, fps, crf=8)
    clip = read_clip(MediaRef(tmp_path / "clip.mp4"), rate_hz=None, max_frames=99, limits=LIMITS)
    assert clip.info.fps == pytest.approx(fps, abs=1e-3)
    assert clip.times_s == pytest.approx(np.arange(9) / fps, abs=1e-5)
    assert np.abs(clip.frames.astype(int) - frames).mean() < 5


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (16, 16, 16)])
def test_colours_survive(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    write_video(tmp_path / "clip.mp4", np.full((3, 32, 32, 3), colour, np.uint8), 8)
    clip = read_clip(MediaRef(tmp_path / "clip.mp4"), rate_hz=None, max_frames=1, limits=LIMITS)
    assert np.abs(clip.frames[0, 16, 16].astype(int) - colour).max() <= 4


def test_odd_sides_grow_by_one(tmp_path: Path) -> None:
    write_video(tmp_path / "odd.mp4", mediafiles.drifting(3, 37, 61), 8)
    info = probe(MediaRef(tmp_path / "odd.mp4"), LIMITS)
    assert (info.width, info.height) == (62, 38)


@pytest.mark.parametrize("bad", [np.zeros((4, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8)])
def test_other_arrays_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="frames must be uint8"):
        encode_video(bad, 8)


def _clip(n: int, fps: float, height: int = 48, width: int = 64) -> Clip:
    info = MediaInfo("video", fps, n, width, height, n / fps)
    return Clip(mediafiles.numbered(n, height, width), np.arange(n) / fps, info)


def test_format_takes_the_first_second_at_its_rate() -> None:
    made = to_format(_clip(24, 16), Format(32, 32, 8, 8))
    assert made.frames.shape == (8, 32, 32, 3)
    assert [mediafiles.number_of(f) for f in made.frames] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert made.info == MediaInfo("video", 8, 8, 32, 32, 1.0)


def test_format_holds_the_last_frame_of_a_shorter_clip() -> None:
    made = to_format(_clip(3, 8), Format(16, 16, 6, 8))
    assert [mediafiles.number_of(f) for f in made.frames] == [0, 1, 2, 2, 2, 2]


def test_format_crops_the_middle_to_its_aspect() -> None:
    frame = np.zeros((40, 80, 3), np.uint8)
    frame[:, 20:60] = 200
    assert (centre_crop(frame, 32, 32) == 200).all()
    assert centre_crop(frame, 160, 40).shape == (20, 80, 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60))
def test_format_always_has_the_asked_shape(width: int, height: int, w: int, h: int) -> None:
    made = to_format(_clip(2, 8, h, w), Format(width, height, 3, 8))
    assert made.frames.shape == (3, height, width, 3)
    assert [mediafiles.number_of(f) for f in made.frames] == [0, 1, 1]
