"""Which match of a video is judged, by kind, and where the line is drawn for it: the null's matches are taken alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from vidmem.metrics.thresholds import Calibration, calibrate
from vidmem.stats import binomial_interval

Row = dict[str, Any]
KINDS = ("content", "template", "motion")
COSINE_CEILING = 0.95  # an identical copy scores 1
COLUMNS = {  # of a match, by kind: its plain score, and the same held against background clips
    "content": ("gsscd_max", "content_normalised"),
    "template": ("template", "template"),
    "motion": ("ofs_residual", "score"),
}


def judged_matches(matches: pl.DataFrame) -> dict[str, dict[str, Row]]:
    """kind -> video_id -> the match (a row of `tables.MATCHES`) whose score is judged.

    Of content and motion the best of the whole corpus. Of template the one with the largest part that comes back
    among the video's content matches and the best of its prompt's own clips; ties go to the better match.
    """
    content = matches.filter(pl.col("kind") == "content").sort("video_id", "rank")
    found = {kind: by_video(_first(matches, kind)) for kind in ("content", "motion")}
    # of many own clips only the best: null videos have none, so each one more would be a look that the null lacks
    pool = pl.concat([content.filter(pl.col("rank") > 0), _best_own(matches).filter(pl.col("rank") == 0)])
    parts = pool.drop_nulls("template").sort("template", descending=True, maintain_order=True)
    found["template"] = by_video(parts.unique("video_id", keep="first", maintain_order=True))
    return found


def own_matches(matches: pl.DataFrame) -> dict[str, Row]:
    """video_id -> the best content match among the prompt's own clips."""
    return by_video(_best_own(matches))


@dataclass(frozen=True)
class Judged:
    """What of a match is judged: a column of `tables.MATCHES` by kind, and where the line is drawn for it."""

    column: str
    calibration: Calibration

    def score(self, match: Row) -> float:
        """The judged score of a match."""
        return float(match[self.column])

    def describe(self) -> dict[str, Any]:
        """What the report needs, as plain data."""
        return {"column": self.column, **self.calibration.describe()}


def calibrate_kinds(
    null_matches: pl.DataFrame, matches_of_videos: pl.DataFrame, settings: Mapping[str, Any]
) -> dict[str, Judged]:
    """Thresholds of all kinds from the judged matches of the null videos (both are `tables.MATCHES`)."""
    best = judged_matches(null_matches)
    found = {}
    for kind in KINDS:
        matches = list(best[kind].values())
        missing = matches_of_videos.filter((pl.col("kind") == kind) & pl.col("content_normalised").is_null())
        enough = len(matches) >= int(settings["min_null"]) and not (kind == "content" and len(missing))
        column = COLUMNS[kind][enough and all(match[COLUMNS[kind][1]] is not None for match in matches)]
        found[kind] = Judged(
            column,
            calibrate(
                np.array([match[column] for match in matches], np.float64),
                fpr=float(settings["fpr"]),
                min_null=int(settings["min_null"]),
                customary=float(settings[f"customary_{kind}"]),
                ceiling=_ceiling(column, matches),
            ),
        )
    least = _at_least(found["template"].calibration, float(settings["template_least"]))
    return {**found, "template": replace(found["template"], calibration=least)}


def _ceiling(column: str, null_matches: Sequence[Row]) -> float:
    """Score above which a threshold could call nothing, not even an identical copy, which scores 1 before it is held
    against the background. A normalised motion score has no such bound."""
    if column == "score":
        return float("inf")
    if column != "content_normalised":
        return COSINE_CEILING
    level = float(np.mean([match["gsscd_max"] - match["content_normalised"] for match in null_matches]))
    return COSINE_CEILING - level


def _at_least(calibration: Calibration, least: float) -> Calibration:
    """Where hardly anything of a null frame comes back the stated rate would let a single cell be evidence: the line
    is raised, and the rate is that of the raised one."""
    if calibration.threshold >= least:
        return calibration
    scores = calibration.null.scores if calibration.null else np.empty(0)
    rate = binomial_interval(int((scores >= least).sum()), len(scores)) if len(scores) else None
    return replace(calibration, threshold=least, threshold_interval=None, fpr_interval=rate)


def by_video(matches: pl.DataFrame) -> dict[str, Row]:
    """video_id -> its row, of a table with one row a video."""
    return {row["video_id"]: row for row in matches.iter_rows(named=True)}


def _best_own(matches: pl.DataFrame) -> pl.DataFrame:
    own = matches.filter((pl.col("kind") == "content") & pl.col("own"))
    best = own.sort("score", "ref_id", descending=[True, False])
    return best.unique("video_id", keep="first", maintain_order=True)


def _first(matches: pl.DataFrame, kind: str) -> pl.DataFrame:
    return matches.filter((pl.col("kind") == kind) & (pl.col("rank") == 1))
