"""The trajectories: where the centre of each sprite is at a time.

Positions are in short sides of the frame from its middle, x to the right and y downwards; times in seconds.
A trajectory is a function of time alone, so that clips of one family share their motion exactly. Speeds stay
under about 0.8 sides a second: a sprite then moves by less than a third of itself between frames at 8 a second,
which optical flow can follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Path2D = tuple[Times, Times]


@dataclass(frozen=True)
class Motion:
    """`paths(t)` gives one (x, y) a sprite. Captions say what they do (`phrase`) in which kind of clip (`medium`)."""

    paths: Callable[[Times], list[Path2D]]
    sprites: int
    phrase: str
    medium: str
    natural: bool = False


def _swing(t: Times, period: float) -> Times:
    """From -1 to 1 and back at even speed, starting at -1."""
    return 2 * np.abs(2 * (t / period - np.floor(t / period + 0.5))) - 1


def _rest(x: float, y: float, t: Times) -> Path2D:
    return np.full_like(t, x), np.full_like(t, y)


def _bounce(t: Times) -> list[Path2D]:
    return [(0.3 * _swing(t, 2.0), 0.06 + 0 * t)]


def _orbit(t: Times) -> list[Path2D]:
    a = 2 * np.pi * t / 2.6
    return [(-0.25 * np.cos(a), -0.25 * np.sin(a))]


def _zigzag(t: Times) -> list[Path2D]:
    return [(0.18 * _swing(t + 0.2, 1.3), -0.32 + 0.42 * t)]


def _pendulum(t: Times) -> list[Path2D]:
    a = 0.6 * np.cos(2 * np.pi * t / 3.0)
    x, y = np.sin(a), np.cos(a)
    return [(0.62 * x, -0.42 + 0.62 * y), (0.2 * x, -0.42 + 0.2 * y)]


def _figure_eight(t: Times) -> list[Path2D]:
    a = 2 * np.pi * t / 3.0
    return [(-0.25 * np.sin(a), -0.14 * np.sin(2 * a))]


def _crossing(t: Times) -> list[Path2D]:
    return [(-0.24 + 0 * t, -0.34 + 0.48 * t), (0.24 + 0 * t, 0.34 - 0.48 * t)]


def _spiral(t: Times) -> list[Path2D]:
    a, r = -2 * np.pi * t / 1.9 + 0.5, 0.08 + 0.13 * t
    return [(r * np.cos(a), r * np.sin(a))]


def _hop(t: Times) -> list[Path2D]:
    u = (t / 0.85) % 1
    return [(0.34 - 0.46 * t, 0.28 - 4 * 0.2 * u * (1 - u))]


def _seesaw(t: Times) -> list[Path2D]:
    y = -0.25 * np.sin(2 * np.pi * t / 3.0)
    return [(-0.27 + 0 * t, y), (0.27 + 0 * t, -y)]


def _part(t: Times) -> list[Path2D]:
    away = 0.16 + 0.24 * (1 - np.cos(2 * np.pi * t / 2.0)) / 2
    return [(0 * t, -away), (0 * t, away)]


def _square(t: Times) -> list[Path2D]:
    s = (t / 3.2 + 0.5) % 1 * 4  # sides gone: along the bottom to the right first, then up
    x = np.interp(s, [0, 1, 2, 3, 4], [0.26, -0.26, -0.26, 0.26, 0.26])
    y = np.interp(s, [0, 1, 2, 3, 4], [-0.26, -0.26, 0.26, 0.26, -0.26])
    return [(x, y)]


def _rain(t: Times) -> list[Path2D]:
    return [(x + 0 * t, ((0.55 * t + lag) % 1.5) - 0.75) for x, lag in ((-0.31, 0.45), (0.0, 0.7), (0.31, 0.3))]


def _fan(t: Times) -> list[Path2D]:
    r = 0.1 + 0.36 * t
    return [(r * np.sin(a), 0.42 - 1.25 * r * np.cos(a)) for a in (-0.95, 0.0, 0.95)]


def _swap(t: Times) -> list[Path2D]:
    s = np.cos(np.pi * np.clip(t / 1.8, 0, 1))
    return [(-0.28 * s, 0.28 * s), (0.28 * s, -0.28 * s)]


def _shuttle(t: Times) -> list[Path2D]:
    return [(0.3 + 0 * t, 0.3 * _swing(t, 2.0))]


def _wander(number: int, sprites: int) -> Callable[[Times], list[Path2D]]:
    """A smooth random walk of each sprite: two sinusoids an axis, the same for the same number."""
    rng = np.random.default_rng([11, number])
    waves, phases = rng.uniform(0.2, 0.75, (sprites, 2, 2)), rng.uniform(0, 2 * np.pi, (sprites, 2, 2))
    size, middle = rng.uniform(0.07, 0.17, (sprites, 2, 2)), rng.uniform(-0.18, 0.18, (sprites, 2))

    def paths(t: Times) -> list[Path2D]:
        angles = 2 * np.pi * waves[..., None] * t + phases[..., None]
        places = middle[..., None] + (size[..., None] * np.sin(angles)).sum(2)
        return [(x, y) for x, y in places]

    return paths


def _motionless(t: Times) -> list[Path2D]:
    return [_rest(0.12, 0.1, t)]


CORPUS_MOTIONS: dict[str, Motion] = {
    "bounce": Motion(_bounce, 1, "bouncing between two walls", "stock animation"),
    "orbit": Motion(_orbit, 1, "circling round and round", "looping background"),
    "zigzag": Motion(_zigzag, 1, "zigzagging down the screen", "screen saver"),
    "pendulum": Motion(_pendulum, 2, "swinging like a pendulum", "hypnosis clip"),
    "figure-eight": Motion(_figure_eight, 1, "tracing a figure of eight", "motion graphics"),
    "crossing": Motion(_crossing, 2, "passing each other, one going up and one down", "title sequence"),
    "spiral": Motion(_spiral, 1, "spiralling outwards", "visual loop"),
    "hop": Motion(_hop, 1, "hopping along the ground", "cartoon animation"),
}
HELDOUT_MOTIONS: dict[str, Motion] = {
    "seesaw": Motion(_seesaw, 2, "rising and sinking in turn", "toy advert"),
    "part": Motion(_part, 2, "pulling apart and closing up again", "logo reveal"),
    "square": Motion(_square, 1, "marching around a square", "tutorial clip"),
    "rain": Motion(_rain, 3, "raining down", "festive backdrop"),
    "fan": Motion(_fan, 3, "fanning out from below", "opening credits"),
    "swap": Motion(_swap, 2, "trading corners", "puzzle game footage"),
    "shuttle": Motion(_shuttle, 1, "shuttling up and down", "lift diagram"),
    # movements of no particular shape: a null of a few plain ones would call everything else unusual
    "wander": Motion(_wander(0, 1), 1, "wandering about", "meditation video"),
    "weave": Motion(_wander(1, 2), 2, "weaving past each other", "weather map"),
    "drift": Motion(_wander(2, 1), 1, "drifting off and back", "aquarium loop"),
    "jostle": Motion(_wander(3, 3), 3, "jostling for room", "party invitation"),
    "swoop": Motion(_wander(4, 2), 2, "swooping in turn", "trailer"),
    "stray": Motion(_wander(5, 1), 1, "straying from the middle", "test card"),
    "mingle": Motion(_wander(6, 3), 3, "mingling", "website banner"),
    "sway": Motion(_wander(7, 2), 2, "swaying to and fro", "music visualiser"),
}
NATURAL_MOTIONS: dict[str, Motion] = {
    "motionless": Motion(_motionless, 1, "lying still", "ambient footage", natural=True),
}
MOTIONS: dict[str, Motion] = {**CORPUS_MOTIONS, **HELDOUT_MOTIONS, **NATURAL_MOTIONS}
