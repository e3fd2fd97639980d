"""Ways in which a copy differs from its original, as footage does that went round the web."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Shot:
    """uint8 RGB frames (N, H, W, 3), their rate, and the H.264 quality they are to be stored with."""

    frames: Frames
    fps: float
    crf: int = 12


def _each(shot: Shot, change: Callable[[Frames], npt.NDArray[np.generic]]) -> Shot:
    frames = np.stack([np.clip(change(f), 0, 255).astype(np.uint8) for f in shot.frames])
    return replace(shot, frames=frames)


def scale(shot: Shot, rng: np.random.Generator) -> Shot:
    """Half the size."""
    h, w = shot.frames.shape[1:3]
    return _each(
        shot, lambda f: cv2.resize(f, (max(w // 4 * 2, 16), max(h // 4 * 2, 16)), interpolation=cv2.INTER_AREA)
    )


def crop(shot: Shot, rng: np.random.Generator) -> Shot:
    """A part of 80 % of each side, somewhere."""
    h, w = shot.frames.shape[1:3]
    new_h, new_w = int(h * 0.8) // 2 * 2, int(w * 0.8) // 2 * 2
    y, x = (int(rng.integers(0, n + 1)) for n in (h - new_h, w - new_w))
    return replace(shot, frames=np.ascontiguousarray(shot.frames[:, y : y + new_h, x : x + new_w]))


def compress(shot: Shot, rng: np.random.Generator) -> Shot:
    """Strong compression."""
    return replace(shot, crf=36)


def blur(shot: Shot, rng: np.random.Generator) -> Shot:
    """A Gaussian of 0.8 % of the width."""
    return _each(shot, lambda f: cv2.GaussianBlur(f, (0, 0), max(f.shape[1] * 0.008, 0.6)))


def noise(shot: Shot, rng: np.random.Generator) -> Shot:
    """Camera noise of standard deviation 10 (of 255)."""
    return _each(shot, lambda f: np.rint(f + rng.normal(0, 10, f.shape)))


def colour(shot: Shot, rng: np.random.Generator) -> Shot:
    """Another white balance, contrast and brightness."""
    gain, lift = rng.uniform(0.8, 1.2, 3), rng.uniform(-12, 12)
    return _each(shot, lambda f: np.rint((f.astype(np.float64) - 128) * gain + 128 + lift))


def frame_rate(shot: Shot, rng: np.random.Generator) -> Shot:
    """Half the frame rate, at the same speed."""
    return replace(shot, frames=np.ascontiguousarray(shot.frames[::2]), fps=shot.fps / 2)


def trim(shot: Shot, rng: np.random.Generator) -> Shot:
    """The first fifth cut off."""
    return replace(shot, frames=np.ascontiguousarray(shot.frames[len(shot.frames) // 5 :]))


def web(shot: Shot, rng: np.random.Generator) -> Shot:
    """Cropped, scaled down and compressed: what a re-upload looks like."""
    return compress(scale(crop(shot, rng), rng), rng)


DEGRADATIONS: dict[str, Callable[[Shot, np.random.Generator], Shot]] = {
    "scale": scale,
    "crop": crop,
    "compress": compress,
    "blur": blur,
    "noise": noise,
    "colour": colour,
    "frame-rate": frame_rate,
    "trim": trim,
    "web": web,
}
