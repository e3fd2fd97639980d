"""Which videos are shown: the surest findings first, with every model and kind represented."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.inputs import ReportInputs, ok_rows


@dataclass(frozen=True)
class Match:
    """The reference item that a video matched by one kind, with the seconds that matched on both sides."""

    kind: str
    ref_id: str
    score: float | None
    threshold: float | None
    p_value: float | None
    q_value: float | None
    gen: tuple[float, float]
    ref: tuple[float, float]


@dataclass(frozen=True)
class Finding:
    """A generated video with what it reproduces; no matches of a kind that it does not reproduce."""

    model: str
    row: dict[str, Any]  # of the metrics table
    matches: tuple[Match, ...]
    found: bool  # False: shown only as the closest that there was

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of memorisation found."""
        return tuple(m.kind for m in self.matches) if self.found else ()


def choose(inputs: ReportInputs, most: int) -> list[Finding]:
    """At most `most` findings, by model and then surest first; where there are none at all, the closest matches.

    Models and kinds take turns, so that a model that reproduces everything does not crowd out the others; within a
    model and kind, other reference items come before more of the same.
    """
    queues = []
    for model, files in inputs.models.items():
        metrics = ok_rows(tables.read_table(files.metrics))
        for kind in ("content", "motion"):
            rows = metrics.filter(pl.col(f"{kind}_memorised").fill_null(False))
            if kind == "motion":
                rows = rows.filter(~pl.col("content_memorised").fill_null(False))
            queues.append([(model, row) for row in _surest(rows, kind)])
    picked = [pair for turn in zip_longest(*queues) for pair in turn if pair is not None][:most]
    found = bool(picked)
    if not found:
        picked = _closest(inputs)[: min(most, 6)]
    order = {name: i for i, name in enumerate(inputs.models)}
    picked = sorted(picked, key=lambda pair: order[pair[0]])  # stable: the surest stay first
    segments = {name: _segments(inputs, name, [row["video_id"] for m, row in picked if m == name]) for name in order}
    return [_finding(model, row, segments[model], found) for model, row in picked]


def _surest(rows: pl.DataFrame, kind: str) -> list[dict[str, Any]]:
    ordered = rows.with_columns(pl.col(f"{kind}_p_value").fill_null(1.0).fill_nan(1.0).alias("_p")).sort(
        ["_p", f"{kind}_score", "video_id"], descending=[False, True, False], nulls_last=True
    )
    seen: Counter[Any] = Counter()
    ranked = []
    for row in ordered.drop("_p").to_dicts():
        ranked.append((seen[row[f"{kind}_ref_id"]], row))
        seen[row[f"{kind}_ref_id"]] += 1
    return [row for _, row in sorted(ranked, key=lambda pair: pair[0])]


def _closest(inputs: ReportInputs) -> list[tuple[str, dict[str, Any]]]:
    pairs = []
    for model, files in inputs.models.items():
        rows = ok_rows(tables.read_table(files.metrics)).drop_nulls(["content_score", "content_ref_id"])
        pairs += [
            (model, row)
            for row in rows.sort(["content_score", "video_id"], descending=[True, False]).head(3).to_dicts()
        ]
    return sorted(pairs, key=lambda pair: -pair[1]["content_score"])


def _segments(inputs: ReportInputs, model: str, ids: list[str]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Rows of the matches table of the videos `ids`, by (video_id, kind, ref_id)."""
    if not ids:
        return {}
    frame = tables.read_table(inputs.models[model].matches).filter(pl.col("video_id").is_in(ids))
    return {
        (row["video_id"], row["kind"], row["ref_id"]): row for row in frame.sort("rank", descending=True).to_dicts()
    }


def _finding(
    model: str, row: dict[str, Any], segments: dict[tuple[str, str, str], dict[str, Any]], found: bool
) -> Finding:
    kinds = [k for k in ("content", "motion") if row[f"{k}_memorised"]] if found else ["content"]
    matches = [_match(row, kind, segments) for kind in kinds if row[f"{kind}_ref_id"] is not None]
    return Finding(model, row, tuple(matches), found)


def _match(row: dict[str, Any], kind: str, segments: dict[tuple[str, str, str], dict[str, Any]]) -> Match:
    segment = segments.get((row["video_id"], kind, row[f"{kind}_ref_id"]), {})
    spans = []
    for side in ("gen", "ref"):
        start, end = segment.get(f"{side}_start_s"), segment.get(f"{side}_end_s")
        start = row[f"{kind}_{side}_time_s"] or 0.0 if start is None else start
        spans.append((float(start), float(max(start, start if end is None else end))))
    return Match(
        kind,
        row[f"{kind}_ref_id"],
        row[f"{kind}_score"],
        row[f"{kind}_threshold"],
        row[f"{kind}_p_value"],
        row[f"{kind}_q_value"],
        spans[0],
        spans[1],
    )
