"""Search of one video in the corpus of an audit: what it resembles most, by content and by motion."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.cli.errors import Failure, one_line
from vidmem.cli.extract import THREADS, FeatureTables, extract
from vidmem.cli.kin import kin_of_background
from vidmem.cli.results import Judged, Results
from vidmem.metrics.natural import natural_motions
from vidmem.retrieve import retrieve
from vidmem.retrieve.refuse import Refused
from vidmem.retrieve.run import MAX_BACKGROUND
from vidmem.search.library import sample_library

QUERY = "query"
Row = dict[str, Any]


@dataclass(frozen=True)
class Match:
    """A corpus clip that resembles the query; times in seconds, ends exclusive.

    `score` is what is ranked: `gsscd_max` for content, the score held against unrelated clips for motion. `scores`
    holds the others by their names in `tables.MATCHES`. The ranges are the segment or window that matches on both
    sides, `time_s` and `ref_time_s` the two frames (content only).
    """

    kind: str
    rank: int
    item_id: str
    caption: str | None
    path: str | None
    corpus: str | None
    score: float
    scores: dict[str, float | None]
    time_s: float | None
    ref_time_s: float | None
    start_s: float
    end_s: float
    ref_start_s: float
    ref_end_s: float


@dataclass(frozen=True)
class Found:
    """What a corpus holds that resembles a video, best first.

    `motion_reason` says why there is no motion match; `natural` why the movement that matched best is no evidence
    (still, camera). `judged`: the best of both kinds beside the thresholds of the audit's models.
    """

    audit: str
    query: str
    content: list[Match]
    motion: list[Match]
    motion_reason: str | None
    natural: str | None
    judged: list[Judged]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return asdict(self)


def find(audit: str | Path, query: str | Path, *, top: int = 5, model: str | None = None) -> Found:
    """The `top` corpus clips of an audit that a video or image resembles most, by content and by motion.

    `audit` is the folder `results/<audit>`, of which nothing is changed. The search is the audit's own, exact, over the
    whole corpus; scores and thresholds are those that a video of the `model` would get (all models if left out).

    Raises `ValueError`, one line, for a file or an audit that can't be used.

    In the folder of the examples of docs/cli.md, where a model copied clip 0 of the corpus:

    >>> from vidmem import find
    >>> found = find("results/mine", "generated/copy.mp4", top=2)
    >>> [match.item_id for match in found.content][0], len(found.motion)
    ('clip0.mp4', 2)
    >>> [(one.kind, one.reached) for one in found.judged]
    [('content', True), ('motion', True)]
    >>> from vidmem.cli.sheet import draw_found
    >>> draw_found(found, "found.png").name  # the query beside each match
    'found.png'
    """
    if top < 1:
        raise Failure(f"top must be at least 1, not {top}")
    results = Results(audit)
    models = results.chosen(model)
    settings = {**results.search_settings, "top_k": top, "index": "exact"}
    with tempfile.TemporaryDirectory(prefix="vidmem-") as folder:
        made = extract({QUERY: query}, results.features_settings, Path(folder))
        matches = _matches(results, made, settings, Path(folder) / "matches.parquet")
        best = {kind: _first(matches, kind) for kind in ("content", "motion")}
        natural = None
        if best["motion"] is not None:
            natural = natural_motions([made.flow], {QUERY: best["motion"]}, results.metrics_settings())[QUERY].reason
        fields = tables.count_rows(made.flow)
    items = results.items(matches["ref_id"].to_list())
    shown = [_match(row, items) for row in matches.sort("rank").iter_rows(named=True)]
    return Found(
        audit=str(audit),
        query=str(query),
        content=[m for m in shown if m.kind == "content"],
        motion=[m for m in shown if m.kind == "motion"],
        motion_reason=None if best["motion"] else _no_motion(fields, int(settings["window"])),
        natural=natural,
        judged=[j for name in models for j in results.judge(name, best["content"], best["motion"], natural)],
    )


def _matches(results: Results, made: FeatureTables, settings: Mapping[str, Any], out: Path) -> pl.DataFrame:
    """The audit's own search of one video."""
    try:
        retrieve(
            frames=[made.frames],
            flow=[made.flow],
            corpus_frames=results.corpus_frames,
            corpus_flow=results.corpus_flow,
            background_frames=results.background("frames"),
            background_flow=results.background("flow"),
            own={},
            excluded=_excluded(results, settings),
            settings=settings,
            threads=THREADS,
            out=out,
        )
    except Refused as error:
        raise Failure(one_line(error)) from None
    return tables.read_table(out)


def _excluded(results: Results, settings: Mapping[str, Any]) -> dict[str, set[str]]:
    """Clips of the background that a clip of the corpus is not held against: its kin, where they are in one corpus."""
    if not results.corpus_is_null:
        return {}
    drawn = sample_library(results.background("flow"), MAX_BACKGROUND)
    return kin_of_background(results.manifest, results.corpus_frames, drawn.ids, float(settings["duplicate_from"]))


def _first(matches: pl.DataFrame, kind: str) -> Row | None:
    rows = matches.filter((pl.col("kind") == kind) & (pl.col("rank") == 1))
    return rows.row(0, named=True) if len(rows) else None


def _no_motion(fields: int, window: int) -> str:
    if fields < window:
        return f"too short to compare movements: a window has {window} flow fields, the video {fields}"
    return f"no clip of the corpus is as long as a window of {window} flow fields"


SCORES = {
    "content": ("gsscd_max", "gsscd_k", "vsscd", "content_normalised", "template", "gen_fraction", "ref_fraction"),
    "motion": ("ofs_residual", "ofs", "ofs3", "speed"),
}


def _match(row: Row, items: Mapping[str, Row]) -> Match:
    item = items.get(row["ref_id"], {})
    return Match(
        kind=row["kind"],
        rank=row["rank"],
        item_id=row["ref_id"],
        caption=item.get("caption"),
        path=item.get("path"),
        corpus=item.get("corpus"),
        score=row["score"],
        scores={name: row[name] for name in SCORES[row["kind"]]},
        time_s=row["gen_time_s"],
        ref_time_s=row["ref_time_s"],
        start_s=row["gen_start_s"],
        end_s=row["gen_end_s"],
        ref_start_s=row["ref_start_s"],
        ref_end_s=row["ref_end_s"],
    )
