"""Which match of a video is judged, by kind, and where the line is drawn for it: the null's matches are taken alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from vidmem.metrics.thresholds import Calibration, calibrate

Row = dict[str, Any]
KINDS = ("content", "template", "motion")
COSINE_CEILING = 0.95  # an identical copy scores 1; a normalised motion score has no such bound


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


def calibrate_kinds(null_matches: pl.DataFrame, settings: Mapping[str, Any]) -> dict[str, Calibration]:
    """Thresholds of all kinds from the judged matches of the null videos (`tables.MATCHES`)."""
    judged = judged_matches(null_matches)
    found = {}
    for kind in KINDS:
        few = len(judged[kind]) < int(settings["min_null"])
        # a score that is normalised by fewer clips than that is noise: then the window's own cosine is judged
        column = {"content": "score", "template": "template", "motion": "ofs_residual" if few else "score"}[kind]
        found[kind] = calibrate(
            np.array([row[column] for row in judged[kind].values()], np.float64),
            fpr=float(settings["fpr"]),
            min_null=int(settings["min_null"]),
            customary=float(settings[f"customary_{kind}"]),
            ceiling=COSINE_CEILING if kind != "motion" or few else float("inf"),
        )
    # where hardly anything of a null frame comes back the stated rate would let a single cell be evidence
    least = max(found["template"].threshold, float(settings["template_least"]))
    return {**found, "template": replace(found["template"], threshold=least)}


def by_video(matches: pl.DataFrame) -> dict[str, Row]:
    """video_id -> its row, of a table with one row a video."""
    return {row["video_id"]: row for row in matches.iter_rows(named=True)}


def _best_own(matches: pl.DataFrame) -> pl.DataFrame:
    own = matches.filter((pl.col("kind") == "content") & pl.col("own"))
    best = own.sort("score", "ref_id", descending=[True, False])
    return best.unique("video_id", keep="first", maintain_order=True)


def _first(matches: pl.DataFrame, kind: str) -> pl.DataFrame:
    return matches.filter((pl.col("kind") == kind) & (pl.col("rank") == 1))
