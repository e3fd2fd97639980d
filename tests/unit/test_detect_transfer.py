"""A threshold that was set on one model and put to another: known answers by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from vidmem import tables
from vidmem.detect import transfer, write_transfer
from vidmem.detect.transfer import threshold_at


def model(scores: dict[str, float], memorised: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    signals = [
        {"video_id": p, "prompt_id": p, "seed": 0, "step": t, "content_magnitude": v, "motion_magnitude": v,
         "status": "ok"}
        for p, v in scores.items() for t in range(6)
    ]  # fmt: skip
    metrics = [
        {"video_id": p, "prompt_id": p, "seed": 0, "content_memorised": p in memorised, "motion_memorised": False,
         "status": "ok"}
        for p in scores
    ]  # fmt: skip
    frames = (
        pl.DataFrame(signals).with_columns(reason=pl.lit(None, pl.String)),
        pl.DataFrame(metrics).with_columns(reason=pl.lit(None, pl.String)),
    )
    return frames


def row(rows: list[dict[str, Any]], fitted: str, applied: str, detector: str = "content_magnitude") -> dict[str, Any]:
    keys = {"detector": detector, "label": "content", "fitted_on": fitted, "applied_to": applied}
    (found,) = (r for r in rows if all(r[k] == v for k, v in keys.items()))
    return found


ONE = model({"a": 5.0, "b": 4.0, "c": 2.0, "d": 1.0}, "ab")
OTHER = model({"a": 3.0, "b": 1.5, "c": 2.5, "d": 0.5, "e": 0.1}, "ab")


def test_the_threshold_is_the_riskiest_prompt_without_memorisation() -> None:
    rows = transfer({"one": ONE, "other": OTHER})
    there = row(rows, "one", "other")
    assert (there["threshold"], there["fitted_negatives"]) == (2.0, 2)
    assert (there["tpr"], there["fpr"]) == (0.5, pytest.approx(1 / 3))
    assert there["fpr_low"] < 1 / 3 < there["fpr_high"]
    back = row(rows, "other", "one")
    assert (back["threshold"], back["tpr"], back["fpr"]) == (2.5, 1.0, 0.0)
    assert row(rows, "one", "one")["fpr"] == 0.0


def test_the_threshold_keeps_the_rate_on_the_prompts_that_it_was_set_on() -> None:
    scores = np.random.default_rng(0).normal(size=1000)
    for fpr in (0.0, 0.001, 0.01, 0.25):
        assert (scores > threshold_at(scores, fpr)).mean() == pytest.approx(fpr)
    assert (scores[:50] > threshold_at(scores[:50], 0.01)).sum() == 0


def test_a_model_of_one_class_is_still_half_a_test() -> None:
    clean = model({"x": 9.0, "y": 0.2}, "")
    there = row(transfer({"one": ONE, "clean": clean}), "one", "clean")
    assert (there["tpr"], there["fpr"]) == (None, 0.5)
    all_copies = model({"x": 9.0, "y": 8.0}, "xy")
    refused = row(transfer({"one": ONE, "copies": all_copies}), "copies", "one")
    assert refused["status"] == "skipped"
    assert refused["reason"] == "no prompt of the fitted model is without memorisation"


def test_a_combination_is_never_put_to_the_model_that_it_was_fitted_on() -> None:
    pairs = {
        (r["fitted_on"], r["applied_to"]) for r in transfer({"one": ONE, "other": OTHER}) if r["detector"] == "combined"
    }
    assert pairs == {("one", "other"), ("other", "one")}


def test_what_a_model_lacks_is_the_reason_of_its_pairs() -> None:
    silent = (ONE[0].with_columns(status=pl.lit("skipped"), reason=pl.lit("guidance is embedded")), ONE[1])
    rows = transfer({"one": ONE, "silent": silent})
    assert row(rows, "silent", "one")["reason"] == "guidance is embedded"
    assert row(rows, "one", "one", "settled")["reason"] == "no settled guess: the signals lack departure, moved"


def test_the_table_is_written_from_files(tmp_path: Path) -> None:
    models = {}
    for name, (signals, metrics) in {"one": ONE, "other": OTHER}.items():
        tables.write_table(tmp_path / f"{name}.signals.parquet", signals, tables.SIGNALS)
        tables.write_table(tmp_path / f"{name}.parquet", metrics, tables.METRICS)
        models[name] = {"signals": [tmp_path / f"{name}.signals.parquet"], "metrics": tmp_path / f"{name}.parquet"}
    write_transfer(models, {"version": 1}, tmp_path / "transfer.parquet")
    table = tables.read_table(tmp_path / "transfer.parquet")
    assert table.columns == tables.TRANSFER.names and len(table) > 12
