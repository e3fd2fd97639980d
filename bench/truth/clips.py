"""The rendered clips of the benchmark: motion, content and camera are known, and each is exchanged by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidmem.corpus.made.contents import CONTENTS, CORPUS_CONTENTS
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS, NATURAL_MOTIONS
from vidmem.corpus.made.render import CAMERAS, render_clip
from vidmem.media import Clip, Format, MediaInfo, to_format

SIDE, FPS, SECONDS = 192, 24.0, 1.5
FORMATS: dict[str, Format | None] = {
    "32px-8f": Format(32, 32, 8, 8.0),
    "64px-12f": Format(64, 64, 12, 8.0),
    "full": None,
}


@dataclass(frozen=True)
class Spec:
    """One clip. Roles: reference; motion (same motion, other content); null (neither); content (same content, other
    motion); still, pan, zoom (nothing moves but the camera)."""

    role: str
    content: str
    motion: str
    camera: str
    seed: int


def specs() -> list[Spec]:
    """References: every corpus motion on eight contents. Queries: fresh contents, or the references' own contents."""
    cameras, motions, others = list(CAMERAS), list(CORPUS_MOTIONS), list(HELDOUT_MOTIONS)
    contents = list(CORPUS_CONTENTS)
    fresh = [name for name in CONTENTS if name not in CORPUS_CONTENTS]
    out = []
    for m, motion in enumerate(motions):
        for c in range(8):
            content = contents[(m + c * 3) % len(contents)]
            out.append(Spec("reference", content, motion, cameras[(m + c) % len(cameras)], c % 4))
    for c, content in enumerate(fresh):
        out += [Spec("motion", content, m, cameras[(c + 2 * n) % 5], c) for n, m in enumerate(motions)]
        out += [Spec("null", content, m, cameras[(c + 3 * n + 1) % 5], c) for n, m in enumerate(others)]
        for camera in cameras:
            role = {"still": "still", "pan-left": "pan", "pan-right": "pan"}.get(camera, "zoom")
            out += [Spec(role, content, m, camera, c + 20) for m in NATURAL_MOTIONS]
    references = [s for s in out if s.role == "reference"]
    for n, s in enumerate(references):
        out.append(Spec("content", s.content, others[n % len(others)], s.camera, s.seed))
    return out


def clip_of(spec: Spec, fmt: Format | None) -> Clip:
    """Render a clip, and pass it through a model's output format if one is given."""
    frames = render_clip(
        spec.content, spec.motion, spec.camera, width=SIDE, height=SIDE, fps=FPS, seconds=SECONDS, seed=spec.seed
    )
    times = np.arange(len(frames)) / FPS
    clip = Clip(frames, times, MediaInfo("video", FPS, len(frames), SIDE, SIDE, SECONDS))
    return clip if fmt is None else to_format(clip, fmt)
