"""The things that move: a shape by its radius over the angle, under a pattern of two colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vidmem.corpus.made.canvas import Colours, Field, inside


def _ball(a: Field) -> Field:
    return np.ones_like(a)


def _polygon(sides: int, turn: float = 0.0) -> Callable[[Field], Field]:
    step = 2 * np.pi / sides

    def radius(a: Field) -> Field:
        return np.cos(step / 2) / np.cos((a + turn) % step - step / 2)  # type: ignore[no-any-return]

    return radius


def _star(a: Field) -> Field:
    saw = np.abs(((a + np.pi / 2) / (2 * np.pi) * 5) % 1 - 0.5) * 2
    return 0.5 + 0.55 * saw


def _gear(a: Field) -> Field:
    return 0.9 + 0.14 * np.tanh(4 * np.sin(9 * a))


def _flower(a: Field) -> Field:
    return 0.8 + 0.25 * np.cos(6 * a)


def _heart(a: Field) -> Field:
    s = np.sin(-a)
    return 0.62 * (1.15 - s + s * np.sqrt(np.abs(np.cos(a))) / (np.abs(s) + 1.4) * 1.2) * 0.95


def _cross(a: Field) -> Field:
    c, s = np.abs(np.cos(a)), np.abs(np.sin(a))
    long, wide = 1.05, 0.45
    lying = np.minimum(long / np.maximum(c, 1e-6), wide / np.maximum(s, 1e-6))
    upright = np.minimum(wide / np.maximum(c, 1e-6), long / np.maximum(s, 1e-6))
    return np.maximum(lying, upright)


def _oval(a: Field) -> Field:
    return np.asarray(0.62 / np.hypot(0.62 * np.cos(a - 0.6), np.sin(a - 0.6)))


def _capsule(a: Field) -> Field:
    lying, upright = np.abs(np.cos(a)) / 0.72, np.abs(np.sin(a)) / 1.08
    edge: Field = (lying**5 + upright**5) ** -0.2
    return edge


SHAPES: dict[str, Callable[[Field], Field]] = {
    "ball": _ball,
    "square": _polygon(4, np.pi / 4),
    "diamond": _polygon(4, np.pi / 2),
    "triangle": _polygon(3, np.pi / 2),
    "pentagon": _polygon(5, np.pi / 2),
    "hexagon": _polygon(6),
    "octagon": _polygon(8, np.pi / 8),
    "star": _star,
    "gear": _gear,
    "flower": _flower,
    "heart": _heart,
    "cross": _cross,
    "oval": _oval,
    "capsule": _capsule,
}


# Patterns are coarse and don't repeat: where one repeats at about the step between frames, optical flow is misled.


def _striped(x: Field, y: Field) -> Field:
    return np.asarray(np.sin(x * 3.4 + y * 2.4 + 0.7))


def _hooped(x: Field, y: Field) -> Field:
    return np.asarray(np.cos(np.hypot(x - 0.1, y + 0.05) * 6.2))


def _spotted(x: Field, y: Field) -> Field:
    spots = ((-0.35, -0.3, 0.3), (0.38, -0.05, 0.24), (-0.1, 0.42, 0.27))
    return np.asarray(np.max([r - np.hypot(x - u, y - v) for u, v, r in spots], axis=0) * 6)


def _chequered(x: Field, y: Field) -> Field:
    return np.asarray(np.sin(x * 2.9 + 0.4) * np.sin(y * 2.9 + 0.7) * 4)


def _quartered(x: Field, y: Field) -> Field:
    return np.asarray(np.sin(np.arctan2(y, x - 0.15) * 2 + 0.5) * np.hypot(x, y) * 3)


def _barred(x: Field, y: Field) -> Field:
    return np.asarray(np.sin(y * 4.2 + 0.9))


PATTERNS: dict[str, Callable[[Field, Field], Field]] = {
    "striped": _striped,
    "hooped": _hooped,
    "spotted": _spotted,
    "chequered": _chequered,
    "quartered": _quartered,
    "barred": _barred,
}


@dataclass(frozen=True)
class SpriteKind:
    """A shape and pattern by name, the diameter in short sides, and the noun of the captions."""

    shape: str
    pattern: str
    size: float
    noun: str
    plural: str


def paint_sprite(
    kind: SpriteKind, tints: Colours, diameter_px: int, focus_px: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """RGBA of shape (n, n, 4), 0..1, colours multiplied by alpha; n leaves a margin around the diameter."""
    n = int(diameter_px * 1.2) + 4
    axis = ((np.arange(n, dtype=np.float32) + 0.5) - n / 2) / (diameter_px / 2)
    x, y = np.meshgrid(axis, axis)
    radius, edge = np.hypot(x, y), SHAPES[kind.shape](np.arctan2(y, x))
    alpha = inside(edge - radius, 4 / diameter_px)
    turn = rng.uniform(-0.4, 0.4)
    u, v = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    share = np.clip(PATTERNS[kind.pattern](u, v) * 3 + 0.5, 0, 1)[..., None]
    rgb = tints[0] + (tints[1] - tints[0]) * share
    rgb = rgb * (1.08 - 0.22 * np.clip(x * 0.5 + y * 0.7, -1, 1))[..., None]  # lit from the upper left
    rgb = rgb * (1 - 0.7 * inside(radius - edge + 0.13, 0.05))[..., None]  # dark rim
    rgb = rgb + rng.normal(0, 0.03, (n, n, 1))
    sprite = np.concatenate([np.clip(rgb, 0, 1) * alpha[..., None], alpha[..., None]], axis=2).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(sprite, (0, 0), focus_px / 2))  # a little sharper than what lies behind
