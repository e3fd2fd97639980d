"""Seeds that agree: how many of a model's videos come out nearly the same from other noise. It needs no corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from vidmem import stats, tables
from vidmem.report.inputs import ReportInputs, ok_rows

AGREEMENT: dict[str, Any] = {
    "model": pl.String,
    "agree_from": pl.Float64,
    "videos": pl.Int64,
    "prompts": pl.Int64,
    "agreeing": pl.Int64,
    "share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "largest": pl.Int64,
    "mean_agreement": pl.Float64,
}


def agreement_table(inputs: ReportInputs) -> pl.DataFrame:
    """One row a model, under `AGREEMENT`."""
    rows = []
    for name, files in inputs.models.items():
        rows.append({"model": name, **agreement_of(files.metrics, inputs.draws)})
    return pl.DataFrame(rows, schema=AGREEMENT)


def agreement_of(metrics: Path, draws: int) -> dict[str, Any]:
    """Share of a model's videos in a clique of two seeds or more, with its 95 % bootstrap interval over prompts.

    Only videos whose prompt has two videos or more are looked at; without any, the shares are None.
    """
    settings = tables.read_made_by(metrics).get("settings") or {}
    seeds = ok_rows(tables.read_table(metrics)).drop_nulls("clique_size")
    agreeing = (seeds["clique_size"] >= 2).to_numpy()
    groups = seeds["prompt_id"].fill_null("").to_numpy()
    low, high = stats.bootstrap_ci(agreeing.astype(float), groups, draws=draws, seed=0) or (None, None)
    return {
        "agree_from": settings.get("agree_from"),
        "videos": len(seeds),
        "prompts": seeds["prompt_id"].n_unique() if len(seeds) else 0,
        "agreeing": int(agreeing.sum()),
        "share": float(agreeing.mean()) if len(seeds) else None,
        "low": low,
        "high": high,
        "largest": seeds["clique_size"].max(),
        "mean_agreement": seeds["agreement"].cast(pl.Float64).mean(),
    }
