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
from vidmem.media import Format, MediaError, MediaRef, hash_of
from vidmem.text import stable_fraction
from vidmem.userfiles import Roots, safe_join

MAX_NULL_CLIPS = 512  # a threshold at 1 % needs a few hundred; more would cost time in every model's branch
_COLUMNS = ["item_id", "corpus", "path", "offset", "size", "sha256"]
_TEXTS = dict.fromkeys(["video_id", "corpus", "path", "sha256"], pl.String)
_NO_ITEMS = pl.DataFrame(schema={**_TEXTS, "offset": pl.Int64, "size": pl.Int64}).select("video_id", *_COLUMNS[1:])


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


def model_videos(table: Path, root: Path) -> pl.DataFrame:
    """A model's videos, once it is known that the shard that holds them is as it was written.

    Raises `DamagedShard` where it is not: what the project wrote itself it can make again. Of a folder of the user's,
    whose files are no part of a shard, a file that has changed is a row with the reason, later.
    """
    items = tables.read_table(table)
    members = items.filter(pl.col("status") == tables.OK, pl.col("size").is_not_null())
    if "sha256" in items.columns:  # tables of before there were checksums have none
        for path, offset, size, sha256 in members.select("path", "offset", "size", "sha256").iter_rows():
            ref = MediaRef(safe_join(root, path), offset, size)
            try:
                same = hash_of(ref, Limits(max_bytes=size)) == sha256
            except MediaError as error:
                raise DamagedShard(ref.path, table, str(error)) from None
            if not same:
                raise DamagedShard(ref.path, table, f"the video at byte {offset} has other bytes")
    return items


class DamagedShard(ValueError):
    """A shard of videos that is not as it was written; the message names it and says what to do."""

    def __init__(self, shard: Path, table: Path, why: str) -> None:
        super().__init__(
            f"{shard} is not as it was written ({why}). Delete it and {table.name} beside it, and run the same command "
            "again: its videos are made anew."
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
    for frame in tables.iter_ok(manifest, [*_COLUMNS, "same_as"], start=start, stop=stop):
        yield frame.filter(pl.col("same_as") == pl.col("item_id")).select(_COLUMNS).rename({"item_id": "video_id"})
