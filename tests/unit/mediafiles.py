"""Media files for tests, real ones: made with the encoders, then cut, mislabelled or patched as the bad ones are."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vidmem.media import write_video

Frames = npt.NDArray[np.uint8]


def drifting(n: int = 12, height: int = 48, width: int = 64, seed: int = 0, step: int = 2) -> Frames:
    """Frames of a smooth coloured texture that drifts to the right by `step` pixels a frame."""
    small = np.random.default_rng(seed).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    base = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.stack([np.roll(base, step * i, axis=1) for i in range(n)])


def numbered(n: int, height: int = 32, width: int = 32) -> Frames:
    """Frames whose grey level tells their number: 10, 20, 30, ... (n up to 24)."""
    return np.stack([np.full((height, width, 3), 10 * (i + 1), np.uint8) for i in range(n)])


def number_of(frame: Frames) -> int:
    """The number of a frame made by `numbered`."""
    return round(float(frame.mean()) / 10) - 1


def write(
    path: Path,
    frames: Frames,
    *,
    fps: float = 10,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    ticks: Sequence[int] | None = None,
    muxer: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode frames in the container that the suffix names. `ticks` are times in milliseconds, for variable rates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=muxer or {}) as out:
        stream: Any = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pix_fmt
        stream.options = options or {}
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            if ticks is not None:
                picture.pts, picture.time_base = ticks[number], Fraction(1, 1000)
            else:
                picture.pts = number
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


CONTAINERS: dict[str, dict[str, Any]] = {
    ".mp4": {"options": {"crf": "10"}},
    ".mov": {"options": {"crf": "10"}},
    ".mkv": {"options": {"crf": "10"}},
    ".webm": {"codec": "libvpx-vp9", "options": {"crf": "10"}},
    ".avi": {"codec": "mpeg4", "options": {"qscale": "2", "b": "4M"}},
    ".gif": {"codec": "gif", "pix_fmt": "rgb8"},
}


def write_any(path: Path, frames: Frames, fps: float = 10) -> Path:
    """Frames as a video of the kind that the suffix names; `.webp` is animated."""
    if path.suffix == ".webp":
        first, *rest = [Image.fromarray(f) for f in frames]
        first.save(path, save_all=True, append_images=rest, duration=round(1000 / fps), lossless=True)
        return path
    return write(path, frames, fps=fps, **CONTAINERS[path.suffix])


# ---- bad files: each function writes one


def truncated(path: Path, keep: float = 0.5) -> Path:
    """An mp4 whose index is there and whose data ends early."""
    write(path, drifting(30), muxer={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def without_index(path: Path) -> Path:
    """An mp4 that was cut before its index (moov) was written."""
    write(path, drifting(30))
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moov") - 4])
    return path


def with_damaged_data(path: Path) -> Path:
    """An mp4 of full length whose coded pictures are overwritten."""
    write(path, drifting(30), muxer={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"mdat") + 4
    data[at:] = np.random.default_rng(0).bytes(len(data) - at)
    path.write_bytes(bytes(data))
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text_named_video(path: Path) -> Path:
    path.write_text("this is not a video\n" * 40)
    return path


def playlist_named_video(path: Path) -> Path:
    """A script that FFmpeg, left to guess, would follow to another file."""
    path.write_text("ffconcat version 1.0\nfile secret.mp4\n")
    return path


def huge_first_frame(path: Path) -> Path:
    """A video whose frames are 10,000 x 10,000."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mjpeg", rate=10)
        stream.width = stream.height = 10_000
        stream.pix_fmt = "yuvj420p"
        picture = av.VideoFrame(10_000, 10_000, "yuvj420p")
        for plane in picture.planes:
            plane.update(bytes(plane.buffer_size))
        picture.pts = 0
        out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


def huge_image(path: Path) -> Path:
    Image.new("L", (10_000, 10_000)).save(path)
    return path


def unreadable_files() -> dict[str, tuple[Callable[[Path], Path], str]]:
    """File name, the function that writes it, and a regular expression of the reason that must be given."""
    return {
        "truncated.mp4": (truncated, "^truncated: "),
        "noindex.mp4": (without_index, "^truncated: "),
        "damaged.mp4": (with_damaged_data, "^(damaged|truncated): "),
        "zero.mp4": (empty, "^empty file$"),
        "text.mp4": (text_named_video, "^not a video or image$"),
        "playlist.mp4": (playlist_named_video, "^not a video or image$"),
        "huge.mov": (huge_first_frame, "^first frame 10000x10000 is larger than 8192$"),
        "huge.png": (huge_image, "^first frame 10000x10000 is larger than 8192$"),
    }


# ---- odd files: unusual and fine


def variable_rate(path: Path) -> Path:
    """Four frames, shown at 0, 0.1, 0.6 and 0.7 seconds."""
    return write(path, numbered(4), ticks=[0, 100, 600, 700], options={"crf": "5"})


def one_frame(path: Path) -> Path:
    return write(path, drifting(1))


def all_black(path: Path) -> Path:
    return write(path, np.zeros((10, 32, 32, 3), np.uint8))


def odd_sides(path: Path) -> Path:
    """61 x 37 pixels, as 4:4:4 allows."""
    return write(path, drifting(8, 37, 61), pix_fmt="yuv444p")


def no_duration(path: Path) -> Path:
    """A Matroska file as a live stream writes it: neither duration nor sizes in the header."""
    return write(path, numbered(8), muxer={"live": "1"}, options={"crf": "5"})


def turned(path: Path) -> Path:
    """An mp4, 64 x 32 as coded, whose header says: show it turned by 90 degrees clockwise, as phones do."""
    write(path, drifting(4, 32, 64), options={"crf": "5"})
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 36  # version and flags, then 36 bytes up to the matrix (version 0)
    one, minus = (0x10000).to_bytes(4), (0xFFFF0000).to_bytes(4)
    zero, unit = bytes(4), (0x40000000).to_bytes(4)
    data[matrix : matrix + 36] = zero + one + zero + minus + zero + zero + zero + zero + unit
    path.write_bytes(bytes(data))
    return path


CAPTIONS = ("a dog runs", "a dog runs", "a ship at sea", "two trees")


def write_four_clips(folder: Path) -> Path:
    """Fill `folder` with four clips of coarse noise and captions.csv, in which two captions are the same."""
    rng = np.random.default_rng(0)
    for n in range(len(CAPTIONS)):
        coarse = rng.integers(0, 255, (12, 8, 8, 3), np.uint8)
        write_video(folder / f"{n}.mp4", np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8)), fps=8)
    with (folder / "captions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "caption"))
        writer.writerows((f"{n}.mp4", text) for n, text in enumerate(CAPTIONS))
    return folder
