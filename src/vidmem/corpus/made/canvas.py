"""What procedural pictures are painted on: coordinates, noise, palettes and soft edges.

A painting's unit of length is two short sides of the frame, so that a tile of 0.2 fills two fifths of the picture.
Structure that coarse and softly focused is still recognised after a model of 32 pixels has made it again: SSCD between
a clip and its 32-pixel copy is about as high as it is for real footage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[Any]  # float (n, n)
Index = npt.NDArray[Any]  # integer (n, n)
Paint = npt.NDArray[Any]  # float (n, n, 3), RGB in 0..1
Colours = npt.NDArray[np.float32]  # (k, 3), RGB in 0..1

_NAMED = """
black 161616, charcoal 36393f, slate 5b6b7a, silver b9bfc4, ivory f4ecd8, white f7f7f4, crimson b3142c, scarlet e03c28,
rust a8502a, coral f2795c, orange f08a1d, amber f2b632, yellow f5dc3f, sand d9bf8a, brown 6b4226, chocolate 3f2414,
olive 7c7a2b, lime 9cc93b, green 2f8f46, emerald 0f6b52, mint 9fe0bf, teal 13808a, turquoise 38c2c4, sky 86c5ee,
blue 2463c4, navy 172a5c, indigo 43349b, violet 7d4fc0, lilac c3a5e4, plum 6d2160, magenta c92a8c, pink f29fc0,
rose d9587a
"""
NAMED: dict[str, str] = dict(pair.split() for pair in _NAMED.split(","))


def colours(*names: str) -> Colours:
    """RGB in 0..1 of named colours."""
    return np.array([[int(NAMED[n][i : i + 2], 16) / 255 for i in (0, 2, 4)] for n in names], np.float32)


@dataclass(frozen=True)
class Canvas:
    """A square of n pixels and `extent` units, with its own randomness and a turned, shifted frame (u, v)."""

    n: int
    extent: float
    rng: np.random.Generator
    x: Field  # from 0 to extent, to the right
    y: Field  # downwards
    u: Field
    v: Field


def canvas(n: int, extent: float, rng: np.random.Generator, turn: float = 0.35) -> Canvas:
    """A canvas whose (u, v) are turned by up to `turn` radians, scaled by 0.8 to 1.25 and shifted at random."""
    axis = (np.arange(n, dtype=np.float32) + 0.5) * np.float32(extent / n)
    x, y = np.meshgrid(axis, axis)
    angle, scale = rng.uniform(-turn, turn), 1.25 ** rng.uniform(-1, 1)
    cos, sin = np.float32(np.cos(angle) * scale), np.float32(np.sin(angle) * scale)
    shift = rng.uniform(0, 7, 2).astype(np.float32)
    return Canvas(n, extent, rng, x, y, x * cos - y * sin + shift[0], x * sin + y * cos + shift[1])


def noise(c: Canvas, cell: float, octaves: int = 4) -> Field:
    """Smooth fractal noise in 0..1, mean 0.5: random lattices of spacing `cell`, `cell`/2, ..., each half as strong."""
    total = np.zeros((c.n, c.n), np.float32)
    for octave in range(octaves):
        side = max(int(np.ceil(c.extent / cell * 2**octave)) + 3, 4)
        lattice = c.rng.random((side, side), np.float32) - 0.5
        step = c.n * cell / 2**octave / c.extent
        zoom = np.array([[step, 0, -step], [0, step, -step]], np.float32)
        total += cv2.warpAffine(lattice, zoom, (c.n, c.n), flags=cv2.INTER_CUBIC) / 2**octave
    spread = total.std() or 1.0
    level: Field = np.clip(0.5 + total / (5 * spread), 0, 1)
    return level


def pick(palette: Colours, index: Index) -> Paint:
    """Colour of each pixel by its index, modulo the palette's length."""
    picked: Paint = palette[index % len(palette)]
    return picked


def flat(c: Canvas, colour: Colours) -> Paint:
    """One colour everywhere, writable."""
    return np.full((c.n, c.n, 3), colour, np.float32)


def blend(under: Paint, over: Paint | Colours, share: Field) -> Paint:
    """`over` where `share` is 1, `under` where it is 0."""
    return under + (over - under) * share[..., None]


def inside(signed: Field, soft: float = 0.006) -> Field:
    """1 where `signed` (in units) is positive, 0 where negative, over an edge `soft` wide."""
    return np.clip(signed / soft + 0.5, 0, 1)


def hashed(c: Canvas, *indices: Index, levels: int) -> Index:
    """A random level for each cell of an integer grid, the same wherever the cell's indices are."""
    table = c.rng.integers(0, levels, 4099)
    mixed = np.zeros(indices[0].shape, np.int64)
    for factor, index in zip((73856093, 19349663, 83492791), indices, strict=False):
        mixed ^= index.astype(np.int64) * factor
    level: Index = table[np.abs(mixed) % 4099]
    return level


def nearest_two(c: Canvas, sites: Field) -> tuple[Index, Field, Field]:
    """Index of and distance to the nearest of `sites` (k, 2), and distance to the next."""
    d = np.stack([(c.x - x) ** 2 + (c.y - y) ** 2 for x, y in sites])
    two = np.partition(d, 1, axis=0)
    return d.argmin(axis=0), np.sqrt(two[0]), np.sqrt(two[1])


def scattered(c: Canvas, spacing: float) -> Field:
    """Jittered points about `spacing` apart all over the canvas, in random order, shape (k, 2)."""
    count = max(round(c.extent / spacing), 2)
    axis = (np.arange(count) + 0.5) / count
    lattice = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    points = (lattice + c.rng.uniform(-0.4, 0.4, lattice.shape) / count) * c.extent
    return c.rng.permutation(points).astype(np.float32)


def triangle_wave(t: Field) -> Field:
    """Period 1, from 0 up to 1 and back."""
    return np.abs(2 * (t - np.floor(t + 0.5)))


def finish(c: Canvas, paint: Paint, focus_px: float) -> npt.NDArray[np.uint8]:
    """A painting in soft focus (Gaussian of `focus_px`), in light that falls unevenly, with some grain: uint8 RGB."""
    light = 0.85 + 0.8 * (noise(c, 0.45, 1) - 0.5) + 0.12 * (noise(c, 0.03, 2) - 0.5)
    soft = cv2.GaussianBlur(paint.astype(np.float32), (0, 0), focus_px)
    return np.clip(soft * light[..., None] * 255 + 0.5, 0, 255).astype(np.uint8)
