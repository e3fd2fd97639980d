"""Our verdicts held against known truth, and beside our scores those that others use: VSSCD, and OFS-3 of raw flow.

Both are those of the clip that our own score ranks first. A clip that they would have found and ours did not is not
counted in their favour.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from vidmem import stats, tables
from vidmem.report.inputs import ModelFiles, ReportInputs, ok_rows
from vidmem.truth import summarise_truth

BESIDE = {"content": "vsscd", "motion": "ofs3"}

AUCS: dict[str, Any] = {
    "model": pl.String,
    "kind": pl.String,
    "decided": pl.Int64,
    "positives": pl.Int64,
    "auc": pl.Float64,
    "beside": pl.String,
    "auc_beside": pl.Float64,
    **{f"{name}{end}": pl.Float64 for name in ("precision", "recall") for end in ("", "_low", "_high")},
}
POOLED = {name: kind for name, kind in AUCS.items() if name not in ("model", "auc", "beside", "auc_beside")}


def beside(files: ModelFiles, kind: str) -> dict[str, Any]:
    """Videos whose truth is decided, how many of them are true, and the AUC of the other score on them.

    A video without the score ranks last; the AUC is None where only one class is there. `files.truth` is given.
    """
    assert files.truth is not None
    score = BESIDE[kind]
    truth = ok_rows(tables.read_table(files.truth, ["video_id", f"{kind}_truth", f"{kind}_verdict", "status"]))
    scores = tables.read_table(files.metrics, ["video_id", score])
    judged = truth.drop_nulls([f"{kind}_truth", f"{kind}_verdict"]).join(scores, on="video_id", how="left")
    labels = judged[f"{kind}_truth"].to_numpy().astype(bool)
    values = judged[score].cast(pl.Float64).fill_nan(None).fill_null(float("-inf")).to_numpy()
    return {
        "decided": len(judged),
        "positives": int(labels.sum()),
        "beside": score,
        "auc_beside": stats.auc(values, labels),
    }


def auc_table(inputs: ReportInputs) -> pl.DataFrame:
    """Our AUC and the other score's side by side, under `AUCS`; models of unknown truth have no row."""
    rows: list[dict[str, Any]] = []
    for name, files in inputs.models.items():
        if files.truth is not None:
            truth = tables.read_table(files.truth)
            ours = summarise_truth(truth)
            for k in BESIDE:
                said = {**beside(files, k), **judged(truth, k, inputs.draws)}
                rows.append({"model": name, "kind": k, "auc": ours[k]["auc"], **said})
    return pl.DataFrame(rows, schema=AUCS)


def pooled_table(truth: pl.DataFrame, draws: int) -> pl.DataFrame:
    """How right the verdicts are over all models of known truth, a row a kind, under `POOLED`."""
    return pl.DataFrame([{"kind": kind, **judged(truth, kind, draws)} for kind in BESIDE], schema=POOLED)


def judged(truth: pl.DataFrame, kind: str, draws: int) -> dict[str, Any]:
    """Precision and recall of the verdicts on rows of `tables.TRUTH`, with 95 % bootstrap intervals over prompts.

    A video of no known prompt counts by itself. Of what was called the share that is true, of what is true the share
    that was called; None where there is nothing to take a share of.
    """
    decided = ok_rows(truth).drop_nulls([f"{kind}_truth", f"{kind}_verdict"])
    true, called = (decided[f"{kind}_{name}"].to_numpy().astype(bool) for name in ("truth", "verdict"))
    groups = decided.select(pl.coalesce("prompt_id", "video_id")).to_series().to_numpy()
    row: dict[str, Any] = {"decided": len(decided), "positives": int(true.sum())}
    for name, hits, among in (("precision", true, called), ("recall", called, true)):
        shares = hits[among].astype(float)
        low, high = stats.bootstrap_ci(shares, groups[among], draws=draws) or (None, None)
        row |= {name: float(shares.mean()) if len(shares) else None, f"{name}_low": low, f"{name}_high": high}
    return row
