"""Which videos are shown: every model and kind represented, the surest finding first."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.cells import Cells, square
from vidmem.report.inputs import ReportInputs, ok_rows
from vidmem.report.rates import IN_NO_SET
from vidmem.report.thresholds import KINDS

ScoreNames = Mapping[str, Sequence[tuple[str, str]]]


Times = tuple[float, float]  # seconds


@dataclass(frozen=True)
class Match:
    """The reference item that a video matched by one kind, with the seconds that matched on both sides.

    `scores`: what is judged first, then other scores of the same pair, by name. `frames`: times of the closest two
    frames (content). `cells`: similarity by cell of the frame at `cells_at` seconds of the video, square, row by row;
    NaN without texture. Of content they are known where the closest template is of the same reference.
    """

    kind: str
    ref_id: str
    score: float | None
    threshold: float | None
    p_value: float | None
    q_value: float | None
    gen: Times
    ref: Times
    scores: tuple[tuple[str, float | None], ...] = ()
    frames: Times | None = None
    cells: Cells | None = None
    cells_at: float | None = None


@dataclass(frozen=True)
class Finding:
    """A generated video with what it reproduces; no matches of a kind that it does not reproduce."""

    model: str
    row: dict[str, Any]  # of the metrics table
    matches: tuple[Match, ...]
    found: bool  # False: shown only as the closest that there was

    @property
    def id(self) -> str:
        """Names the finding in links: the same as long as the video is."""
        return finding_id(self.model, self.row["video_id"])

    @property
    def prompt_set(self) -> str:
        """The set that its prompt is of, in words."""
        return str(self.row["prompt_set"] or IN_NO_SET)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of memorisation found."""
        return tuple(m.kind for m in self.matches) if self.found else ()


def finding_id(model: str, video_id: str) -> str:
    """16 hex digits."""
    return hashlib.sha256(f"{model}\x1f{video_id}".encode()).hexdigest()[:16]


def choose(inputs: ReportInputs, most: int) -> list[Finding]:
    """At most `most` findings, the surest first; where there are none at all, the closest matches.

    Models and kinds take turns, so that a model that reproduces everything does not crowd out the others; within a
    model and kind, other reference items come before more of the same.
    """
    queues = []
    for model, files in inputs.models.items():
        metrics = ok_rows(tables.read_table(files.metrics))
        for n, kind in enumerate(KINDS):
            rows = metrics.filter(pl.col(f"{kind}_memorised").fill_null(False))
            if n:
                rows = rows.filter(~pl.any_horizontal(pl.col(f"{k}_memorised").fill_null(False) for k in KINDS[:n]))
            queues.append([(model, row) for row in _surest(rows, kind)])
    picked = [pair for turn in zip_longest(*queues) for pair in turn if pair is not None][:most]
    found = bool(picked)
    if not found:
        picked = _closest(inputs)[: min(most, 6)]
    names = score_names(inputs.config)
    return sorted((_finding(model, row, found, names) for model, row in picked), key=certainty)  # stable


def certainty(finding: Finding) -> tuple[float, float]:
    """Sorts the surest first: the least p-value of its kinds, then how far a score is above its threshold.

    Our definition. A missing p-value counts as 1; the distance is a share of the threshold, so that kinds compare.
    """
    p = min((m.p_value for m in finding.matches if m.p_value is not None and m.p_value == m.p_value), default=1.0)
    ahead = [
        (m.score - m.threshold) / max(abs(m.threshold), 1e-9)
        for m in finding.matches
        if m.score is not None and m.threshold is not None
    ]
    return p, -max(ahead, default=0.0)


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


def _kinds(row: Mapping[str, Any]) -> list[str]:
    """Kinds of a video that was called memorised. A whole frame that comes back is no finding of a part of it too."""
    kinds = [kind for kind in KINDS if row[f"{kind}_memorised"]]
    return [kind for kind in kinds if kind != "template" or "content" not in kinds]


def _finding(model: str, row: dict[str, Any], found: bool, names: ScoreNames) -> Finding:
    kinds = _kinds(row) if found else ["content"]
    matches = [_match(row, kind, names) for kind in kinds if row[f"{kind}_ref_id"] is not None]
    return Finding(model, row, tuple(matches), found)


def _match(row: Mapping[str, Any], kind: str, names: ScoreNames) -> Match:
    gen, ref = row[f"{kind}_gen_time_s"] or 0.0, row[f"{kind}_ref_time_s"] or 0.0
    mapped = kind == "template" or (kind == "content" and row["template_ref_id"] == row["content_ref_id"])
    cells = row["template_map"] if mapped else None
    return Match(
        kind,
        row[f"{kind}_ref_id"],
        row[f"{kind}_score"],
        row[f"{kind}_threshold"],
        row[f"{kind}_p_value"],
        row[f"{kind}_q_value"],
        _range(row, kind, "gen"),
        _range(row, kind, "ref"),
        tuple((name, row[column]) for name, column in names[kind]),
        (gen, ref) if kind == "content" else None,
        square(cells) if cells else None,
        row["template_gen_time_s"] if cells else None,
    )


def _range(row: Mapping[str, Any], kind: str, side: str) -> Times:
    """What matched on one side: of content a segment, of motion a window, of a template one frame."""
    time = row[f"{kind}_{side}_time_s"]
    start, end = (row.get(f"{kind}_{side}_{edge}_s") for edge in ("start", "end"))
    start = time or 0.0 if start is None else start
    return float(start), float(max(start, start if end is None else end))


def score_names(config: Mapping[str, Any]) -> ScoreNames:
    """By kind, the scores that are shown side by side: (name, column of `tables.METRICS`), what is judged first."""
    retrieve = config.get("retrieve") or {}
    segment, window = retrieve.get("segment", "k"), retrieve.get("window", "k")
    return {
        "content": [
            ("judged, ours", "content_score"),
            ("GSSCD", "gsscd_max"),
            (f"GSSCD-{segment}", "gsscd_k"),
            ("VSSCD", "vsscd"),
        ],
        "template": [("largest part, ours", "template_score"), ("best GSSCD of a whole frame", "gsscd_max")],
        "motion": [
            ("ours", "motion_score"),
            ("OFS-3, raw flow", "ofs3"),
            (f"OFS-{window}, raw flow", "ofs"),
            (f"OFS-{window}, camera subtracted", "ofs_residual"),
        ],
    }
