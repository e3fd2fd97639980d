"""Frames from any source made ready for an engine: grey, cropped, resized.

Generated frames may be far smaller than the originals they copy, and square where those are wide. How both are cropped
and enlarged decides how well a copy matches (bench/truth measures it), so one rule serves both sides.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]  # (N, H, W, 3), RGB
Crop = Literal["none", "centre"]
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma


def grey(frames: Frames) -> Frames:
    """Luma of RGB frames: uint8 (N, H, W, 3) to uint8 (N, H, W)."""
    return np.asarray(np.rint(frames @ _GREY), np.uint8)


def resize(images: Frames, width: int, height: int) -> Frames:
    """Images (N, H, W[, 3]) at another size: area averages on the way down, bicubic on the way up. Same dtype."""
    if images.shape[1:3] == (height, width):
        return images
    shrinks = height * width < images.shape[1] * images.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    out = [cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=how) for image in images]
    return np.stack(out) if out else np.empty((0, height, width, *images.shape[3:]), images.dtype)


def short_edge_size(width: int, height: int, short_edge: int, multiple: int = 1) -> tuple[int, int]:
    """(width, height) with the aspect kept and the short edge given, sides rounded to `multiple`."""
    scale = short_edge / min(width, height)
    w, h = (max(multiple, round(side * scale / multiple) * multiple) for side in (width, height))
    return w, h


def shrink(frames: Frames, short_edge: int) -> Frames:
    """Frames whose short edge is at most `short_edge`; smaller ones as they are."""
    height, width = frames.shape[1:3]
    if min(height, width) <= short_edge:
        return frames
    return resize(frames, *short_edge_size(width, height, short_edge))


def crop(frames: Frames, how: Crop) -> Frames:
    """The largest centred square of each frame (`centre`), or the whole frames (`none`)."""
    if how == "none":
        return frames
    height, width = frames.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return frames[:, top : top + side, left : left + side]


def to_short_edge(frames: Frames, short_edge: int) -> Frames:
    """Frames at the short edge given, aspect kept, whichever way that is."""
    return resize(frames, *short_edge_size(frames.shape[2], frames.shape[1], short_edge))
