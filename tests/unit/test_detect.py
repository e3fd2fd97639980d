"""Detectors on signals whose relation to the verdicts is made up, so that every number can be worked out."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from vidmem import tables
from vidmem.config.analysis import Detect, DetectorName
from vidmem.detect import detect
from vidmem.detect.defaults import DEFAULTS, defaults_of
from vidmem.detect.heard import gather, units
from vidmem.detect.registry import DETECTORS, NAMES
from vidmem.detect.scores import TooFewSteps, span_score, steps_used

STEPS = 8


def make(
    curves: dict[tuple[str, int], list[float]], memorised: set[str], **more: Any
) -> tuple[pl.DataFrame, pl.DataFrame]:
    signals = [
        {"video_id": f"{p}-{s}", "prompt_id": p, "seed": s, "step": t, "content_magnitude": value,
         "motion_magnitude": value / 2, **{k: f(p, s, t) for k, f in more.items()}, "status": "ok", "reason": None}
        for (p, s), curve in curves.items() for t, value in enumerate(curve)
    ]  # fmt: skip
    metrics = [
        {"video_id": f"{p}-{s}", "prompt_id": p, "seed": s, "status": "ok", "reason": None,
         "content_memorised": p in memorised, "motion_memorised": False}
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


def test_without_a_guess_the_magnitude_of_the_first_step_is_shown() -> None:
    rows = detect(*make({(p, 0): falling(2.0) for p in "ab"}, {"a"}))
    default = {r["label"]: (r["detector"], r["steps"]) for r in rows if r["default"]}
    magnitudes = {"content": "content_magnitude", "motion": "motion_magnitude", "either": "content_magnitude"}
    assert default == {label: (name, "first") for label, name in magnitudes.items()}
    mute = pick(rows, detector="settled", label="content", steps="first5")
    assert mute["status"] == "skipped" and mute["reason"] == "no settled guess: the signals lack departure, moved"


def test_prompts_and_not_videos_are_the_unit() -> None:
    curves = {(p, s): falling(v) for p, v in zip("abc", (3.0, 2.0, 1.0), strict=True) for s in range(4)}
    row = pick(detect(*make(curves, {"a"})), detector="content_magnitude", label="content", steps="first", seeds=4)
    assert (row["positives"], row["negatives"], row["calls"]) == (1, 2, 8)


def test_more_seeds_average_the_noise_away() -> None:
    rng = np.random.default_rng(0)
    curves = {(f"p{n}", s): falling(float(2 + (n < 30) + rng.normal(0, 1.5))) for n in range(60) for s in range(16)}
    rows = detect(*make(curves, {f"p{n}" for n in range(30)}), draws=100)
    areas = [
        pick(rows, detector="content_magnitude", label="content", steps="first", seeds=k)["auc"] for k in (1, 4, 16)
    ]
    assert areas[0] < areas[1] < areas[2]
    row = pick(rows, detector="content_magnitude", label="content", steps="first", seeds=16)
    for figure in ("auc", "best_accuracy", "tpr_at_1pct_fpr", "tpr_at_01pct_fpr"):
        assert row[f"{figure}_low"] <= row[figure] <= row[f"{figure}_high"], figure
    assert row["fpr"][0] == 0 and row["tpr"][-1] == 1


def test_the_difference_of_two_detectors_is_paired() -> None:
    """Motion that is content plus noise: each alone spreads as much over draws as their difference does not."""
    rng = np.random.default_rng(1)
    curves = {(f"p{n}", 0): falling(float(2 + (n < 40) + rng.normal(0, 1))) for n in range(80)}
    small = dict(zip(curves, rng.normal(0, 0.01, len(curves)), strict=True))
    signals, metrics = make(curves, {f"p{n}" for n in range(40)})
    signals = signals.with_columns(
        pl.col("content_magnitude") + pl.Series([small[p, s] for p, s in signals.select("prompt_id", "seed").rows()])
    ).with_columns(motion_magnitude=pl.Series([v for c in curves.values() for v in c]))
    row = pick(detect(signals, metrics), detector="motion_magnitude", label="content", steps="first", seeds=1)
    assert row["beside"] == "content_magnitude"
    assert row["gain_low"] <= row["gain"] <= row["gain_high"]
    assert row["gain_high"] - row["gain_low"] < 0.2 * (row["auc_high"] - row["auc_low"])


def test_either_kind_of_verdict_is_a_label_of_its_own() -> None:
    signals, metrics = make({(p, 0): falling(v) for p, v in zip("abc", (3.0, 2.0, 1.0), strict=True)}, {"a"})
    metrics = metrics.with_columns(motion_memorised=pl.col("prompt_id") == "b")
    rows = detect(signals, metrics)
    counts = {
        label: pick(rows, detector="content_magnitude", label=label, steps="first", seeds=1)["positives"]
        for label in ("content", "motion", "either")
    }
    assert counts == {"content": 1, "motion": 1, "either": 2}


def test_one_class_has_no_auc_and_says_why() -> None:
    rows = detect(*make({("a", 0): falling(1.0), ("b", 0): falling(2.0)}, set()))
    assert {r["auc"] for r in rows if "auc" in r} == {None}
    magnitudes = [r["reason"] for r in rows if r["detector"] == "content_magnitude"]
    assert set(magnitudes) == {"all verdicts are the same: no ROC"}
    combined = pick(rows, detector="combined", label="content", steps="first")
    assert "0 positive and 2 negative" in combined["reason"]


def test_a_model_without_signals_gets_rows_that_say_so() -> None:
    signals, metrics = make({("a", 0): falling(1.0)}, {"a"})
    gone = signals.with_columns(pl.lit("skipped").alias("status"), pl.lit("guidance is embedded").alias("reason"))
    assert {r["reason"] for r in detect(gone, metrics)} == {"guidance is embedded"}
    empty = pl.from_arrow(tables.SIGNALS.empty_table())
    rows = detect(empty, metrics)  # type: ignore[arg-type]
    assert rows and all(r["status"] == "skipped" for r in rows)


def test_one_latent_frame_has_no_motion_and_says_so() -> None:
    signals, metrics = make({(p, 0): falling(1.0) for p in "ab"}, {"a"}, profile=lambda *_: [1.0])
    rows = detect(signals.with_columns(motion_magnitude=pl.lit(None, pl.Float64)), metrics)
    for name in ("motion_magnitude", "motion_share", "frame_least", "settled_motion"):
        reasons = {r["reason"] for r in rows if r["detector"] == name}
        assert reasons == {f"no {DETECTORS[name].title}: videos of one latent frame have no motion"}


def test_too_few_steps_are_a_row_with_the_reason() -> None:
    signals, metrics = make({(p, 0): [2.0, 1.0, 1.0] for p in "ab"}, {"a"})
    rows = detect(signals, metrics)
    row = pick(rows, detector="content_magnitude", label="content", steps="first5")
    assert row["reason"] == "too few steps: `first5` needs 5, and there are 3"
    assert pick(rows, detector="content_magnitude", label="content", steps="first")["auc"] is not None


def test_signals_that_are_missing_late_leave_the_early_scores_alone() -> None:
    """An oracle's two predictions agree late in sampling, and then there is no angle."""
    angle = lambda p, s, t: 0.5 + 0.1 * (p == "a") if t < 4 else None  # noqa: E731
    rows = detect(*make({(p, 0): falling(1.0) for p in "ab"}, {"a"}, cosine=angle))
    assert pick(rows, detector="angle", label="content", steps="first")["auc"] == 1.0
    late = pick(rows, detector="angle", label="content", steps="last5", seeds=1)
    assert late["reason"] == "no video with a verdict has this score: the signal is missing at these steps"


