"""Detectors on signals whose relation to the verdicts is made up, so that every number can be worked out."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from vidmem import tables
from vidmem.detect import detect
from vidmem.detect.scores import span_score

STEPS = 8


def make(
    curves: dict[tuple[str, int], list[float]], memorised: set[str], **more: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    signals = [
        {"video_id": f"{p}-{s}", "prompt_id": p, "seed": s, "step": t, "content_magnitude": value,
         "motion_magnitude": value / 2, "status": "ok", "reason": None}
        for (p, s), curve in curves.items() for t, value in enumerate(curve)
    ]  # fmt: skip
    metrics = [
        {"video_id": f"{p}-{s}", "prompt_id": p, "seed": s, "status": "ok", "content_memorised": p in memorised,
         "motion_memorised": False}
        for p, s in curves
    ]  # fmt: skip
    return pl.DataFrame(signals), pl.DataFrame(metrics)


def pick(rows: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    found = [r for r in rows if all(r[k] == v for k, v in keys.items())]
    assert len(found) == 1, found
    return found[0]


def falling(first: float) -> list[float]:
    return [first] + [1.0] * (STEPS - 1)


def test_the_first_step_separates_what_the_mean_over_steps_does_not() -> None:
    curves = {(p, s): falling(5.0) if p in "ab" else [1.0] + [1.0 + 4 / 7] * 7 for p in "abcd" for s in range(2)}
    rows = detect(*make(curves, {"a", "b"}))
    common = {"detector": "content_magnitude", "label": "content", "seeds": 2}
    assert pick(rows, steps="first", **common)["auc"] == 1.0
    assert pick(rows, steps="all", **common)["auc"] == pytest.approx(0.5)
    assert pick(rows, steps="step:3", **common)["auc"] == 0.0
    assert pick(rows, steps="first_over_last5", **common)["auc"] == 1.0
    default = [r for r in rows if r["default"]]
    assert {(r["detector"], r["label"]) for r in default} == {
        ("content_magnitude", "content"),
        ("motion_magnitude", "motion"),
    }


def test_prompts_and_not_videos_are_the_unit() -> None:
    curves = {(p, s): falling(v) for p, v in zip("abc", (3.0, 2.0, 1.0), strict=True) for s in range(4)}
    row = pick(detect(*make(curves, {"a"})), detector="content_magnitude", label="content", steps="first", seeds=4)
    assert (row["positives"], row["negatives"]) == (1, 2)


def test_more_seeds_average_the_noise_away() -> None:
    rng = np.random.default_rng(0)
    curves = {(f"p{n}", s): falling(float(2 + (n < 30) + rng.normal(0, 1.5))) for n in range(60) for s in range(16)}
    rows = detect(*make(curves, {f"p{n}" for n in range(30)}), draws=100)
    areas = [
        pick(rows, detector="content_magnitude", label="content", steps="first", seeds=k)["auc"] for k in (1, 4, 16)
    ]
    assert areas[0] < areas[1] < areas[2]
    row = pick(rows, detector="content_magnitude", label="content", steps="first", seeds=16)
    assert row["auc_low"] <= row["auc"] <= row["auc_high"]
    assert row["fpr"][0] == 0 and row["tpr"][-1] == 1


def test_one_class_has_no_auc_and_says_why() -> None:
    rows = detect(*make({("a", 0): falling(1.0), ("b", 0): falling(2.0)}, set()))
    assert {r["auc"] for r in rows} == {None}
    assert {r["reason"] for r in rows} == {"all verdicts are the same: no ROC"}


def test_a_model_without_signals_gets_rows_that_say_so() -> None:
    signals, metrics = make({("a", 0): falling(1.0)}, {"a"})
    gone = signals.with_columns(pl.lit("skipped").alias("status"), pl.lit("guidance is embedded").alias("reason"))
    assert {r["reason"] for r in detect(gone, metrics)} == {"guidance is embedded"}
    empty = pl.from_arrow(tables.SIGNALS.empty_table())
    rows = detect(empty, metrics)  # type: ignore[arg-type]
    assert rows and all(r["status"] == "skipped" for r in rows)


def test_spans_of_steps_known_answers() -> None:
    curve = np.array([[4.0, 2, 0, 0, 0, 0, 0, 2]])
    assert span_score(curve, "first") == [4]
    assert span_score(curve, "first5") == pytest.approx([1.2])
    assert span_score(curve, "all") == [1]
    assert span_score(curve, "first_over_last5") == pytest.approx([10])
    assert span_score(curve, "step:7") == [2]
    with pytest.raises(ValueError, match="unknown span of steps 'last'"):
        span_score(curve, "last")


def test_one_frame_videos_have_no_motion_and_are_judged_by_content() -> None:
    signals, metrics = make({("a", 0): falling(3.0), ("b", 0): falling(1.0)}, {"a"})
    rows = detect(signals.with_columns(pl.lit(None, pl.Float64).alias("motion_magnitude")), metrics)
    motion = [row for row in rows if row["detector"] == "motion_magnitude"]
    assert {row["reason"] for row in motion} == {"no motion_magnitude: one-frame videos have no motion"}
    assert pick(rows, detector="content_magnitude", label="content", steps="first", seeds=1)["auc"] == 1.0


def test_videos_without_prompts_are_each_their_own_unit() -> None:
    signals, metrics = make({("a", 0): falling(3.0), ("b", 1): falling(1.0), ("c", 2): falling(2.0)}, {"a"})
    without = [frame.with_columns(pl.lit(None, pl.String).alias("prompt_id")) for frame in (signals, metrics)]
    rows = detect(*without)
    assert {row["seeds"] for row in rows} == {1}
    assert {(row["positives"], row["negatives"]) for row in rows if row["label"] == "content"} == {(1, 2)}
