"""Scores that others use, held against the same known truth as ours: VSSCD for content, OFS-3 of raw flow for motion.

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
}


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
    rows = []
    for name, files in inputs.models.items():
        if files.truth is not None:
            ours = summarise_truth(tables.read_table(files.truth))
            rows += [{"model": name, "kind": k, "auc": ours[k]["auc"], **beside(files, k)} for k in BESIDE]
    return pl.DataFrame(rows, schema=AUCS)