def test_passes_of_pure_noise_are_judged_by_prompt() -> None:
    signals, metrics = make({(p, s): falling(1.0) for p in "abc" for s in range(2)}, {"a"})
    passes = [
        {"prompt_id": p, "seed": s, "content_magnitude": v + s, "motion_magnitude": None, "curvature": v if s else None,
         "status": "ok", "reason": None}
        for p, v in zip("abc", (9.0, 2.0, 3.0), strict=True) for s in range(4)
    ]  # fmt: skip
    rows = detect(signals, metrics, pl.DataFrame(passes))
    noise = pick(rows, detector="noise_magnitude", label="content", seeds=4)
    assert (noise["auc"], noise["positives"], noise["negatives"], noise["calls"]) == (1.0, 1, 2, 8)
    assert pick(rows, detector="curvature", label="content", seeds=1)["calls"] == 4
    assert pick(rows, detector="curvature", label="content", seeds=1)["beside"] == "noise_magnitude"
    assert "no motion magnitude of pure noise" in pick(rows, detector="noise_motion", label="content")["reason"]


def test_a_draft_s_guess_is_judged_by_prompt_and_combined_out_of_fold() -> None:
    names = "abcdefgh"
    signals, metrics = make({(p, s): falling(1.0) for p in names for s in range(2)}, set("abc"))
    passes = [
        {"prompt_id": p, "seed": s, "departure": 2.0, "moved": 0.5 + n / 10, "departure_motion": 1.0,
         "moved_motion": 0.2 + n / 10 if p != "a" else 3.0, "draft_sigma": 0.9, "status": "ok", "reason": None}
        for n, p in enumerate(names) for s in range(4)
    ]  # fmt: skip
    rows = detect(signals, metrics, pl.DataFrame(passes))
    guess = pick(rows, detector="draft", label="content", steps="draft", seeds=4)
    assert (guess["auc"], guess["calls"], guess["positives"], guess["negatives"]) == (1.0, 16, 3, 5)
    motion = pick(rows, detector="draft_motion", label="content", steps="draft", seeds=1)
    assert motion["auc"] == pytest.approx(2 / 3) and motion["beside"] == "draft"  # "a" moved past all: a share of 0
    assert motion["gain"] == pytest.approx(-1 / 3)
    assert pick(rows, detector="combined", label="content", steps="draft", seeds=4)["auc"] == 1.0
    assert "was not asked for" in pick(rows, detector="curvature", label="content")["reason"]


