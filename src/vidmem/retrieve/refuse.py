"""Inputs of a search that would make its numbers wrong: each is refused by name, before anything is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from vidmem import tables
from vidmem.search.library import Library, load_library
from vidmem.search.rows import groups

Kind = Literal["frames", "flow"]
SHARE = 0.5  # of a clip's frames that must come back in one corpus clip before the two are the same content
TILE_ROWS, TILE_COLUMNS = 512, 8192  # of a product of frame vectors: its size bounds the memory
NAMED = 3  # clips that a message names
IDLE = {"batch_size", "device", "weights", "sha256"}  # settings that leave vectors alone; hashes are compared


class Refused(ValueError):
    """Inputs that can't be compared. The message is one line: what, where, what was expected, what to do."""


class MixedEngines(Refused):
    """Tables whose vectors were not made in the same way."""


class BackgroundIntersects(Refused):
    """Clips that should share nothing with the corpus, and are in it."""


class NotFinite(Refused):
    """Vectors that hold NaN or infinity."""


def check_engines(paths: Iterable[Path], kind: Kind) -> None:
    """Raise `MixedEngines` unless all tables of one kind were made by one engine, weights, size and settings.

    The output format that null clips passed through may differ: it is no part of the engine.
    """
    first: tuple[Path, dict[str, Any]] | None = None
    for path in paths:
        mark = _mark(tables.read_made_by(path), kind)
        first = first or (path, mark)
        different = sorted(k for k in {*mark, *first[1]} if mark.get(k) != first[1].get(k))
        if different:
            name = different[0]
            raise MixedEngines(
                f"{path}: {kind} vectors were made with {name} {_shown(mark.get(name))}, those of {first[0]} with "
                f"{_shown(first[1].get(name))}; only vectors of one engine and setting can be compared: "
                "delete the one that is out of date and run the features stage again"
            )


def _mark(made_by: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    settings = made_by.get("settings") or {}
    part = {f"{kind}.{k}": v for k, v in (settings.get(kind) or {}).items() if k not in IDLE}
    names = ("engine", "weights_sha256", "dim" if kind == "frames" else "grid")
    return {**{n: made_by.get(n) for n in names}, "crop": settings.get("crop"), **part}


def _shown(value: Any) -> str:
    return "(not recorded)" if value is None else json.dumps(value)


def check_finite(library: Library, paths: Sequence[Path], kind: Kind) -> None:
    """Raise `NotFinite` for a library, read from `paths`, that holds NaN or infinite vectors."""
    if np.isfinite(library.vectors).all():
        return
    row = int(np.flatnonzero(~np.isfinite(library.vectors).all(axis=1))[0])
    video = library.ids[int(library.owners()[row])]
    where = next((p for p in paths if len(paths) == 1 or video in load_library(p).ids), paths[0])
    raise NotFinite(
        f"{where}: the {kind} vector of video {video!r} at {library.times_s[row]:g} s is not finite (NaN or infinity), "
        "expected finite numbers: delete this table and run the features stage again"
    )


def check_background(background: Library, corpus: Library, table: Path, duplicate_from: float) -> None:
    """Raise `BackgroundIntersects` where background clips show the content of clips in one chunk of the corpus.

    Two clips are the same content when at least half of the background clip's frames have an SSCD similarity of
    `duplicate_from` or more to a frame of the corpus clip (our definition). Ids say nothing: the same id may name
    another clip elsewhere.
    """
    found: list[tuple[str, str]] = []
    for columns in groups(np.diff(corpus.starts), TILE_COLUMNS):
        first, last = int(corpus.starts[columns.start]), int(corpus.starts[columns.stop])
        for rows in groups(np.diff(background.starts), TILE_ROWS):
            top = int(background.starts[rows.start])
            x = background.vectors[top : int(background.starts[rows.stop])]
            best = np.maximum.reduceat(x @ corpus.vectors[first:last].T, corpus.starts[columns] - first, axis=1)
            hit = np.add.reduceat((best >= duplicate_from).astype(np.int64), background.starts[rows] - top, axis=0)
            frames = np.diff(background.starts)[rows]
            for b, n in zip(*np.nonzero(hit >= np.maximum(1, SHARE * frames)[:, None]), strict=True):
                found.append((background.ids[rows.start + b], corpus.ids[columns.start + n]))
    if found:
        names = sorted({b for b, _ in found})
        pairs = ", ".join(f"{b!r} is {n!r}" for b, n in sorted(found)[:NAMED])
        raise BackgroundIntersects(
            f"{len(names)} of {len(background)} background clips are in the corpus ({table}): {pairs}"
            f"{', ...' if len(found) > NAMED else ''} (SSCD of {duplicate_from:g} or more on half of the frames); "
            "expected clips that share nothing with it: take them out of `corpus.heldout`"
        )


def short_clips(frames: Sequence[Path], flow: Sequence[Path], window: int) -> dict[str, Any]:
    """Corpus clips that have features but fewer flow fields than a motion window, images among them.

    They are searched by content alone. No error of a run, but one that its reader must know of.
    """
    short: list[str] = []
    for frame_table, flow_table in zip(frames, flow, strict=True):
        counts = tables.read_table(flow_table, ["video_id"]).group_by("video_id").len()
        clips = tables.read_table(frame_table, ["video_id"]).unique().join(counts, on="video_id", how="left")
        short += clips.filter(pl.col("len").fill_null(0) < window)["video_id"].to_list()
    return {"window": window, "number": len(short), "first": sorted(short)[:NAMED]}
