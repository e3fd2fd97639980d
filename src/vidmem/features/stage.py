"""Whose features a job extracts: a model's videos, a bucket of the corpus, or the clips of the null distribution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.features.run import extract_features
from vidmem.media import Format
from vidmem.text import stable_fraction
from vidmem.userfiles import Roots

MAX_NULL_CLIPS = 512  # a threshold at 1 % needs a few hundred; more would cost time in every model's branch
_COLUMNS = ["item_id", "corpus", "path", "offset", "size"]
_NO_ITEMS = pl.DataFrame(
    schema={"video_id": pl.String, "corpus": pl.String, "path": pl.String, "offset": pl.Int64, "size": pl.Int64}
)


def write_features(
    items: pl.DataFrame,
    *,
    root: Roots,
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
    """The corpus' distinct files (ok, first of their bytes) in part `chunk` of `chunks` of the manifest.

    Parts are rows that follow each other, so that a job reads no more of a large manifest than its own, and files that
    lie in one shard are read one after the other.
    """
    rows = tables.count_rows(manifest)
    found = list(_distinct(manifest, rows * chunk // chunks, rows * (chunk + 1) // chunks))
    return pl.concat(found) if found else _NO_ITEMS


def null_clips(manifest: Path) -> pl.DataFrame:
    """Videos that give the null distribution: all distinct ones, or `MAX_NULL_CLIPS` drawn by their id."""
    chosen = _NO_ITEMS.with_columns(draw=pl.lit(0.0))
    for frame in _distinct(manifest):
        draws = [stable_fraction("null", item) for item in frame["video_id"]]
        chosen = pl.concat([chosen, frame.with_columns(draw=pl.Series(draws, dtype=pl.Float64))])
        if len(chosen) > MAX_NULL_CLIPS:
            last = chosen["draw"].sort()[MAX_NULL_CLIPS - 1]
            chosen = chosen.filter(pl.col("draw") <= last)
    return chosen.drop("draw")


def usual_format(videos: Sequence[Path]) -> Format | None:
    """The most frequent size, length and frame rate of a model's videos; None where it has no ok videos."""
    frame = tables.read_table(videos).filter(pl.col("status") == tables.OK)
    found = Counter(frame.select("width", "height", "frames", "fps").iter_rows())
    if not found:
        return None
    width, height, frames, fps = min(found, key=lambda key: (-found[key], key))
    return Format(width=width, height=height, frames=frames, fps=fps or 1.0)


def _distinct(manifest: Path, start: int = 0, stop: int | None = None) -> Iterator[pl.DataFrame]:
    """Rows of a manifest, a batch at a time, that are ok and the first of their bytes; `item_id` as `video_id`."""
    for batch in tables.iter_batches(manifest, [*_COLUMNS, "status", "same_as"], start=start, stop=stop):
        frame = pl.DataFrame(pl.from_arrow(batch))
        frame = frame.filter((pl.col("status") == tables.OK) & (pl.col("same_as") == pl.col("item_id")))
        yield frame.select(_COLUMNS).rename({"item_id": "video_id"})
