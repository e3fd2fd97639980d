"""An audit's rows of the study's table: of each model how often it reproduces, how high its scores are, and detection.

They follow from the verdicts alone, not from other audits, so that audits may name each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from vidmem import tables
from vidmem.report import rates
from vidmem.report.inputs import ModelFiles, numbers, ok_rows
from vidmem.report.study import KINDS, SCORES
from vidmem.report.summary import default_detector, has_signals


def dataset_from_plan(
    *,
    audit: str,
    models: Iterable[str],
    metrics: Iterable[str],
    detect: Iterable[str],
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write the rows of one audit, under `tables.DATASET`; `metrics` and `detect` are in the order of `models`."""
    files = {
        name: ModelFiles([], Path(), Path(judged), Path(heard))
        for name, judged, heard in zip(models, metrics, detect, strict=True)
    }
    write_dataset(audit, str(settings["dataset"]), files, int(settings["bootstrap"]), out)


def write_dataset(audit: str, dataset: str, models: Mapping[str, ModelFiles], draws: int, out: Path) -> None:
    """Write one row a model to `out`. `draws`: of the bootstrap for the intervals of the rates."""
    made = [{"audit": audit, "dataset": dataset, "model": n, **dataset_row(f, draws)} for n, f in models.items()]
    tables.write_table(out, made, tables.DATASET, {"audit": audit, "bootstrap": draws})


def dataset_row(files: ModelFiles, draws: int) -> dict[str, Any]:
    """The columns of `tables.DATASET` but for audit, dataset and model.

    Rates and scores are over the ok videos that are prompted from the corpus, or whose prompt is not known. The
    detectors' AUC is that of the default rows of the detect table, which are over all of the model's prompts: those
    that are not in the corpus are what an alarm must not be raised for. Where no video has a score of a kind, as of
    motion where either side is images, its rate is None: nothing was compared.
    """
    metrics = tables.read_table(files.metrics)
    judged, flags = rates.from_corpus(ok_rows(metrics)), rates.from_corpus(rates.flags(metrics))
    row: dict[str, Any] = {"videos": len(flags), "prompts": flags["group"].n_unique(), "status": tables.OK}
    if not len(flags):
        reason = "no video has a prompt from the corpus" if len(ok_rows(metrics)) else "no video was judged"
        row |= {"status": tables.SKIPPED, "reason": reason}
    for kind in KINDS:
        scored = len(numbers(judged, f"{kind}_score"))
        found = rates.rate(flags if scored else flags.clear(), kind, draws)
        row |= {f"{kind}_memorised": found["memorised"] if scored else None}
        row |= {f"{kind}_{name}": found[name] for name in ("rate", "low", "high")}
        for score in SCORES[kind]:
            row |= _tail(judged, score)
    return row | _heard(files)


def _tail(judged: pl.DataFrame, score: str) -> dict[str, float | None]:
    """95th percentile (linear between order statistics) and maximum of a score, as Somepalli et al. report them."""
    values = numbers(judged, score)
    if not len(values):
        return {f"{score}_p95": None, f"{score}_max": None}
    return {f"{score}_p95": float(np.quantile(values, 0.95)), f"{score}_max": float(values.max())}


def _heard(files: ModelFiles) -> dict[str, float | None]:
    """AUC of the default detectors, with their intervals; nothing for a model that gives no signals."""
    if files.detect is None or not has_signals(files):
        return {}
    detect = tables.read_table(files.detect)
    rows = {kind: default_detector(detect, kind) or {} for kind in KINDS}
    return {f"{kind}_{name}": row.get(name) for kind, row in rows.items() for name in ("auc", "auc_low", "auc_high")}
