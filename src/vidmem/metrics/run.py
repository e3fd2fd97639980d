"""Stage `metrics`: from matches to one row a generated video, with every score, p-value and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.metrics.agreement import agreements
from vidmem.metrics.judged import calibrate_kinds, judged_matches, own_matches
from vidmem.metrics.natural import natural_motions
from vidmem.metrics.verdict import add_p_values, content_columns, motion_columns, template_columns, verdict
from vidmem.progress import progress

Row = dict[str, Any]


def write_metrics(
    *,
    videos: Sequence[Path],
    items: Sequence[Path],
    frames: Sequence[Path],
    flow: Sequence[Path],
    matches: Path,
    null_matches: Path,
    prompts: Path,
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write `tables.METRICS` of one model. `settings` is the dump of the config section plus `grid` and `window`."""
    found = tables.read_table(matches)
    calibrations = calibrate_kinds(tables.read_table(null_matches), found, settings)
    judged, own = judged_matches(found), own_matches(found)
    natural = natural_motions(progress(flow, len(flow), "natural motion"), judged["motion"], settings)
    sets = dict(tables.read_table(prompts).select("prompt_id", "set").iter_rows())
    table = tables.read_table(videos)
    lost = _lost(table, tables.read_table(items))
    agree = agreements(frames, _prompts_of(table, lost), float(settings["agree_from"]))
    rows = []
    for video in table.iter_rows(named=True):
        key = video["video_id"]
        row: Row = {name: video[name] for name in ("video_id", "prompt_id", "seed", "status", "reason")}
        row["prompt_set"] = sets.get(video["prompt_id"])
        if key in lost:
            row["status"], row["reason"] = lost[key]
        elif key not in judged["content"]:
            row.update(status=tables.FAILED, reason="no features: the video is in no feature table")
        else:
            row.update(content_columns(judged["content"][key], own.get(key), calibrations["content"]))
            row.update(template_columns(judged["template"].get(key), calibrations["template"]))
            row.update(motion_columns(judged["motion"].get(key), natural.get(key), calibrations["motion"], settings))
            row.update(agree[key]._asdict() if key in agree else {})
            row["verdict"] = verdict(row, own.get(key), calibrations["content"])
        rows.append(row)
    add_p_values(rows, calibrations)
    made_by = {"settings": dict(settings), **{kind: c.describe() for kind, c in calibrations.items()}}
    tables.write_table(out, rows, tables.METRICS, made_by)


def _lost(videos: pl.DataFrame, items: pl.DataFrame) -> dict[str, tuple[str, str | None]]:
    """video_id -> status and reason of the videos that are not ok; what the earlier stage says comes first."""
    rows = pl.concat([items.select("video_id", "status", "reason"), videos.select("video_id", "status", "reason")])
    return {key: (status, reason) for key, status, reason in rows.iter_rows() if status != tables.OK}


def _prompts_of(videos: pl.DataFrame, lost: Mapping[str, Any]) -> dict[str, str]:
    """video_id -> prompt_id of the videos that have both features and a prompt."""
    pairs = videos.select("video_id", "prompt_id").drop_nulls().iter_rows()
    return {video: prompt for video, prompt in pairs if video not in lost}
