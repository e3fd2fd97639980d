"""Dose and response: what comes back of a clip, by how often it stands in the corpus."""

from __future__ import annotations

from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.inputs import ModelFiles, ReportInputs, ok_rows
from vidmem.report.thresholds import KINDS
from vidmem.truth import dose_response

DOSE: dict[str, Any] = {
    "model": pl.String,
    "multiplicity": pl.Int64,
    "n": pl.Int64,
    "mean_similarity": pl.Float64,
    "retrieved_first": pl.Float64,
    **dict.fromkeys(KINDS, pl.Float64),  # share of the videos that were called memorised
}


def dose_table(inputs: ReportInputs) -> pl.DataFrame:
    """One row a model of known truth and multiplicity of the prompt's own clip, under `DOSE`."""
    rows = [{"model": name, **row} for name, files in inputs.models.items() for row in _doses(files)]
    return pl.DataFrame(rows, schema=DOSE)


def _doses(files: ModelFiles) -> list[dict[str, Any]]:
    if files.truth is None:
        return []
    truth = ok_rows(tables.read_table(files.truth))
    called = [pl.col(f"{kind}_memorised").fill_null(False).alias(kind) for kind in KINDS]
    flags = tables.read_table(files.metrics).select("video_id", *called)
    own = truth.filter(pl.col("own_similarity").is_not_null()).join(flags, on="video_id", how="left")
    shares = {
        key: part.select(pl.col(KINDS).mean()).row(0, named=True) for (key,), part in own.group_by("multiplicity")
    }
    return [{**row, **shares[row["multiplicity"]]} for row in dose_response(truth)]
