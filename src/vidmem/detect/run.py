"""Stage `detect`: could the memorisation have been noticed while sampling?

Labels are the audit's own verdicts. Prompts, not videos, are the unit: the scores of a prompt's seeds are averaged,
a prompt is positive if any of those videos is, and intervals resample prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from vidmem import stats, tables
from vidmem.detect.scores import DEFAULT_FOR, DETECTORS, SPANS, Floats, span_score

Row = dict[str, Any]


def detect(
    signals: pl.DataFrame, metrics: pl.DataFrame, *, default_steps: str = "first", draws: int = 500
) -> list[Row]:
    """Rows of `tables.DETECT` from rows of `tables.SIGNALS` and `tables.METRICS`.

    Where a model gives no signals, one row says so.
    """
    known = signals.filter(pl.col("status") == tables.OK)
    judged = metrics.filter(pl.col("status") == tables.OK)
    judged = judged.with_columns(pl.coalesce("prompt_id", "video_id").alias("prompt_id"))  # without one it is its own
    if known.is_empty() or judged.is_empty():
        reason = _why_not(known, signals, metrics)
        return [_nothing(name, label, reason) for name in DETECTORS for label in DEFAULT_FOR]
    rows: list[Row] = []
    for name in DETECTORS:
        ids, curves = _curves(known, name)
        places = pl.DataFrame({"video_id": ids, "curve": range(len(ids))}, schema_overrides={"video_id": pl.String})
        videos = judged.join(places, on="video_id").sort("video_id")
        if videos.is_empty():
            rows += [_nothing(name, label, f"no {name}: one-frame videos have no motion") for label in DEFAULT_FOR]
            continue
        curve = curves[videos["curve"].to_numpy()]
        most = int(videos.group_by("prompt_id").len()["len"].max() or 1)  # type: ignore[arg-type]
        for label in DEFAULT_FOR:
            for span in SPANS:
                for seeds in sorted({1, min(4, most), most}):
                    row = _judge(videos, span_score(curve, span), label, seeds, draws)
                    default = name == DEFAULT_FOR[label] and span == default_steps and seeds == most
                    rows.append({"detector": name, "label": label, "steps": span, "default": default, **row})
            for step in range(curve.shape[1]):
                row = _judge(videos, curve[:, step], label, most, 0)
                rows.append({"detector": name, "label": label, "steps": f"step:{step}", "default": False, **row})
    return rows


def _why_not(known: pl.DataFrame, signals: pl.DataFrame, metrics: pl.DataFrame) -> str:
    """Why there is nothing to detect: no signals, or no verdicts to hold them against."""
    table, otherwise = signals, "no signals: the videos were not sampled by this audit"
    if len(known):
        table, otherwise = metrics, "no verdicts: no video was judged"
    reasons = table["reason"].drop_nulls().unique().sort().to_list()
    return str(reasons[0]) if reasons else otherwise


def _curves(signals: pl.DataFrame, name: str) -> tuple[list[str], Floats]:
    """Magnitudes over steps, (videos, steps), of the videos that have the magnitude at every step."""
    wide = signals.filter(pl.col(name).is_not_null()).sort("video_id", "step")
    grouped = wide.group_by("video_id", maintain_order=True).agg(pl.col(name))
    steps = grouped[name].list.len()
    most = int(steps.max() or 0)  # type: ignore[arg-type]
    complete = grouped.filter(steps == most)
    return complete["video_id"].to_list(), np.array(complete[name].to_list(), float).reshape(len(complete), most)


def _judge(videos: pl.DataFrame, scores: Floats, label: str, seeds: int, draws: int) -> Row:
    """ROC of prompt-level scores over the first `seeds` seeds of each prompt; `seeds` 1 keeps every video apart."""
    frame = videos.select("prompt_id", "seed", pl.col(f"{label}_memorised").alias("positive")).with_columns(
        pl.Series("score", scores)
    )
    frame = frame.filter(pl.col("positive").is_not_null()).sort("prompt_id", "seed")
    if seeds > 1:
        frame = (
            frame.with_columns(pl.col("seed").cum_count().over("prompt_id").alias("nth"))
            .filter(pl.col("nth") <= seeds)
            .group_by("prompt_id", maintain_order=True)
            .agg(pl.col("score").mean(), pl.col("positive").any())
        )
    values, labels = frame["score"].to_numpy(), frame["positive"].to_numpy().astype(bool)
    area = stats.auc(values, labels)
    interval = stats.auc_interval(values, labels, frame["prompt_id"].to_numpy(), draws=draws) if draws else None
    fpr, tpr = stats.roc(values, labels)
    return {
        "seeds": seeds,
        "positives": int(labels.sum()),
        "negatives": int((~labels).sum()),
        "auc": area,
        "auc_low": interval[0] if interval else None,
        "auc_high": interval[1] if interval else None,
        "best_accuracy": stats.best_accuracy(values, labels),
        "tpr_at_1pct_fpr": stats.tpr_at_fpr(values, labels, 0.01),
        "fpr": fpr.tolist() if draws else [],
        "tpr": tpr.tolist() if draws else [],
        "status": tables.OK if area is not None else tables.SKIPPED,
        "reason": None if area is not None else "all verdicts are the same: no ROC",
    }


def _nothing(detector: str, label: str, reason: str) -> Row:
    keys = {"detector": detector, "label": label, "steps": "first", "seeds": 0, "default": False}
    return {**keys, "positives": 0, "negatives": 0, "status": tables.SKIPPED, "reason": reason}


def write_detect(signals: Iterable[Path], metrics: Path, settings: Mapping[str, Any], out: Path) -> None:
    """Read the tables of one model, judge its detectors, and write `tables.DETECT`."""
    paths: Sequence[Path] = list(signals)
    frame = tables.read_table(paths) if paths else pl.DataFrame(schema=["video_id", "status", "reason"])
    rows = detect(
        frame,
        tables.read_table(metrics),
        default_steps=settings["default_steps"],
        draws=int(settings["bootstrap"]),
    )
    tables.write_table(out, rows, tables.DETECT, {"settings": dict(settings)})
