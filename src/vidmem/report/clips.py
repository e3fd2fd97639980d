"""Both sides of a match as one small film: generated left, reference right, so that they can't fall out of step.

Two films of their own drift apart in every browser, by how much nobody knows. In one file frame n of the generated
video and frame n of the reference are one picture, and the flow of both stands below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from vidmem.media import encode_video
from vidmem.report.strips import flow_to_colour

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

LEAST_SPAN_S = 2.0  # a match shorter than this plays with what surrounds it
MOST_RATE_HZ = 24.0
MOST_FRAMES = 96
GAP = 4  # pixels between panels
GROUND = 24  # grey level of gaps and of what a letterbox leaves
CRF = 25  # x264's quality: 15 to 60 kB a second of four panels


@dataclass(frozen=True)
class Clip:
    """A film of a card: `src` relative to the page, size in pixels, frames a second of the generated video."""

    src: str
    width: int
    height: int
    frames: int
    fps: float
    start: float  # seconds of the generated video at the first frame
    alt: str

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames / self.fps


def clip_count(span_s: float, fps: float | None) -> int:
    """Frames of a film of `span_s` seconds: the file's own rate, at most `MOST_RATE_HZ` and `MOST_FRAMES`."""
    rate = min(fps or MOST_RATE_HZ, MOST_RATE_HZ)
    return int(np.clip(round(span_s * rate), 1, MOST_FRAMES))


def rate_of(times: Floats) -> float:
    """Frames a second of evenly spaced times; 1 for a single one."""
    return float((len(times) - 1) / (times[-1] - times[0])) if len(times) > 1 and times[-1] > times[0] else 1.0


def compose(rows: Sequence[Sequence[Sequence[Bytes]]], width: int) -> Bytes:
    """Panels as one film: `rows` of sides of n frames, uint8 (H, W, 3) each; gives uint8 (n, height, 2 w + gap, 3).

    All panels of a row are as high as the first side's pictures want, at most 1.5 widths; what is of another shape is
    letterboxed. A side of one frame (an image) stands still.
    """
    count = max(len(side) for row in rows for side in row)
    bands = [_band(row, width, count) for row in rows]
    gap = np.full((count, GAP, bands[0].shape[2], 3), GROUND, np.uint8)
    parts = [part for band in bands for part in (gap, band)][1:]
    return np.concatenate(parts, axis=1)


def _band(row: Sequence[Sequence[Bytes]], width: int, count: int) -> Bytes:
    height = _even(min(width * row[0][0].shape[0] / row[0][0].shape[1], 1.5 * width))
    sides = []
    for side in row:
        panels = [_panel(frame, width, height) for frame in side]
        sides.append(np.stack(panels if len(panels) == count else panels * count))
    gap = np.full((count, height, GAP, 3), GROUND, np.uint8)
    return np.concatenate([part for side in sides for part in (gap, side)][1:], axis=2)


def _panel(frame: Bytes, width: int, height: int) -> Bytes:
    picture = Image.fromarray(np.ascontiguousarray(frame))
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    how = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
    canvas = Image.new("RGB", (width, height), (GROUND, GROUND, GROUND))
    canvas.paste(picture.resize(size, how), ((width - size[0]) // 2, (height - size[1]) // 2))
    return np.asarray(canvas)


def _even(value: float) -> int:
    return max(16, 2 * round(value / 2))


def withheld(like: Bytes) -> Bytes:
    """What stands where a side may not be shown: hatched, of the other side's shape."""
    y, x = np.indices(like.shape[:2])
    grey = np.where((x + y) % 12 < 2, 70, 42).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def flow_pictures(vectors: npt.NDArray[np.float64], full: float) -> list[Bytes]:
    """Flow fields (n, 2 * grid * grid) as coloured pictures of one cell a pixel; `full` as in `flow_to_colour`."""
    grid = round((vectors.shape[1] / 2) ** 0.5)
    return [flow_to_colour(field, full) for field in vectors.reshape(len(vectors), 2, grid, grid)]


def write_clip(path: Path, frames: Bytes, fps: float) -> None:
    """Write the film as H.264 in mp4, which every browser plays; the same frames give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_video(frames, fps, CRF, "veryfast"))
