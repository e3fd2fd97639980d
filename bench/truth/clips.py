"""The rendered clips of the benchmark: motion, content, camera and speed are known, and each is exchanged by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidmem.corpus.made.contents import CORPUS_CONTENTS, HELDOUT_CONTENTS, MOTION_CONTENTS
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS, NATURAL_MOTIONS, Motion, Path2D, Times
from vidmem.corpus.made.render import CAMERAS, render_clip
from vidmem.media import Clip, Format, MediaInfo

SIDE, FPS, SECONDS = 192, 24.0, 2.5
FORMATS: dict[str, Format | None] = {
    "32px-8f": Format(32, 32, 8, 8.0),
    "64px-12f": Format(64, 64, 12, 8.0),
    "full": None,
}
RANDOM = 16  # random trajectories among the references, beside the corpus' own eight
OTHERS = 58  # random trajectories that no reference has, beside the held-out ones
DISTRACTORS = 96  # references on trajectories that no query has


@dataclass(frozen=True)
class Spec:
    """One clip.

    Roles: reference; distractor (a reference on a trajectory of its own); motion (a reference's trajectory, other
    content); null (a trajectory of its own); content (a reference's content and camera on another trajectory); still,
    pan, zoom (nothing moves but the camera).
    """

    role: str
    content: str
    motion: str
    camera: str
    seed: int
    speed: float = 1.0


def random_motion(number: int) -> Motion:
    """A smooth trajectory of one to three sprites: two sinusoids an axis, .1 to .8 short sides a second on average."""
    rng = np.random.default_rng([7, number])
    sprites = int(rng.integers(1, 4))
    waves = rng.uniform(0.25, 0.9, (sprites, 2, 2)), rng.uniform(0, 2 * np.pi, (sprites, 2, 2))
    size = rng.uniform(0.06, 0.2, (sprites, 2, 2))
    middle = rng.uniform(-0.2, 0.2, (sprites, 2))

    def paths(t: Times) -> list[Path2D]:
        angles = 2 * np.pi * waves[0][..., None] * t + waves[1][..., None]
        places = middle[..., None] + (size[..., None] * np.sin(angles)).sum(2)
        return [(x, y) for x, y in places]

    return Motion(paths, sprites, "wandering", "benchmark clip")


def motion_of(name: str) -> str | Motion:
    """The trajectory of a spec: a name of the made corpus, or `random-<number>`."""
    return random_motion(int(name.removeprefix("random-"))) if name.startswith("random-") else name


def specs(contents_each: int = 4) -> list[Spec]:
    """References: every known trajectory on `contents_each` contents. Queries: fresh contents, or references' own."""
    cameras, known = list(CAMERAS), [*CORPUS_MOTIONS, *(f"random-{n}" for n in range(RANDOM))]
    others = [*HELDOUT_MOTIONS, *(f"random-{n}" for n in range(100, 100 + OTHERS))]
    corpus, fresh = list(CORPUS_CONTENTS), [*HELDOUT_CONTENTS, *MOTION_CONTENTS]
    out = [
        Spec("reference", corpus[(m + 3 * c) % len(corpus)], motion, cameras[(m + c) % len(cameras)], c % 4)
        for m, motion in enumerate(known)
        for c in range(contents_each)
    ]
    out += [
        Spec("distractor", corpus[n % len(corpus)], f"random-{300 + n}", cameras[n % len(cameras)], 4 + n % 3)
        for n in range(DISTRACTORS)
    ]
    for n, motion in enumerate(known):
        for c in range(3):
            out.append(Spec("motion", fresh[(5 * n + c) % len(fresh)], motion, cameras[(n + 2 * c + 1) % 5], c))
    for n, motion in enumerate(others):
        for c in range(3):  # more than 99 null queries, so that 1 % is counted and not extrapolated
            out.append(Spec("null", fresh[(5 * n + c + 2) % len(fresh)], motion, cameras[(n + 2 * c) % 5], c))
    for n, s in enumerate([s for s in out if s.role == "reference"]):
        out.append(Spec("content", s.content, others[n % len(others)], s.camera, s.seed))
    for n, content in enumerate(fresh):
        for camera in cameras:
            role = {"still": "still", "pan-left": "pan", "pan-right": "pan"}.get(camera, "zoom")
            out += [Spec(role, content, m, camera, n % 4 + 20) for m in NATURAL_MOTIONS]
    return out


def clip_of(spec: Spec, side: int = SIDE, fps: float = FPS, seconds: float = SECONDS) -> Clip:
    """Render a clip."""
    frames = render_clip(
        spec.content,
        motion_of(spec.motion),
        spec.camera,
        width=side,
        height=side,
        fps=fps,
        seconds=seconds,
        seed=spec.seed,
        speed=spec.speed,
    )
    return Clip(frames, np.arange(len(frames)) / fps, MediaInfo("video", fps, len(frames), side, side, seconds))
