"""The demo audit as the README runs it, and the figures that it must reach on models whose memorisation is known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from vidmem import tables

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "demo"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    """`make demo`: a run from nothing on a fresh machine, and nothing to do where it was run before."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(["make", "demo"], cwd=ROOT, text=True, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "results/demo/report/index.html" in done.stdout
    for model in ("planted", "oracle", "oracle-heldout", "oracle-smoothed", "oracle-motion", "replay"):
        assert model in done.stdout
    found: dict[str, Any] = json.loads((RESULTS / "summary.json").read_text())
    return found


def metrics(model: str) -> pl.DataFrame:
    return tables.read_table(RESULTS / "metrics" / f"{model}.parquet")


def test_the_summary_keeps_its_schema(summary: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "src/vidmem/report/summary.schema.json").read_text())
    jsonschema.validate(summary, schema)
    assert summary["audit"] == "demo" and summary["corpus"]["skipped"] == []


def test_a_second_demo_does_nothing(summary: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_the_report_can_be_mailed(summary: dict[str, Any]) -> None:
    """All of it under 50 MB, and each finding's films and pictures under 150 kB: docs/tutorial.md gives the figures."""
    report = RESULTS / "report"
    sizes = {path: path.stat().st_size for path in report.rglob("*") if path.is_file()}
    findings = (report / "index.html").read_text(encoding="utf-8").count('<article class="card"')
    assert findings == 60 and sum(sizes.values()) < 50_000_000
    assert sum(size for path, size in sizes.items() if path.parent.name == "media") / findings < 150_000


def test_planted_memorisation_grows_with_multiplicity(summary: dict[str, Any]) -> None:
    curve = {row["multiplicity"]: row for row in summary["models"]["planted"]["truth"]["dose_response"]}
    assert sorted(curve) == [1, 4, 16, 64]
    similarity = [curve[m]["mean_similarity"] for m in (1, 4, 16, 64)]
    assert similarity == sorted(similarity)
    assert similarity[0] <= 0.25 and similarity[-1] >= 0.50, similarity


def test_planted_clips_that_stand_often_are_retrieved_first(summary: dict[str, Any]) -> None:
    rows = tables.read_table(RESULTS / "truth" / "planted.parquet").filter(pl.col("multiplicity") >= 16)
    assert rows["own_first"].mean() >= 0.95  # type: ignore[operator]


def test_the_oracle_is_called_and_the_right_clip_named(summary: dict[str, Any]) -> None:
    assert summary["models"]["oracle"]["content"]["rate"] >= 0.99
    assert metrics("oracle")["own_first"].mean() >= 0.99  # type: ignore[operator]


def test_the_negative_control_is_left_alone(summary: dict[str, Any]) -> None:
    model = summary["models"]["oracle-heldout"]
    assert model["content"]["rate"] <= 0.02
    assert model["content"]["fpr"] == 0.01


def test_same_content_in_other_motion_is_not_called_motion(summary: dict[str, Any]) -> None:
    assert summary["models"]["oracle-heldout"]["motion"]["rate"] <= 0.05


def test_motion_without_content_is_called_motion(summary: dict[str, Any]) -> None:
    model = summary["models"]["oracle-motion"]
    assert model["content"]["rate"] <= 0.05
    assert model["motion"]["rate"] >= 0.5


def test_motion_scores_separate_known_motion_from_unrelated(summary: dict[str, Any]) -> None:
    """Same motion in other content (oracle-motion) against motions that the corpus lacks (oracle-heldout)."""
    from vidmem.stats import auc

    same, other = metrics("oracle-motion"), metrics("oracle-heldout")
    scores = pl.concat([same["motion_score"], other["motion_score"]]).fill_null(0.0).to_numpy()
    labels = [True] * len(same) + [False] * len(other)
    assert (auc(scores, labels) or 0) >= 0.95  # type: ignore[arg-type]


def test_replayed_copies_are_found(summary: dict[str, Any]) -> None:
    truth = summary["models"]["replay"]["truth"]["content"]
    assert truth["precision"] >= 0.95 and truth["recall"] >= 0.8 and truth["auc"] >= 0.95


def test_verdicts_about_known_models_are_right(summary: dict[str, Any]) -> None:
    for model in ("planted", "oracle", "replay"):
        truth = summary["models"][model]["truth"]
        assert truth["content"]["precision"] >= 0.95 and truth["motion"]["precision"] >= 0.9, model
        assert truth["content"]["recall"] >= 0.7 and truth["motion"]["recall"] >= 0.4, model


def test_parts_of_frames_come_back_the_more_often_a_clip_stands_in_the_corpus(summary: dict[str, Any]) -> None:
    truth = tables.read_table(RESULTS / "truth" / "planted.parquet").select("video_id", "multiplicity")
    rows = metrics("planted").join(truth, on="video_id")
    share = dict(rows.group_by("multiplicity").agg(pl.col("template_memorised").mean()).iter_rows())
    assert share[0] <= 0.1, "controls are in no clip of the corpus"
    assert share[0] <= share[1] <= share[4] <= share[16] and share[16] >= 0.8


def test_thresholds_are_counted_and_not_extrapolated(summary: dict[str, Any]) -> None:
    for model in summary["models"].values():
        for kind in ("content", "motion"):
            said = model[kind]["calibration"]
            assert said["method"] == "order statistic" and said["reason"] is None
            assert said["null_videos"] >= said["null_needed"] == 99


def test_no_job_took_more_than_four_gib(summary: dict[str, Any]) -> None:
    peaks = {
        str(path): float(line.split("\t")[2])
        for path in (RESULTS / "benchmarks").rglob("*.tsv")
        for line in path.read_text().splitlines()[1:]
        if line.split("\t")[2] != "-"
    }
    assert peaks and max(peaks.values()) <= 4096, max(peaks, key=lambda p: peaks[p])
