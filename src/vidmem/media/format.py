"""Passing a clip through the format of a model's output, so that like is compared with like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidmem.media.decode import Pixels
from vidmem.media.ref import Clip, MediaInfo
from vidmem.media.sample import resize, shown_at


@dataclass(frozen=True)
class Format:
    """What a model puts out: sides in pixels, number of frames, and frames a second."""

    width: int
    height: int
    frames: int
    fps: float


def to_format(clip: Clip, fmt: Format) -> Clip:
    """The first `fmt.frames` frames at `fmt.fps`, centre-cropped to the aspect and resized by area averages.

    A clip that is shorter holds its last frame.
    """
    times = np.arange(fmt.frames) / fmt.fps
    chosen = shown_at(clip.times_s, times)
    made = {int(i): resize(centre_crop(clip.frames[i], fmt.width, fmt.height), fmt.width, fmt.height) for i in chosen}
    frames = np.stack([made[int(i)] for i in chosen])
    info = MediaInfo("video", fmt.fps, fmt.frames, fmt.width, fmt.height, fmt.frames / fmt.fps)
    return Clip(frames, times, info)


def centre_crop(rgb: Pixels, width: int, height: int) -> Pixels:
    """The largest centred part of one frame (H, W, 3) with the aspect of width x height."""
    h, w = rgb.shape[:2]
    new_w, new_h = min(w, max(round(h * width / height), 1)), min(h, max(round(w * height / width), 1))
    top, left = (h - new_h) // 2, (w - new_w) // 2
    return rgb[top : top + new_h, left : left + new_w]
