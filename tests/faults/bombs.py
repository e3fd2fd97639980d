"""Small files that unfold to much more than they are: in size, in length, in number of frames, in their index."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import mediafiles
import numpy as np

MILLION = 1_000_000


def coded_larger_than_told(path: Path) -> Path:
    """A mov of 9,000 pixels in width whose header says 64: the pictures themselves are what is large."""
    mediafiles.write(path, np.zeros((2, 64, 9000, 3), np.uint8), codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    at = data.index(b"stsd") + 4 + 8 + 4 + 4 + 6 + 2 + 16  # to the entry's width
    assert data[at : at + 2] == (9000).to_bytes(2), "the place of the width"
    data[at : at + 2] = (64).to_bytes(2)
    path.write_bytes(data)
    return path


def enormous_png(path: Path) -> Path:
    """A PNG of 60,000 x 60,000 pixels in 60 bytes."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, data, b"IEND")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def told_to_last_for_years(path: Path) -> Path:
    """An mp4 of eight frames whose table of times gives each two billion ticks."""
    mediafiles.write(path, mediafiles.drifting(8))
    data = bytearray(path.read_bytes())
    at = data.index(b"stts") + 4 + 4 + 4 + 4  # version and flags, entries, samples of the first
    data[at : at + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(data.replace(b"edts", b"free"))  # the list of edits, which would show none of it
    return path


def second_frame_after_months(path: Path) -> Path:
    """A Matroska file of two frames, shown at 0 and after ten million seconds; its header tells no duration."""
    return mediafiles.write(path, mediafiles.drifting(2), ticks=[0, 10**10], muxer={"live": "1"})


def million_pictures(path: Path) -> Path:
    """A GIF of a million frames of one pixel, 23 bytes each."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    control = b"\x21\xf9\x04\x00\x04\x00\x00\x00"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(screen + (control + frame) * MILLION + b";")
    return path


def million_frames(path: Path) -> Path:
    """An AVI of a million frames of 2 x 2 pixels in a hundred seconds."""
    mediafiles.write(path, np.zeros((1, 2, 2, 3), np.uint8), fps=MILLION / 100, codec="rawvideo", pix_fmt="bgr24")
    data = path.read_bytes()
    at = data.index(b"movi") + 4
    frame = data[at : at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")]
    frames = b"movi" + frame * MILLION
    head = data[: at - 8] + struct.pack("<I", len(frames))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(frames) - 8) + head[8:] + frames)
    return path


def billion_samples_told(path: Path) -> Path:
    """An mp4 whose tables say: one chunk of two billion samples, of one byte each. Its index alone would take 50 GB."""
    mediafiles.write(path, mediafiles.drifting(8), muxer={"movflags": "faststart"})
    data, many = bytearray(path.read_bytes()), (0x7FFFFFF0).to_bytes(4)
    sizes, chunks, times = (data.index(name) + 8 for name in (b"stsz", b"stsc", b"stts"))
    data[sizes : sizes + 8] = (1).to_bytes(4) + many  # all samples of one size; how many
    data[chunks + 8 : chunks + 12] = many  # samples in the first chunk
    data[times + 4 : times + 8] = many  # samples of the first duration
    path.write_bytes(data)
    return path


def endless_animated_png(path: Path) -> Path:
    """A PNG that promises two billion frames and holds one."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    control = b"acTL" + struct.pack(">II", 0x7FFFFFFF, 0)
    shown = b"fcTL" + struct.pack(">IIIIIHHBB", 0, 4, 4, 0, 0, 1, 10, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(13 * 4))
    parts = (head, control, shown, data, b"IEND")
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in parts]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


BOMBS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "coded.mov": (coded_larger_than_told, "^first frame 9000x64 is larger than 8192$"),
    "enormous.png": (enormous_png, "^first frame is larger than 8192$"),
    "years.mp4": (told_to_last_for_years, "longer than 600 s$"),
    "months.mkv": (second_frame_after_months, "longer than 600 s$"),
    "million.gif": (million_pictures, "^lasts 40000 s, longer than 600 s$"),
    "million.avi": (million_frames, "^more than 36000 frames$"),
    "samples.mp4": (billion_samples_told, "."),
    "endless.png": (endless_animated_png, "^(damaged|truncated): "),
}
