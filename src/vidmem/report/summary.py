"""The audit in numbers: `summary.json`, which other tools read, and the short table at the end of a run.

A number that can't be computed is null, never NaN: the file is strict JSON and has a JSON Schema beside it.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from vidmem import tables
from vidmem.report import rates
from vidmem.report.agreement import agreement_of
from vidmem.report.beside import BESIDE, beside
from vidmem.report.corpus_facts import corpus_summary
from vidmem.report.hardware import hardware, versions
from vidmem.report.inputs import ModelFiles, ReportInputs, numbers, ok_rows
from vidmem.report.mitigation import mitigation_summary
from vidmem.report.search_facts import search_summary, short_clips
from vidmem.report.show import short_table
from vidmem.report.sizes import size_summary
from vidmem.report.study import study_table
from vidmem.report.thresholds import KINDS, calibration_summary, line
from vidmem.truth import summarise_truth

__all__ = ["make_summary", "model_summary", "short_table", "strict", "to_json"]
SCHEMA_FILE = Path(__file__).with_name("summary.schema.json")


def make_summary(inputs: ReportInputs) -> dict[str, Any]:
    """Everything in `summary.json`, as plain JSON types, without NaN."""
    summary = {
        "audit": inputs.audit,
        "versions": versions(),
        "engines": engines(inputs),
        "hardware": hardware(),
        "wall_seconds": {stage: _seconds(files) for stage, files in inputs.benchmarks.items()},
        "corpus": {**corpus_summary(inputs), "short_clips": short_clips(inputs)},
        "models": {name: model_summary(files, inputs.draws) for name, files in inputs.models.items()},
        "study": study_table(inputs).to_dicts(),
        "effective_size": size_summary(inputs),
        "mitigation": mitigation_summary(inputs),
    }
    clean: dict[str, Any] = strict(summary)
    return clean


def strict(value: Any) -> Any:
    """`value` with numbers that JSON lacks (NaN, infinities) as None, and numpy's scalars as Python's."""
    if isinstance(value, Mapping):
        return {str(k): strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [strict(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def to_json(summary: Mapping[str, Any]) -> str:
    """The summary as the text of `summary.json`."""
    return json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def engines(inputs: ReportInputs) -> dict[str, Any]:
    """What made the vectors: `made_by` of the first frames table and of the first flow table, corpus first."""
    found: dict[str, Any] = {"frames": None, "flow": None}
    order = ["corpus", *[name for name in inputs.features if name != "corpus"]]
    for kind in found:
        paths = [path for name in order if name in inputs.features for path in getattr(inputs.features[name], kind)]
        found[kind] = tables.read_made_by(paths[0]) if paths else None
    return found


def model_summary(files: ModelFiles, draws: int) -> dict[str, Any]:
    """One model's entry under `models`."""
    metrics = tables.read_table(files.metrics)
    frame = rates.flags(metrics)
    return {
        "videos": len(frame),
        "verdicts": rates.verdict_counts(metrics),
        **{kind: _kind_summary(files, metrics, frame, kind, draws) for kind in KINDS},
        "agreement": _agreement_summary(files.metrics, draws),
        "search": search_summary(files),
        "detect": detect_summary(files),
        "truth": truth_summary(files),
    }


def _kind_summary(
    files: ModelFiles, metrics: pl.DataFrame, frame: pl.DataFrame, kind: str, draws: int
) -> dict[str, Any]:
    found = rates.rate(frame, kind, draws)
    drawn = line(files.metrics, kind)
    scores = numbers(ok_rows(metrics), f"{kind}_score")
    return {
        "rate": found["rate"],
        "ci95": None if found["low"] is None else [found["low"], found["high"]],
        "threshold": drawn.threshold,
        "fpr": drawn.fpr,
        "p95": float(np.quantile(scores, 0.95)) if len(scores) else None,
        "max": float(scores.max()) if len(scores) else None,
        "calibration": calibration_summary(drawn),
    }


def _agreement_summary(metrics: Path, draws: int) -> dict[str, Any]:
    found = agreement_of(metrics, draws)
    low, high = found.pop("low"), found.pop("high")
    return {**found, "ci95": None if low is None else [low, high]}


def default_detector(detect: pl.DataFrame, kind: str) -> dict[str, Any] | None:
    """The row of the detector that is shown by default for verdicts of `kind`.

    It may be a skipped row with counts and no AUC, where all verdicts are the same.
    """
    rows = detect.filter((pl.col("label") == kind) & pl.col("default").fill_null(False))
    found = rows.sort("seeds", "steps").head(1).to_dicts()
    return found[0] if found else None


def has_signals(files: ModelFiles) -> bool:
    """Whether anything was heard from the model's denoiser: some detector saw a video."""
    if files.detect is None:
        return False
    counts = tables.read_table(files.detect, ["positives", "negatives"])
    return bool((counts["positives"].fill_null(0) + counts["negatives"].fill_null(0)).sum())


def detect_summary(files: ModelFiles) -> dict[str, Any] | None:
    """AUC and TPR at 1 % FPR of the default detectors; None where there are no signals."""
    if files.detect is None or not has_signals(files):
        return None
    detect = tables.read_table(files.detect)
    rows = {kind: default_detector(detect, kind) or {} for kind in ("content", "motion")}
    return {kind: {key: row.get(key) for key in ("auc", "tpr_at_1pct_fpr")} for kind, row in rows.items()}


def truth_summary(files: ModelFiles) -> dict[str, Any] | None:
    """How the verdicts stand against what was planted; None for models of which nothing is known."""
    if files.truth is None:
        return None
    found = summarise_truth(tables.read_table(files.truth))
    return found | {kind: {**found[kind], **beside(files, kind)} for kind in BESIDE}


def _seconds(paths: Any) -> float | None:
    """Sum of the wall seconds in Snakemake's benchmark files; None where none can be read."""
    total, found = 0.0, False
    for path in paths:
        with Path(path).open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                try:
                    seconds = float(row.get("s") or "nan")
                except ValueError:
                    continue
                if math.isfinite(seconds):
                    total, found = total + seconds, True
    return round(total, 3) if found else None
