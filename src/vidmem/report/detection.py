"""What the page shows of detection while sampling: default detectors, what they cost, their plots, and transfer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report import plots
from vidmem.report.inputs import ModelFiles, ReportInputs, ok_rows, read_all
from vidmem.report.summary import default_detector, has_signals

LABELS = ("content", "motion", "either")
PLOTTED = ("content", "motion")  # every content copy counts for either: its curve would be content's once more
NO_SAMPLING = ("build", "fetch", "weights")  # benchmarks of the stage that are of no video
BY_STEP = {"draft": "settled", "draft_motion": "settled_motion"}  # what a draft foretells, while sampling


def default_detectors(inputs: ReportInputs) -> dict[str, dict[str, Any]]:
    """The default row of the detect table by model and label, with `seconds`; models without signals are left out.

    `seconds`: of sampling for one prompt up to where the score is known, as the audit's own jobs took it.
    """
    found = {}
    for name, files in inputs.models.items():
        if files.detect is not None and has_signals(files):
            detect = tables.read_table(files.detect)
            call = seconds_a_call(inputs, name, files, detect)
            rows = {label: default_detector(detect, label) for label in LABELS}
            found[name] = {label: row and {**row, "seconds": _seconds(row, call)} for label, row in rows.items()}
    return found


def _seconds(row: Mapping[str, Any], call: float | None) -> float | None:
    return None if call is None or row["calls"] is None else call * row["calls"]


DETECTORS: dict[str, Any] = {
    **dict.fromkeys(("model", "label", "detector", "steps"), pl.String),
    **dict.fromkeys(("seeds", "calls"), pl.Int64),
    "seconds": pl.Float64,
}


def detector_table(inputs: ReportInputs) -> pl.DataFrame:
    """What the default detectors cost for one prompt, a row a model and label, under `DETECTORS`."""
    rows = [
        {"model": name, **{key: row[key] for key in DETECTORS if key != "model"}}
        for name, found in default_detectors(inputs).items()
        for row in found.values()
        if row
    ]
    return pl.DataFrame(rows, schema=DETECTORS)


def seconds_a_call(inputs: ReportInputs, name: str, files: ModelFiles, detect: pl.DataFrame) -> float | None:
    """Seconds of the model's sampling jobs (loading and decoding with them) over their calls of the denoiser.

    A guided step counts two. None where the jobs' times or steps are not known.
    """
    jobs = [p for p in inputs.benchmarks.get("generate", ()) if p.parent.name == name and p.stem not in NO_SAMPLING]
    videos = read_all([shard.table for shard in files.videos])
    last = detect["steps"].str.extract(r"^step:(\d+)$").cast(pl.Int64).max()
    if not jobs or videos.is_empty() or not isinstance(last, int):
        return None
    seconds = pl.concat([pl.read_csv(p, separator="\t", columns=["s"]) for p in jobs])["s"].cast(
        pl.Float64, strict=False
    )
    calls = 2 * (last + 1) * len(ok_rows(videos))
    return float(seconds.sum()) / calls if calls and seconds.null_count() == 0 else None


def detector_plots(inputs: ReportInputs, detectors: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """ROC and AUC by step of each model that has both classes."""
    made: dict[str, dict[str, Any]] = {}
    for name, rows in detectors.items():
        files = inputs.models[name]
        curves = {kind: row for kind in PLOTTED if (row := rows.get(kind)) and row["fpr"] and row["tpr"]}
        if files.detect is None or not curves:
            continue
        detect = ok_rows(tables.read_table(files.detect))
        names = {kind: BY_STEP.get(rows[kind]["detector"], rows[kind]["detector"]) for kind in curves}
        made[name] = {"roc": plots.roc(name, curves), "steps": plots.auc_by_step(name, detect, names)}
    return made


def transferred(transfer: pl.DataFrame, detectors: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the transfer table that say something, for the detectors that some model shows by default."""
    shown = {(row["detector"], label) for rows in detectors.values() for label, row in rows.items() if row}
    other = ok_rows(transfer).filter(pl.col("fitted_on") != pl.col("applied_to"))
    return [row for row in other.to_dicts() if (row["detector"], row["label"]) in shown]
