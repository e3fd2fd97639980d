"""Reading media: kinds of files, byte ranges, times, sizes."""

from __future__ import annotations

import tarfile
from pathlib import Path

import mediafiles
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaInfo, MediaRef, probe, read_clip, sample_times, shown_at

LIMITS = Limits()


@pytest.mark.parametrize("suffix", [*mediafiles.CONTAINERS, ".webp"])
def test_every_kind_of_video_is_read_with_its_times(tmp_path: Path, suffix: str) -> None:
    frames = mediafiles.drifting(12)
    path = mediafiles.write_any(tmp_path / f"clip{suffix}", frames)
    clip = read_clip(MediaRef(path), rate_hz=None, max_frames=100, limits=LIMITS)
    assert clip.info == MediaInfo("video", 10.0, 12, 64, 48, 1.2) == probe(MediaRef(path), LIMITS)
    assert clip.times_s == pytest.approx(np.arange(12) / 10, abs=1e-3)
    assert clip.frames.dtype == np.uint8
    coarse = 30 if suffix == ".gif" else 8
    assert np.abs(clip.frames.astype(int) - frames).mean() < coarse


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif"])
def test_every_kind_of_image_is_one_frame_at_zero(tmp_path: Path, suffix: str) -> None:
    frame = mediafiles.drifting(1)[0]
    Image.fromarray(frame).save(tmp_path / f"image{suffix}")
    clip = read_clip(MediaRef(tmp_path / f"image{suffix}"), rate_hz=2, max_frames=8, limits=LIMITS)
    assert clip.info == MediaInfo("image", None, 1, 64, 48, 0.0)
    assert clip.times_s.tolist() == [0.0]
    assert np.abs(clip.frames[0].astype(int) - frame).mean() < 12


def test_suffix_is_not_believed(tmp_path: Path) -> None:
    mediafiles.write(tmp_path / "clip.mp4", mediafiles.drifting(5))
    (tmp_path / "clip.mp4").rename(tmp_path / "clip.jpg")
    assert probe(MediaRef(tmp_path / "clip.jpg"), LIMITS).kind == "video"


def test_transparent_and_deep_images_become_rgb(tmp_path: Path) -> None:
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.fromarray(np.full((20, 20), 257 * 100, np.uint16)).save(tmp_path / "deep.png")
    read = {
        name: read_clip(MediaRef(tmp_path / name), rate_hz=None, max_frames=1, limits=LIMITS).frames[0]
        for name in ("clear.png", "deep.png")
    }
    assert read["clear.png"].max() == 0  # what lies under full transparency is arbitrary
    assert (read["deep.png"] == 100).all()


def test_tar_members_are_read_in_place(tmp_path: Path) -> None:
    for number in (0, 1):
        mediafiles.write(tmp_path / f"{number}.mp4", mediafiles.drifting(6 + number, seed=number))
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(tmp_path / "0.mp4", "0.mp4")
        tar.add(tmp_path / "1.mp4", "1.mp4")
    with tarfile.open(tmp_path / "shard.tar") as tar:
        members = [(m.offset_data, m.size) for m in tar.getmembers()]
    for number, (offset, size) in enumerate(members):
        inside = read_clip(MediaRef(tmp_path / "shard.tar", offset, size), rate_hz=None, max_frames=9, limits=LIMITS)
        alone = read_clip(MediaRef(tmp_path / f"{number}.mp4"), rate_hz=None, max_frames=9, limits=LIMITS)
        assert inside.info == alone.info
        assert (inside.frames == alone.frames).all()


def test_range_beyond_its_file_is_refused(tmp_path: Path) -> None:
    path = mediafiles.write(tmp_path / "clip.mp4", mediafiles.drifting(5))
    with pytest.raises(MediaError, match=r"^byte range lies outside its file$"):
        probe(MediaRef(path, 0, path.stat().st_size + 1), LIMITS)
    with pytest.raises(MediaError, match=r"^truncated: "):
        probe(MediaRef(path, 0, path.stat().st_size - 100), LIMITS)


def test_variable_frame_rate_shows_frames_when_they_are_due(tmp_path: Path) -> None:
    path = mediafiles.variable_rate(tmp_path / "vfr.mp4")
    every = read_clip(MediaRef(path), rate_hz=None, max_frames=9, limits=LIMITS)
    assert every.times_s == pytest.approx([0, 0.1, 0.6, 0.7])
    clip = read_clip(MediaRef(path), rate_hz=10, max_frames=7, limits=LIMITS)
    assert [mediafiles.number_of(f) for f in clip.frames] == [0, 1, 1, 1, 1, 1, 2]


def test_file_without_a_duration_is_read_to_its_end(tmp_path: Path) -> None:
    path = mediafiles.no_duration(tmp_path / "live.mkv")
    assert probe(MediaRef(path), LIMITS) == MediaInfo("video", 10.0, 8, 32, 32, 0.8)
    clip = read_clip(MediaRef(path), rate_hz=5, max_frames=100, limits=LIMITS)
    assert [mediafiles.number_of(f) for f in clip.frames] == [0, 2, 4, 6]


