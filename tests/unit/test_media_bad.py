"""Files that can't be used: refused with a reason, before they cost memory or time."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import mediafiles
import pytest
from PIL import Image

from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaRef, probe, read_clip

LIMITS = Limits()
BAD = mediafiles.unreadable_files()


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    make, reason = BAD[name]
    path = make(tmp_path / name)
    with pytest.raises(MediaError, match=reason):
        probe(MediaRef(path), LIMITS)
    with pytest.raises(MediaError, match=reason):
        read_clip(MediaRef(path), rate_hz=2, max_frames=4, limits=LIMITS)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".avi", ".gif", ".webp"])
@pytest.mark.parametrize("keep", [0.2, 0.6, 0.97])
def test_file_cut_anywhere_is_noticed(tmp_path: Path, suffix: str, keep: float) -> None:
    path = mediafiles.write_any(tmp_path / f"whole{suffix}", mediafiles.drifting(24))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(MediaError, match=r"^(truncated|damaged): "):
        probe(MediaRef(path), LIMITS)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tiff"])
def test_cut_image_is_noticed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    Image.fromarray(mediafiles.drifting(1)[0]).save(path)
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(MediaError, match=r"^(truncated|damaged): "):
        probe(MediaRef(path), LIMITS)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"^file not found$"):
        probe(MediaRef(tmp_path / "none.mp4"), LIMITS)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(MediaError, match=r"^can't be opened: "):
        probe(MediaRef(tmp_path / "folder.mp4"), LIMITS)


def test_huge_frame_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = mediafiles.huge_first_frame(tmp_path / "huge.mov")
    start = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MediaError, match="10000x10000"):
        probe(MediaRef(path), LIMITS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024  # KiB; a picture takes 150 MiB
    assert time.process_time() - start < 1


def test_header_that_understates_the_size_does_not_help(tmp_path: Path) -> None:
    path = mediafiles.huge_first_frame(tmp_path / "huge.mkv")
    wide = (10_000).to_bytes(2)
    data = path.read_bytes()
    assert b"\xb0\x82" + wide in data  # PixelWidth
    data = data.replace(b"\xb0\x82" + wide, b"\xb0\x82\x00\x40").replace(b"\xba\x82" + wide, b"\xba\x82\x00\x40")
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"^first frame is larger than 8192, and than its header says$"):
        probe(MediaRef(path), LIMITS)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(max_bytes=100), "bytes are more than 100$"),
        (Limits(max_side=40), "^first frame 64x48 is larger than 40$"),
        (Limits(max_duration_s=0.5), "longer than 0.5 s$"),
        (Limits(max_frames=5), "^more than 5 frames$"),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif", ".webp"])
def test_every_bound_is_kept_and_named(tmp_path: Path, limits: Limits, reason: str, suffix: str) -> None:
    path = mediafiles.write_any(tmp_path / f"clip{suffix}", mediafiles.drifting(12))
    with pytest.raises(MediaError, match=reason):
        probe(MediaRef(path), limits)


def test_clip_larger_than_memory_allows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = mediafiles.write(tmp_path / "clip.mp4", mediafiles.drifting(12))
    monkeypatch.setattr("vidmem.media.sample.MAX_CLIP_BYTES", 64 * 48 * 3 * 5)
    with pytest.raises(MediaError, match=r"of memory$"):
        read_clip(MediaRef(path), rate_hz=None, max_frames=12, limits=LIMITS)
