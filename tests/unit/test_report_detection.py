"""What the report says of detection: costs from the audit's own jobs, both curves, and thresholds on other models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report_world import World

from vidmem import tables
from vidmem.report.build import build_report
from vidmem.report.detection import default_detectors, detector_plots, transferred
from vidmem.report.inputs import ReportInputs

MODELS = ("one", "two")
SETTINGS = {"title": "Memorisation audit", "findings": 2, "strip_frames": 2, "strip_width": 48}


@pytest.fixture
def inputs(tmp_path: Path) -> ReportInputs:
    world = World(tmp_path)
    made = world.inputs({name: world.model(name) for name in MODELS})
    keys = {"detector": "content_magnitude", "label": "content", "steps": "first", "status": "ok"}
    pairs = [
        {**keys, "fitted_on": a, "applied_to": b, "threshold": 0.25, "tpr": 0.5, "fpr": 0.125,
         "fpr_low": 0.1, "fpr_high": 0.2}
        for a in MODELS for b in MODELS
    ]  # fmt: skip
    pairs.append({**pairs[1], "detector": "angle"})
    tables.write_table(tmp_path / "transfer.parquet", pairs, tables.TRANSFER)
    folder = tmp_path / "benchmarks" / "generate" / "one"
    folder.mkdir(parents=True)
    for name, seconds in (("build", 1000), ("video-duplicated-000", 80), ("control-000", 40)):
        (folder / f"{name}.tsv").write_text(f"s\th:m:s\n{seconds}\t0:01:20\n")
    benchmarks = {"generate": sorted(folder.glob("*.tsv"))}
    return replace(made, transfer=tmp_path / "transfer.parquet", benchmarks=benchmarks)


def test_seconds_are_those_of_the_sampling_jobs_up_to_the_step(inputs: ReportInputs) -> None:
    """120 s for 12 videos of 10 steps and two calls: half a second a call; making the model is no part of it."""
    path = inputs.models["one"].detect
    assert path is not None
    rows = tables.read_table(path).with_columns(calls=4)
    tables.write_table(path, rows, tables.DETECT)
    found = default_detectors(inputs)
    assert found["one"]["content"]["seconds"] == pytest.approx(4 * 0.5)
    assert found["two"]["content"]["seconds"] is None  # no job of its was timed
    assert found["one"]["either"] is None


def test_the_plain_magnitude_stands_beside_another_default_detector(inputs: ReportInputs) -> None:
    path = inputs.models["one"].detect
    assert path is not None
    rows = tables.read_table(path).to_dicts()
    other = [{**r, "detector": "settled"} for r in rows if r["label"] == "content" and r["status"] == "ok"]
    plain = [{**r, "default": False} if r["label"] == "content" else r for r in rows]
    tables.write_table(path, [*plain, *other], tables.DETECT)
    detectors = default_detectors(inputs)
    assert detectors["one"]["content"]["detector"] == "settled"
    curve = str(detector_plots(inputs, detectors)["one"]["steps"])
    assert "content by content magnitude from 0.95" in curve and "content by settled from 0.95" in curve
    assert "motion by motion magnitude" in curve


def test_thresholds_of_other_models_are_shown_for_the_default_detectors(inputs: ReportInputs, tmp_path: Path) -> None:
    shown = transferred(tables.read_table(tmp_path / "transfer.parquet"), default_detectors(inputs))
    assert [(r["detector"], r["fitted_on"], r["applied_to"]) for r in shown] == [
        ("content_magnitude", "one", "two"),
        ("content_magnitude", "two", "one"),
    ]
    build_report(inputs, SETTINGS, tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Thresholds of one model, put to another" in page and "10–20 %" in page
    assert tables.read_table(tmp_path / "report/tables/transfer.parquet").columns == tables.TRANSFER.names


def test_a_detector_that_is_not_told_apart_from_another_is_called_so(inputs: ReportInputs, tmp_path: Path) -> None:
    for name, low in (("one", -0.05), ("two", 0.02)):
        path = inputs.models[name].detect
        assert path is not None
        rows = tables.read_table(path).to_dicts()
        for row in rows:
            if row["default"] and row["label"] == "motion":
                row |= {"beside": "content_magnitude", "gain": 0.06, "gain_low": low, "gain_high": 0.11}
        tables.write_table(path, rows, tables.DETECT)
    build_report(inputs, SETTINGS, tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count("+0.06") >= 2 and "+0.02 to +0.11" in page
    assert page.count("the two are not told apart") == 1
