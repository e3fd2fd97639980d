"""Pictures of evidence: strips of frames at matched times, and optical flow painted with a colour wheel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

GAP = 3  # pixels between frames
LEAST_SPAN_S = 0.75  # a match shorter than this is shown with what surrounds it
MARKS = {"content": (194, 37, 92), "motion": (28, 126, 214)}  # outlines of the frames that matched, the kinds' colours


def flow_to_colour(field: npt.NDArray[Any], full: float) -> Bytes:
    """Optical flow as colour: hue is the direction, saturation the magnitude; no motion is white.

    `field` float (2, H, W): x (right) and y (down) components. `full` is the magnitude of full saturation, in the
    field's unit. Gives uint8 (H, W, 3) RGB. Rightward motion is red (hue 0), and hue runs clockwise with the angle
    on the screen: down is yellow-green (90 degrees), left cyan (180), up violet (270).
    """
    x, y = np.asarray(field, np.float64)
    saturation = np.clip(np.hypot(x, y) / max(full, 1e-9), 0, 1)
    hue = (np.degrees(np.arctan2(y, x)) % 360) / 60
    # HSV with value 1: channel = 1 - saturation * max(0, min(k, 4 - k, 1)), k = (n + hue) mod 6, n = 5, 3, 1.
    channels = []
    for n in (5, 3, 1):
        k = (n + hue) % 6
        channels.append(1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return np.asarray(np.rint(255 * np.stack(channels, axis=-1)), np.uint8)


def colour_wheel(side: int = 96) -> Bytes:
    """Legend of `flow_to_colour`: uint8 (side, side, 4) RGBA, the direction of each point from the centre."""
    axis = (np.arange(side) + 0.5) / side * 2 - 1
    field = np.stack(np.meshgrid(axis, axis))
    inside = np.clip((1 - np.hypot(*field)) * side / 2 + 0.5, 0, 1)
    alpha = np.asarray(np.rint(255 * inside), np.uint8)
    return np.concatenate([flow_to_colour(field, 1.0), alpha[..., None]], axis=-1)


def aligned_times(
    gen: tuple[float, float],
    ref: tuple[float, float],
    lengths: tuple[float, float],
    count: int,
    least: float = LEAST_SPAN_S,
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Times at which both sides are shown, so that column i of one strip matches column i of the other.

    `gen`, `ref` are the (start, end) seconds that matched, `lengths` the durations of the two videos. A match
    shorter than `least` seconds (one frame) is widened by the same pad on both sides, as far as both videos reach.
    Gives float64 (count,) twice, and bool (count,): the columns that lie inside the match.
    """
    (gs, ge), (rs, re) = gen, ref
    before = after = 0.0
    wanted = max(least - (ge - gs), 0.0)
    if wanted > 0:
        room_before, room_after = max(min(gs, rs), 0.0), max(min(lengths[0] - ge, lengths[1] - re), 0.0)
        before = min(room_before, max(wanted / 2, wanted - room_after))
        after = min(room_after, wanted - before)
    share = np.linspace(0, 1, count) if count > 1 else np.zeros(1)
    gen_times = gs - before + share * (ge + after - gs + before)
    ref_times = rs - before + share * (re + after - rs + before)
    step = (gen_times[-1] - gen_times[0]) / max(count - 1, 1)
    inside = (gen_times >= gs - step / 2 - 1e-9) & (gen_times <= ge + step / 2 + 1e-9)
    return gen_times, ref_times, np.asarray(inside)


def nearest(times: Floats, wanted: Floats) -> npt.NDArray[np.intp]:
    """Index of the frame on show at each wanted time: the last that began by then (times ascending)."""
    return np.clip(np.searchsorted(times, wanted + 1e-6, side="right") - 1, 0, len(times) - 1)


def strip(
    frames: Sequence[Bytes],
    width: int,
    marked: Sequence[bool] = (),
    mark: tuple[int, int, int] = (0, 0, 0),
    line: int = 3,
) -> Bytes:
    """Frames side by side, each `width` pixels wide, aspect kept (letterboxed when taller than 1.5 widths).

    `frames` uint8 (H, W, 3) each; gives uint8 (h, n * width + gaps, 4), clear between the frames. Frames that are
    `marked` get an outline in the colour `mark`.
    """
    height = max(16, min(round(width * frames[0].shape[0] / frames[0].shape[1]), round(1.5 * width)))
    canvas = Image.new("RGBA", (len(frames) * (width + GAP) - GAP, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(canvas)
    for i, frame in enumerate(frames):
        picture = Image.fromarray(np.ascontiguousarray(frame))
        scale = min(width / picture.width, height / picture.height)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS)
        left = i * (width + GAP)
        canvas.paste(picture, (left + (width - size[0]) // 2, (height - size[1]) // 2))
        if i < len(marked) and marked[i]:
            draw.rectangle((left, 0, left + width - 1, height - 1), outline=(*mark, 255), width=line)
    return np.asarray(canvas)


def still(frame: Bytes, width: int) -> Bytes:
    """One frame `width` pixels wide, aspect kept: uint8 (H, W, 3) to uint8 (h, width, 3)."""
    picture = Image.fromarray(np.ascontiguousarray(frame))
    height = max(1, round(picture.height * width / picture.width))
    how = Image.Resampling.BICUBIC if width > picture.width else Image.Resampling.LANCZOS
    return np.asarray(picture.resize((width, height), how))


def flow_strip(vectors: npt.NDArray[Any], width: int, full: float) -> Bytes:
    """Flow fields side by side. `vectors` float (n, 2 * grid * grid) as in `tables.flow_schema`."""
    grid = round((vectors.shape[1] / 2) ** 0.5)
    fields = vectors.reshape(len(vectors), 2, grid, grid)
    outlined = [True] * len(fields)  # still fields are white, as the page may be
    return strip([flow_to_colour(field, full) for field in fields], width, outlined, (210, 210, 210), line=1)


def full_magnitude(*sides: npt.NDArray[Any]) -> float:
    """Magnitude of full saturation for strips that are compared: the 98th percentile over all their vectors."""
    magnitudes = [np.hypot(*np.split(np.asarray(side, np.float64), 2, axis=1)).ravel() for side in sides if len(side)]
    return max(float(np.quantile(np.concatenate(magnitudes), 0.98)), 1e-6) if magnitudes else 1.0


def save(pixels: Bytes, path: Path) -> tuple[int, int]:
    """Write RGBA pixels as WebP (clear where alpha is 0), without metadata; gives (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    image.save(path, quality=86, method=4)
    return image.width, image.height
