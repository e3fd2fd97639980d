"""Where the line was drawn for each model and kind, how surely, and which rate it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem import tables
from vidmem.report.inputs import ReportInputs, numbers

KINDS = ("content", "template", "motion")
JUDGED = {  # columns of `tables.MATCHES` in words
    "gsscd_max": "GSSCD",
    "content_normalised": "GSSCD less background",
    "template": "largest part",
    "ofs_residual": "cosine of windows",
    "score": "cosine, null-normalised",
}

THRESHOLDS: dict[str, Any] = {
    "model": pl.String,
    "kind": pl.String,
    "judged": pl.String,
    "threshold": pl.Float64,
    "threshold_low": pl.Float64,
    "threshold_high": pl.Float64,
    "customary": pl.Float64,
    "fpr": pl.Float64,
    "fpr_low": pl.Float64,
    "fpr_high": pl.Float64,
    "method": pl.String,
    "reason": pl.String,
    "raised": pl.Boolean,
    "null_videos": pl.Int64,
    "null_needed": pl.Int64,
    "fit_p_value": pl.Float64,
}


@dataclass(frozen=True)
class Line:
    """A threshold as the metrics stage describes it: `noted` is `metrics.thresholds.Calibration.describe()`.

    `fpr` is None where no false-positive rate can be stated. `raised`: the null alone would have put the threshold
    lower, but less than `metrics.template_least` of a frame is called nothing; the rate is kept all the more.
    """

    threshold: float | None
    fpr: float | None
    videos: int
    scores: npt.NDArray[np.float64]
    raised: bool
    noted: dict[str, Any]

    def row(self) -> dict[str, Any]:
        """The columns of `THRESHOLDS` but for model and kind."""
        rest = {name: self.noted.get(name) for name in THRESHOLDS if name not in ("model", "kind")}
        rest["judged"] = JUDGED.get(str(self.noted.get("column")))
        return rest | {"threshold": self.threshold, "fpr": self.fpr, "raised": self.raised, "null_videos": self.videos}


def line(metrics: Path, kind: str) -> Line:
    """The threshold of `kind` (one of `KINDS`) of one model, from the `made_by` of its metrics table."""
    made_by = tables.read_made_by(metrics)
    noted = dict(made_by.get(kind) or {})
    scores = np.asarray([s for s in noted.pop("null_scores", None) or [] if s is not None], np.float64)
    threshold = noted.get("threshold")
    if threshold is None:
        column = numbers(tables.read_table(metrics, [f"{kind}_threshold"]), f"{kind}_threshold")
        threshold = float(column[0]) if len(column) else None
    least = (made_by.get("settings") or {}).get("template_least")
    videos = noted.get("null_videos")
    return Line(
        threshold,
        noted.get("fpr"),
        int(videos) if videos is not None else len(scores),
        scores[np.isfinite(scores)],
        kind == "template" and threshold is not None and threshold == least,
        noted,
    )


def threshold_table(inputs: ReportInputs) -> pl.DataFrame:
    """One row a model and kind, under `THRESHOLDS`."""
    rows = [
        {"model": name, "kind": kind, **line(files.metrics, kind).row()}
        for name, files in inputs.models.items()
        for kind in KINDS
    ]
    return pl.DataFrame(rows, schema=THRESHOLDS)


def calibration_summary(drawn: Line) -> dict[str, Any]:
    """The entry `calibration` of a kind in `summary.json`; an interval is null where nothing is known of it."""
    row = drawn.row()
    names = ("judged", "method", "reason", "customary", "null_videos", "null_needed", "fit_p_value", "raised")
    return {
        **{name: row[name] for name in names},
        **{f"{name}_ci95": _pair(row[f"{name}_low"], row[f"{name}_high"]) for name in ("threshold", "fpr")},
    }


def _pair(low: float | None, high: float | None) -> list[float | None] | None:
    return None if low is None else [low, high]