def test_odd_sides_one_frame_and_black_are_fine(tmp_path: Path) -> None:
    odd = probe(MediaRef(mediafiles.odd_sides(tmp_path / "odd.mp4")), LIMITS)
    assert (odd.width, odd.height, odd.frames) == (61, 37, 8)
    one = probe(MediaRef(mediafiles.one_frame(tmp_path / "one.mp4")), LIMITS)
    assert (one.kind, one.frames, one.duration_s) == ("video", 1, pytest.approx(0.1))
    black = read_clip(MediaRef(mediafiles.all_black(tmp_path / "black.mp4")), rate_hz=2, max_frames=4, limits=LIMITS)
    assert black.frames.shape == (2, 32, 32, 3)
    assert black.frames.max() < 4


def test_phone_videos_are_turned_upright(tmp_path: Path) -> None:
    clip = read_clip(MediaRef(mediafiles.turned(tmp_path / "phone.mp4")), rate_hz=None, max_frames=9, limits=LIMITS)
    assert (clip.info.width, clip.info.height) == (32, 64)
    clockwise = np.rot90(mediafiles.drifting(4, 32, 64), -1, axes=(1, 2))
    assert np.abs(clip.frames.astype(int) - clockwise).mean() < 8


def test_frames_at_a_rate_above_the_videos_repeat(tmp_path: Path) -> None:
    path = mediafiles.write(tmp_path / "slow.mp4", mediafiles.numbered(3), fps=5, options={"crf": "5"})
    clip = read_clip(MediaRef(path), rate_hz=10, max_frames=100, limits=LIMITS)
    assert [mediafiles.number_of(f) for f in clip.frames] == [0, 0, 1, 1, 2, 2]
    assert clip.times_s == pytest.approx(np.arange(6) / 10)


def test_too_many_frames_are_cut_or_spread(tmp_path: Path) -> None:
    path = mediafiles.write(tmp_path / "long.mp4", mediafiles.numbered(20), options={"crf": "5"})
    first = read_clip(MediaRef(path), rate_hz=10, max_frames=4, limits=LIMITS)
    assert [mediafiles.number_of(f) for f in first.frames] == [0, 1, 2, 3]
    spread = read_clip(MediaRef(path), rate_hz=10, max_frames=4, limits=LIMITS, spread=True)
    assert [mediafiles.number_of(f) for f in spread.frames] == [0, 5, 10, 15]
    assert spread.info.frames == first.info.frames == 20


def test_known_info_gives_the_same_frames(tmp_path: Path) -> None:
    path = mediafiles.write(tmp_path / "clip.mkv", mediafiles.drifting(25), fps=24)
    info = probe(MediaRef(path), LIMITS)
    for rate, most, spread in ((8.0, 5, False), (8.0, 5, True), (None, 7, False), (None, 7, True), (3.0, 99, True)):
        options = {"rate_hz": rate, "max_frames": most, "spread": spread, "limits": LIMITS}
        one, two = read_clip(MediaRef(path), **options), read_clip(MediaRef(path), info=info, **options)
        assert (one.frames == two.frames).all()
        assert one.times_s.tolist() == two.times_s.tolist()


@pytest.mark.parametrize("edge", [24, 96])
def test_short_edge_resizes_both_ways_and_keeps_the_aspect(tmp_path: Path, edge: int) -> None:
    path = mediafiles.write(tmp_path / "clip.mp4", mediafiles.drifting(3, 48, 64))
    clip = read_clip(MediaRef(path), rate_hz=None, max_frames=3, short_edge=edge, limits=LIMITS)
    assert clip.frames.shape == (3, edge, edge * 64 // 48, 3)
    assert (clip.info.width, clip.info.height) == (64, 48)


def test_decoding_is_the_same_each_time(tmp_path: Path) -> None:
    path = mediafiles.write(tmp_path / "clip.mp4", mediafiles.drifting(20))
    one, two = (read_clip(MediaRef(path), rate_hz=8, max_frames=20, short_edge=30, limits=LIMITS) for _ in range(2))
    assert one.frames.tobytes() == two.frames.tobytes()


@given(st.floats(0.25, 60), st.floats(0.01, 100))
def test_sample_times_lie_on_the_grid_before_the_end(rate: float, duration: float) -> None:
    times = sample_times(rate, duration)
    assert times[0] == 0
    assert np.allclose(np.diff(times), 1 / rate)
    assert len(times) == 1 or times[-1] < duration
    assert times[-1] + 1 / rate > duration - 1e-3


@given(st.lists(st.floats(0.002, 1), min_size=1, max_size=30), st.lists(st.floats(0, 40), max_size=20))
def test_the_frame_shown_is_the_last_that_has_started(gaps: list[float], at: list[float]) -> None:
    starts = np.cumsum([0.0, *gaps])
    chosen = shown_at(starts, np.array(at))
    for time, index in zip(at, chosen, strict=True):
        assert starts[index] <= time + 1e-3
        assert index == len(starts) - 1 or starts[index + 1] > time
