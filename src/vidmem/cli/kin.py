"""Which clips of a corpus are kin to the few of them that serve as background, where an audit has no held-out clips.

The audit itself relates all clips to all (`retrieve.relatives`), which takes longer with the square of the corpus. A
search of one video asks of a clip only which *background* clips are kin to it, so only these are compared with all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from vidmem.retrieve import relatives
from vidmem.search.library import Library, join, load_library

BLOCK = 128  # clips whose product with the background is in memory at once


def kin_of_background(
    manifest: Path, corpus_frames: Sequence[Path], background: Collection[str], duplicate_from: float
) -> dict[str, set[str]]:
    """item_id -> clips of `background` that are `relatives` of it: of its caption, its bytes or its content."""
    held = set(background)
    related = {item: kin & held for item, kin in relatives(manifest).items()}
    mine = _taken(corpus_frames, held)
    for path in corpus_frames if mine is not None else ():
        for block in load_library(path).blocks(BLOCK):
            assert mine is not None
            best = np.maximum.reduceat(block.vectors @ mine.vectors.T, mine.starts[:-1], axis=1)
            alike = np.maximum.reduceat(best, block.starts[:-1], axis=0) >= duplicate_from
            for n, m in zip(*np.nonzero(alike), strict=True):
                related.setdefault(block.ids[n], set()).add(mine.ids[m])
    return related


def _taken(paths: Sequence[Path], names: Collection[str]) -> Library | None:
    """The clips of these names; None where none has frames."""
    found = []
    for path in paths:
        library = load_library(path)
        found.append(library.take([n for n, item in enumerate(library.ids) if item in names]))
    taken = join(found)
    return taken if len(taken) else None
