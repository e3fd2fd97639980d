"""How often a model reproduces training data: shares of its videos, with bootstrap intervals over prompts."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from vidmem import stats
from vidmem.report.inputs import ok_rows

KINDS = ("content", "template", "motion", "either", "any")
VERDICTS = ("verbatim", "retrieved", "template", "motion", "none")
ALL = "all"
IN_NO_SET = "in no set"
FROM_CORPUS = "from the corpus"  # all sets of captions of the corpus, and videos of no known prompt
NO_CAPTIONS = ("control", "imported", "paraphrase")  # sets of prompts that don't stand in the corpus

RATES: dict[str, Any] = {
    "model": pl.String,
    "prompt_set": pl.String,
    "kind": pl.String,
    "videos": pl.Int64,
    "prompts": pl.Int64,
    "memorised": pl.Int64,
    "rate": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def flags(metrics: pl.DataFrame) -> pl.DataFrame:
    """One row an ok video: prompt_set, group (its prompt, or itself without one), and a flag for each of `KINDS`.

    Either is content or motion; any is content, motion or a part of the frame (template). A whole frame that comes
    back is its largest part, so what counts for content mostly counts for template too.
    """
    called = {kind: pl.col(f"{kind}_memorised").fill_null(False) for kind in ("content", "template", "motion")}
    either = called["content"] | called["motion"]
    return ok_rows(metrics).select(
        pl.col("prompt_set").fill_null(IN_NO_SET),
        pl.coalesce("prompt_id", "video_id").alias("group"),
        *[flag.alias(kind) for kind, flag in called.items()],
        either.alias("either"),
        (either | called["template"]).alias("any"),
    )


def from_corpus(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows whose prompt is a caption of the corpus, or not known: what the study's rates are over."""
    return frame.filter(~pl.col("prompt_set").fill_null(IN_NO_SET).is_in(NO_CAPTIONS))


def rate(frame: pl.DataFrame, kind: str, draws: int) -> dict[str, Any]:
    """Share of the rows of `flags` that are memorised by `kind`, with its 95 % interval; None for no rows."""
    hits = frame[kind].to_numpy().astype(float)
    groups = frame["group"].to_numpy()
    interval = stats.bootstrap_ci(hits, groups, draws=draws, seed=0) if len(hits) else None
    return {
        "videos": len(hits),
        "prompts": len(np.unique(groups)) if len(groups) else 0,
        "memorised": int(hits.sum()),
        "rate": float(hits.mean()) if len(hits) else None,
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
    }


def rate_rows(model: str, metrics: pl.DataFrame, draws: int) -> list[dict[str, Any]]:
    """Rates of one model: over all videos first, then those prompted from the corpus, then by set, each by kind."""
    frame = flags(metrics)
    sets = sorted(frame["prompt_set"].unique().to_list())
    rows = []
    wholes = {ALL: frame, FROM_CORPUS: from_corpus(frame)}
    for name, part in {**wholes, **{s: frame.filter(pl.col("prompt_set") == s) for s in sets}}.items():
        rows += [{"model": model, "prompt_set": name, "kind": kind, **rate(part, kind, draws)} for kind in KINDS]
    return rows


def rate_table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows of `rate_rows` as a frame with a fixed schema, also where there are none."""
    return pl.DataFrame(rows, schema=RATES)


def verdict_counts(metrics: pl.DataFrame) -> dict[str, int]:
    """How many ok videos got each of `VERDICTS`; every video has one, the most that comes back of it."""
    verdicts = ok_rows(metrics)["verdict"]
    return {name: int((verdicts == name).sum()) for name in VERDICTS}
