"""Writing the demo corpus: ordinary mp4 files and captions tables, and apart from them what is true of each clip."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vidmem.corpus.made.footage import SHOTS, Shot, cut, footage_files
from vidmem.corpus.made.plan import Planned, planned
from vidmem.corpus.made.render import render_clip
from vidmem.media import write_video
from vidmem.progress import progress

SIZE = 192
FPS = 24
SECONDS = 1.5
CRF = 16
TRUTH_COLUMNS = (
    "item_id", "side", "path", "source", "content", "motion", "camera", "family", "multiplicity", "natural_motion",
)  # fmt: skip


@dataclass(frozen=True)
class _Item:
    """A clip to write: its row of truth.csv, its caption, and how its frames and rate are come by."""

    truth: Mapping[str, Any]
    caption: str
    frames: Callable[[], tuple[npt.NDArray[np.uint8], float]]


def make_corpus(out: Path, *, threads: int) -> None:
    """Write the demo corpus below `out`: four folders with a captions.csv each, one a side, and truth.csv.

    A clip of multiplicity d stands in d rows of captions.csv, under d ids. Its row in truth.csv bears the first.
    """
    items = [*map(_rendered, planned()), *_real()]
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the pool below is what runs side by side
    try:
        for item in items:
            (out / item.truth["path"]).parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(threads) as pool:
            for _ in progress(pool.map(lambda item: _write(out, item), items), len(items), "making clips"):
                pass
    finally:
        cv2.setNumThreads(before)
    for side in ("corpus", "heldout", "motion", "unrelated"):
        rows = [row for item in items if item.truth["side"] == side for row in _caption_rows(item)]
        _write_csv(out / side / "captions.csv", ("item_id", "path", "caption"), rows)
    _write_csv(out / "truth.csv", TRUTH_COLUMNS, [item.truth for item in items])


def _write(out: Path, item: _Item) -> None:
    frames, fps = item.frames()
    write_video(out / item.truth["path"], frames, fps, crf=CRF)


def _rendered(clip: Planned) -> _Item:
    def frames() -> tuple[npt.NDArray[np.uint8], float]:
        shot = render_clip(
            clip.content, clip.motion, clip.camera,
            width=SIZE, height=SIZE, fps=FPS, seconds=SECONDS, seed=clip.seed,
        )  # fmt: skip
        return shot, FPS

    truth = {
        "item_id": clip.item_id,
        "side": clip.side,
        "path": f"{clip.side}/{clip.item_id}.mp4",
        "source": "rendered",
        "content": clip.content,
        "motion": clip.motion,
        "camera": clip.camera,
        "family": clip.motion,
        "multiplicity": clip.multiplicity,
        "natural_motion": "true" if clip.natural else "false",
    }
    return _Item(truth, clip.caption, frames)


def _real() -> list[_Item]:
    cuts = {name: cut(path) for name, path in footage_files().items() if any(s.file == name for s in SHOTS)}
    for name, shots in cuts.items():
        expected = sum(s.file == name for s in SHOTS)
        if len(shots) != expected:
            raise RuntimeError(f"{name}: {len(shots)} shots were found, {expected} are captioned")
    return [_shot(shot, cuts[shot.file][shot.number]) for shot in SHOTS]


def _shot(shot: Shot, frames: tuple[npt.NDArray[np.uint8], float]) -> _Item:
    truth = {
        "item_id": shot.item_id,
        "side": shot.side,
        "path": f"{shot.side}/{shot.item_id}.mp4",
        "source": "real",
        "content": shot.item_id,
        "motion": "",
        "camera": "",
        "family": "",
        "multiplicity": shot.multiplicity,
        "natural_motion": "",
    }
    return _Item(truth, shot.caption, lambda: frames)


def _caption_rows(item: _Item) -> Iterable[dict[str, str]]:
    first = item.truth["item_id"]
    for copy in range(item.truth["multiplicity"]):
        item_id = first if copy == 0 else f"{first}-copy{copy + 1:02d}"
        yield {"item_id": item_id, "path": Path(item.truth["path"]).name, "caption": item.caption}


def _write_csv(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