def test_videos_without_a_verdict_of_a_kind_are_left_out_of_it() -> None:
    signals, metrics = make({(p, s): falling(1.0) for p in "abc" for s in range(2)}, {"a"})
    metrics = metrics.with_columns(
        motion_memorised=pl.when(pl.col("prompt_id") == "c").then(None).otherwise(pl.col("prompt_id") == "a")
    )
    heard = gather(signals, metrics)
    assert not isinstance(heard, str)
    cases = units(heard, heard.columns["content_magnitude"][:, 0], "motion", 2)
    assert cases.groups.tolist() == ["a", "b"] and cases.labels.tolist() == [True, False]


def test_spans_of_steps_known_answers() -> None:
    curve = np.array([[4.0, 2, 0, 0, 0, 0, 0, 2]])
    assert span_score(curve, "first") == [4]
    assert span_score(curve, "first5") == pytest.approx([1.2])
    assert span_score(curve, "all") == [1]
    assert span_score(curve, "first_over_last5") == pytest.approx([10])
    assert span_score(curve, "last") == [2]
    assert span_score(curve, "last5") == pytest.approx([0.4])
    assert span_score(curve, "step:7") == [2]
    state = np.array([[np.nan, 1.0, 2, 3, 4, 5, 6, 7]])
    assert span_score(state, "first5", state=True) == [4]
    assert span_score(state, "half", state=True) == [4]
    assert span_score(state, "all", state=True) == [4]
    assert [steps_used(s, 8) for s in ("first", "first5", "half", "all", "last5", "step:2")] == [1, 5, 5, 8, 8, 3]
    with pytest.raises(ValueError, match="unknown span of steps 'lost'"):
        span_score(curve, "lost")
    with pytest.raises(TooFewSteps, match="`last5` needs 6, and there are 3"):
        span_score(curve[:, :3], "last5")


def test_a_detector_with_passes_of_its_own_can_be_the_default() -> None:
    signals, metrics = make({(p, s): falling(1.0) for p in "abc" for s in range(2)}, {"a"})
    passes = [
        {"prompt_id": p, "seed": s, "content_magnitude": 1.0, "motion_magnitude": 1.0, "curvature": 1.0, "status": "ok",
         "reason": None}
        for p in "abc" for s in range(5)
    ]  # fmt: skip
    defaults = {**DEFAULTS, "content": ("curvature", "first")}
    rows = [r for r in detect(signals, metrics, pl.DataFrame(passes), defaults=defaults) if r["default"]]
    assert pick(rows, label="content")["detector"] == "curvature" and pick(rows, label="content")["seeds"] == 5


def test_the_defaults_are_those_of_the_config() -> None:
    assert defaults_of(Detect().model_dump()) == DEFAULTS
    early = defaults_of(Detect(default_steps="first", content="content_magnitude").model_dump())
    assert early["content"] == ("content_magnitude", "first")
    assert early["either"] == ("settled", "first5")  # which has no score at the first step


def test_the_config_knows_the_detectors_of_the_registry() -> None:
    assert set(DetectorName.__args__) == set(NAMES)


def test_one_frame_videos_have_no_motion_and_are_judged_by_content() -> None:
    signals, metrics = make({("a", 0): falling(3.0), ("b", 0): falling(1.0)}, {"a"})
    rows = detect(signals.with_columns(pl.lit(None, pl.Float64).alias("motion_magnitude")), metrics)
    motion = [row for row in rows if row["detector"] == "motion_magnitude"]
    assert {row["reason"] for row in motion} == {"no motion magnitude: videos of one latent frame have no motion"}
    assert pick(rows, detector="content_magnitude", label="content", steps="first", seeds=1)["auc"] == 1.0


def test_videos_without_prompts_are_each_their_own_unit() -> None:
    signals, metrics = make({("a", 0): falling(3.0), ("b", 1): falling(1.0), ("c", 2): falling(2.0)}, {"a"})
    without = [frame.with_columns(pl.lit(None, pl.String).alias("prompt_id")) for frame in (signals, metrics)]
    rows = detect(*without)
    judged = [row for row in rows if row["status"] == "ok" and row["label"] == "content"]
    assert {row["seeds"] for row in judged} == {1}
    assert {(row["positives"], row["negatives"]) for row in judged} == {(1, 2)}
