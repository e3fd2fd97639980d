"""Whose features a job extracts: a model's videos, a bucket of the corpus, or the clips of the null distribution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.features.run import extract_features
from vidmem.media import Format
from vidmem.text import stable_fraction

MAX_NULL_CLIPS = 512  # a threshold at 1 % needs a few hundred; more would cost time in every model's branch


def write_features(
    items: pl.DataFrame,
    *,
    root: Path,
    settings: Mapping[str, Any],
    threads: int,
    outputs: Mapping[str, Path],
    fmt: Format | None = None,
) -> None:
    """Extract the features of `items` into `outputs` (frames, flow, status). `settings` holds `limits` too."""
    extract_features(
        items,
        root,
        {k: v for k, v in settings.items() if k not in ("limits", "version")},
        limits=Limits.model_validate(settings["limits"]),
        threads=threads,
        out_frames=outputs["frames"],
        out_flow=outputs["flow"],
        out_items=outputs["status"],
        fmt=fmt,
    )


def corpus_chunk(manifest: Path, chunk: int, chunks: int) -> pl.DataFrame:
    """The corpus' distinct files (ok, first of their bytes) that fall into hash bucket `chunk` of `chunks`."""
    frame = _distinct(manifest)
    mine = [int(stable_fraction("chunk", item) * chunks) == chunk for item in frame["item_id"]]
    return frame.filter(pl.Series(mine, dtype=pl.Boolean)).rename({"item_id": "video_id"})


def null_clips(manifest: Path) -> pl.DataFrame:
    """Videos that give the null distribution: all distinct ones, or `MAX_NULL_CLIPS` drawn by their id."""
    frame = _distinct(manifest)
    chosen = sorted(frame["item_id"], key=lambda item: stable_fraction("null", item))[:MAX_NULL_CLIPS]
    return frame.filter(pl.col("item_id").is_in(chosen)).rename({"item_id": "video_id"})


def usual_format(videos: Sequence[Path]) -> Format | None:
    """The most frequent size, length and frame rate of a model's videos; None where it has no ok videos."""
    frame = tables.read_table(videos).filter(pl.col("status") == tables.OK)
    found = Counter(frame.select("width", "height", "frames", "fps").iter_rows())
    if not found:
        return None
    width, height, frames, fps = min(found, key=lambda key: (-found[key], key))
    return Format(width=width, height=height, frames=frames, fps=fps or 1.0)


def _distinct(manifest: Path) -> pl.DataFrame:
    frame = tables.read_table(manifest)
    return frame.filter((pl.col("status") == tables.OK) & (pl.col("same_as") == pl.col("item_id")))
