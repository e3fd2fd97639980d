"""What the builders of known models read: manifests, the made corpus' truth, prompts, clips in a model's format."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.config.media import Limits
from vidmem.media import Format, MediaRef, read_clip, to_format
from vidmem.tables import OK, read_table
from vidmem.userfiles import safe_join

Row = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """A manifest's ok rows, in its order, and the folder that its paths are relative to."""

    rows: list[Row]
    root: Path

    @classmethod
    def read(cls, manifest: str | Path, root: str | Path) -> Side:
        """Of a manifest file."""
        return cls([r for r in read_table(manifest).to_dicts() if r["status"] == OK], Path(root))

    def distinct(self) -> dict[str, Row]:
        """One row a distinct file, by its `same_as` id, in the manifest's order."""
        found: dict[str, Row] = {}
        for row in self.rows:
            found.setdefault(row["same_as"] or row["item_id"], row)
        return found

    def ref(self, row: Mapping[str, Any]) -> MediaRef:
        """Where a row's bytes lie."""
        return MediaRef(safe_join(self.root, row["path"]), row["offset"], row["size"])


def read_clips(side: Side, ids: Iterable[str], fmt: Format) -> npt.NDArray[np.uint8]:
    """The clips `ids` (of `side.distinct()`) in a model's format: uint8 (n, frames, height, width, 3)."""
    rows = side.distinct()
    clips = [read_frames(side.ref(rows[i]), fmt) for i in ids]
    return np.stack(clips) if clips else np.zeros((0, fmt.frames, fmt.height, fmt.width, 3), np.uint8)


def read_frames(ref: MediaRef, fmt: Format) -> npt.NDArray[np.uint8]:
    """One clip in a model's format: uint8 (frames, height, width, 3)."""
    clip = read_clip(ref, rate_hz=fmt.fps, max_frames=fmt.frames, limits=Limits())
    return to_format(clip, fmt).frames


def format_of(settings: Mapping[str, Any]) -> Format:
    """The format of a planted or oracle model, from its section's `side`, `frames` and `fps`."""
    side = int(settings["side"])
    return Format(side, side, int(settings["frames"]), float(settings["fps"]))


def read_prompts(path: str | Path, sets: Sequence[str]) -> list[Row]:
    """Rows of the prompts table that belong to one of `sets`."""
    return [row for row in read_table(path).to_dicts() if row["set"] in sets]


def read_truth(path: str | Path) -> dict[str, Row]:
    """truth.csv of the made corpus, by item_id; `natural_motion` is True, False or None (real footage)."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = {row["item_id"]: dict(row) for row in csv.DictReader(file)}
    return {key: {**row, "natural_motion": _flag(row["natural_motion"])} for key, row in rows.items()}


def _flag(value: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
