"""The renderer: content x motion x camera, each exchangeable for another without touching the rest."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from vidmem.corpus.made.canvas import canvas, colours, finish
from vidmem.corpus.made.contents import CONTENTS, Content
from vidmem.corpus.made.motions import MOTIONS, Motion
from vidmem.corpus.made.sprites import paint_sprite

Frames = npt.NDArray[np.uint8]

EXTENT = 1.7  # short sides of world that are painted: the frame, and what cameras uncover around it
UNIT = 2.0  # short sides in a painting's unit of length
FOCUS = 0.02  # standard deviation of the soft focus, in short sides
PAN = 0.16  # short sides a second
ZOOM = 0.18  # natural logarithm of the scale, a second

# A camera is what it does after t seconds: shift of the world in short sides (x), and scale.
CAMERAS: dict[str, Callable[[float], tuple[float, float]]] = {
    "still": lambda t: (0.0, 1.0),
    "pan-left": lambda t: (PAN * (t - 0.75), 1.0),  # the view goes left, the world right
    "pan-right": lambda t: (-PAN * (t - 0.75), 1.0),
    "zoom-in": lambda t: (0.0, float(np.exp(ZOOM * t))),
    "zoom-out": lambda t: (0.0, float(np.exp(ZOOM * (1.5 - t)))),
}


def render_clip(
    content: str,
    motion: str | Motion,
    camera: str,
    *,
    width: int,
    height: int,
    fps: float,
    seconds: float,
    seed: int,
    speed: float = 1.0,
) -> Frames:
    """Render uint8 RGB frames (round(seconds * fps), height, width, 3).

    `seed` chooses the layout and colours within the content, and nothing of the motion. `speed` plays motion and
    camera faster. Names are keys of `CONTENTS`, `MOTIONS` and `CAMERAS`; a motion may be given itself.
    """
    motion = MOTIONS[motion] if isinstance(motion, str) else motion
    side = min(width, height)
    world, sprites = _paint(content, motion.sprites, side, max(width, height) / side, seed)
    times = np.arange(round(seconds * fps)) / fps * speed
    paths = motion.paths(times)
    frames = np.empty((len(times), height, width, 3), np.uint8)
    for number, time in enumerate(times):
        shift, scale = CAMERAS[camera](float(time))
        view = _view(side, width, height, world.shape[0], shift, scale)
        frame = frames[number]
        cv2.warpAffine(world, view, (width, height), frame, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
        for sprite, (x, y) in zip(sprites, paths, strict=True):
            at = width / 2 + (x[number] + shift) * scale * side, height / 2 + y[number] * scale * side
            _stamp(frame, sprite, at, scale)
    return frames


def look(content: str, seed: int) -> tuple[tuple[str, ...], tuple[str, str]]:
    """Names of the background's colours and of the sprite's two, for this seed."""
    looks = CONTENTS[content].looks
    return looks[seed % len(looks)]


def _paint(name: str, count: int, side: int, aspect: float, seed: int) -> tuple[Frames, list[npt.NDArray[np.float32]]]:
    content: Content = CONTENTS[name]
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
    ground, tints = look(name, seed)
    extent = EXTENT * aspect
    board = canvas(round(side * extent), extent / UNIT, rng)
    world = finish(board, content.painter(board, colours(*ground)), FOCUS * side)
    pair = colours(*tints)
    diameter = round(content.sprite.size * (1.0, 0.92, 0.8)[count - 1] * side)
    turned = [pair if k % 2 == 0 else pair[::-1] for k in range(count)]
    return world, [paint_sprite(content.sprite, tints, diameter, FOCUS * side, rng) for tints in turned]


def _view(side: int, width: int, height: int, n: int, shift: float, scale: float) -> npt.NDArray[np.float64]:
    """Affine map from world pixels to frame pixels: the world's middle lies in the frame's, moved and scaled."""
    return np.array(
        [
            [scale, 0, width / 2 - 0.5 + scale * (shift * side - (n / 2 - 0.5))],
            [0, scale, height / 2 - 0.5 - scale * (n / 2 - 0.5)],
        ]
    )


def _stamp(frame: Frames, sprite: npt.NDArray[np.float32], at: tuple[float, float], scale: float) -> None:
    """Lay a sprite (RGBA, colours times alpha) over the frame with its middle at `at`, in pixels, in place."""
    reach = int(np.ceil(sprite.shape[0] / 2 * scale)) + 2
    left, top = int(at[0]) - reach, int(at[1]) - reach
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + 2 * reach, frame.shape[1]), min(top + 2 * reach, frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    half = sprite.shape[0] / 2 - 0.5
    put = np.array([[scale, 0, at[0] - 0.5 - x0 - scale * half], [0, scale, at[1] - 0.5 - y0 - scale * half]])
    patch = cv2.warpAffine(sprite, put, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    under = frame[y0:y1, x0:x1]
    under[:] = (under * (1 - patch[..., 3:]) + patch[..., :3] * 255 + 0.5).astype(np.uint8)
