"""Where the gallery's pictures come from: files of videos and items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.media import MediaInfo
from vidmem.report.inputs import ReportInputs, VideoShard
from vidmem.userfiles import Roots, media_path


@dataclass(frozen=True)
class Source:
    """Where a video or item lies, and what is said of it."""

    path: Path | None
    offset: int | None
    size: int | None
    info: MediaInfo | None  # as its stage measured it
    caption: str | None
    flow_id: str
    reason: str | None = None


def references(inputs: ReportInputs, ids: Iterable[str]) -> dict[str, Source]:
    """The corpus items `ids`, by item_id."""
    frame = tables.read_where(inputs.manifest, pl.col("item_id").is_in(list(ids)))
    return {
        r["item_id"]: _source(r, inputs.corpus_root, r["caption"], r["same_as"] or r["item_id"])
        for r in frame.to_dicts()
    }


def videos_of(inputs: ReportInputs, model: str, ids: set[str]) -> dict[str, Source]:
    """The generated videos `ids` of a model, by video_id."""
    return of_shards(inputs.models[model].videos, ids)


def of_shards(shards: Sequence[VideoShard], ids: set[str]) -> dict[str, Source]:
    """The videos `ids` of some shards, by video_id."""
    found = {}
    for shard in shards if ids else ():
        frame = tables.read_table(shard.table).filter(pl.col("video_id").is_in(list(ids)))
        found.update({r["video_id"]: _source(r, shard.media_root, None, r["video_id"]) for r in frame.to_dicts()})
    return found


def _source(row: dict[str, Any], root: Roots, caption: str | None, flow_id: str) -> Source:
    rest = (row["offset"], row["size"], _info(row), caption, flow_id)
    try:
        if not row["path"]:
            raise ValueError("no file")
        return Source(media_path(root, row.get("corpus"), row["path"]), *rest)
    except ValueError as error:
        return Source(None, *rest, reason=str(error))


def _info(row: dict[str, Any]) -> MediaInfo | None:
    keys = ("kind", "fps", "frames", "width", "height", "duration_s")
    if any(row[key] is None for key in keys if key != "fps"):
        return None
    return MediaInfo(**{key: row[key] for key in keys})


def duration(source: Source | None) -> float:
    """Seconds that a source lasts; 0 where that isn't known."""
    return source.info.duration_s if source and source.info else 0.0
