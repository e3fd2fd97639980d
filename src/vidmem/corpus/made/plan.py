"""Which clips the demo corpus holds: a balanced part of content x motion x camera, and how often each stands in it.

Every family (clips of one trajectory) has seven contents, every content meets most motions, and the multiplicities
1, 4, 16, 64 are spread evenly over families, cameras and natural motion.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from vidmem.corpus.made.captions import caption
from vidmem.corpus.made.contents import CORPUS_CONTENTS, HELDOUT_CONTENTS, MOTION_CONTENTS
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS, MOTIONS

Side = Literal["corpus", "heldout", "motion", "unrelated"]
MULTIPLICITIES = (64, 16, 4, 1)
PER_FAMILY = 7
FRESH_PER_FAMILY = 5
UNRELATED_PER_FAMILY = 2
UNRELATED_SEED = 100  # variations of contents that no held-out clip shows
NATURAL_CAMERAS = ("still", "pan-left", "zoom-in", "pan-right", "still", "zoom-out")


@dataclass(frozen=True)
class Planned:
    """One clip: what it shows, on which side it stands and how often. `seed` tells clips of one content apart."""

    item_id: str
    side: Side
    content: str
    motion: str
    camera: str
    seed: int
    multiplicity: int
    caption: str

    @property
    def natural(self) -> bool:
        """Nothing moves but the camera, if that."""
        return MOTIONS[self.motion].natural


def planned() -> list[Planned]:
    """All rendered clips, corpus first."""
    return [
        *_factorial("corpus", list(CORPUS_CONTENTS), list(CORPUS_MOTIONS), naturals=10),
        *_factorial("heldout", list(HELDOUT_CONTENTS), list(HELDOUT_MOTIONS), naturals=12),
        *_fresh(list(MOTION_CONTENTS), list(CORPUS_MOTIONS)),
        *_unrelated(list(HELDOUT_CONTENTS), list(HELDOUT_MOTIONS)),
    ]


def _factorial(side: Side, contents: list[str], motions: list[str], naturals: int) -> list[Planned]:
    used: Counter[str] = Counter()
    clips = []
    for i, motion in enumerate(motions):
        for j in range(PER_FAMILY):
            content = contents[(3 * i + j) % len(contents)]
            clips.append(_clip(side, content, motion, _camera(i, j), used, MULTIPLICITIES[(i + j) % 4]))
    for k in range(naturals):
        camera = NATURAL_CAMERAS[k % len(NATURAL_CAMERAS)]
        had = {clip.content for clip in clips if clip.natural and clip.camera == camera}
        content = min((c for c in contents if c not in had), key=lambda c: (used[c], contents.index(c)))
        clips.append(_clip(side, content, "motionless", camera, used, MULTIPLICITIES[k % 4]))
    return clips


def _fresh(contents: list[str], motions: list[str]) -> list[Planned]:
    """New contents on the corpus' trajectories; each pair of motions shares out all contents."""
    used: Counter[str] = Counter()
    return [
        _clip("motion", contents[(5 * i + i // 2 + j) % len(contents)], motion, "still", used, 1)
        for i, motion in enumerate(motions)
        for j in range(FRESH_PER_FAMILY)
    ]


def _unrelated(contents: list[str], motions: list[str]) -> list[Planned]:
    """Held-out contents on held-out motions once more, in other pairs: negative controls that set no threshold.

    A threshold that was set on the very clips that are then judged by it would be kept by construction.
    """
    used: Counter[str] = Counter(dict.fromkeys(contents, UNRELATED_SEED))
    return [
        _clip("unrelated", contents[(3 * i + PER_FAMILY + j) % len(contents)], motion, _camera(i, j + 1), used, 1)
        for i, motion in enumerate(motions)
        for j in range(UNRELATED_PER_FAMILY)
    ]


def _camera(i: int, j: int) -> str:
    """Of the seven clips of a family, five have a still camera, one pans and one zooms."""
    if j == 2:
        return ("pan-left", "pan-right")[i % 2]
    if j == 5:
        return ("zoom-in", "zoom-out")[i % 2]
    return "still"


def _clip(side: Side, content: str, motion: str, camera: str, used: Counter[str], multiplicity: int) -> Planned:
    seed = used[content]
    used[content] += 1
    return Planned(
        item_id=f"{'unrelated-' if side == 'unrelated' else ''}{content}-{motion}-{camera}",
        side=side,
        content=content,
        motion=motion,
        camera=camera,
        seed=seed,
        multiplicity=multiplicity if side == "corpus" else 1,
        caption=caption(content, motion, camera, seed),
    )
