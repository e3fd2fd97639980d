"""Two audits that name each other: the study's table in each report, and who reruns when the other one changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from vidmem import tables
from vidmem.media import write_video

AUDITS = {"first": "First clips", "second": "Second & clips"}


def clip(seed: int) -> np.ndarray:
    """A textured scene in which a square moves on a path of its own: uint8 (16, 64, 64, 3)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8))
    video = np.repeat(np.asarray(coarse.resize((64, 64), Image.Resampling.BICUBIC))[None], 16, 0).copy()
    square = np.asarray(Image.fromarray(rng.integers(0, 255, (4, 4, 3), np.uint8)).resize((16, 16)))
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.6)
    for t in range(16):
        y, x = (int(24 + 20 * wave) for wave in (np.sin(angle + speed * t), np.cos(2 * angle + 0.7 * speed * t)))
        video[t, y : y + 16, x : x + 16] = square
    return video


@pytest.fixture(scope="module")
def study(make_workflow: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both audits in one folder, run by turns: the first alone, the second beside it, and the first again."""
    data = tmp_path_factory.mktemp("data")
    workflows: dict[str, Any] = {}
    for n, (name, dataset) in enumerate(AUDITS.items()):
        for seed in range(3):
            write_video(data / name / "corpus" / f"{seed}.mp4", clip(100 * n + seed), fps=8)
            write_video(data / name / "made" / f"{seed}.mp4", clip(100 * n + seed + (50 if seed else 0)), fps=8)
        other = next(a for a in AUDITS if a != name)
        config = {
            "audit": name,
            "corpus": {"folder": str(data / name / "corpus")},
            "models": {f"model-{name}": {"kind": "videos", "folder": str(data / name / "made")}},
            "report": {"dataset": dataset, "beside": [other, "never-run"], "findings": 1},
        }
        if not workflows:
            workflows[name] = make_workflow(config)
        else:
            config["report"]["compare"] = [other, name]
            workflows[name] = replace(workflows["first"], config=workflows["first"].folder / f"{name}.yaml")
            workflows[name].write_config(config)
    workflows["first"].run()
    alone = summary(workflows["first"], "first")
    workflows["second"].run()
    return {**workflows, "alone": alone, "again": workflows["first"].planned()}


def summary(workflow: Any, audit: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workflow.folder / "results" / audit / "summary.json").read_text())
    return found


def rows(workflow: Any, audit: str) -> dict[str, dict[str, Any]]:
    return {row["audit"]: row for row in summary(workflow, audit)["study"]}


def test_an_audit_beside_that_was_not_run_is_a_row_that_says_so(study: dict[str, Any]) -> None:
    found = {row["audit"]: row for row in study["alone"]["study"]}
    assert list(found) == ["first", "second", "never-run"]
    assert found["first"]["status"] == "ok"
    assert "has no results yet" in found["second"]["reason"] and found["second"]["videos"] is None


def test_the_one_run_last_holds_both_and_every_number_is_that_of_the_verdicts(study: dict[str, Any]) -> None:
    second = study["second"]
    for name, row in rows(second, "second").items():
        if name not in AUDITS:
            assert row["status"] == "skipped"
            continue
        verdicts = tables.read_table(second.folder / f"results/{name}/metrics/model-{name}.parquet")
        assert (row["dataset"], row["model"], row["videos"]) == (AUDITS[name], f"model-{name}", len(verdicts))
        for kind in ("content", "motion"):
            assert row[f"{kind}_memorised"] == verdicts[f"{kind}_memorised"].fill_null(False).sum()
            assert row[f"{kind}_auc"] is None  # folders of videos give no signals
        assert row["content_rate"] == row["content_memorised"] / 3 > 0  # one video is a copy
        for score in ("content_score", "gsscd_max", "motion_score", "ofs3"):
            values = verdicts[score].cast(pl.Float64).drop_nulls()
            assert row[f"{score}_max"] == values.max()
            assert row[f"{score}_p95"] == pytest.approx(values.quantile(0.95, "linear"))


def test_page_and_tables_hold_both(study: dict[str, Any]) -> None:
    report = Path(study["second"].folder) / "results/second/report"
    page = BeautifulSoup((report / "index.html").read_text(encoding="utf-8"), "html.parser")
    names = [th.get_text(" ", strip=True) for th in page.select("#study tr.dataset th")]
    assert names == ["Second & clips audit second", "First clips audit first", "never-run"]
    table = pl.read_parquet(report / "tables" / "study.parquet")
    assert table.to_dicts() == summary(study["second"], "second")["study"]
    rate = table.filter(pl.col("audit") == "first")["content_rate"][0]
    assert f"model-first & First clips & 3 & {100 * rate:.1f} [" in (report / "tables" / "study.tex").read_text()


def test_two_audits_are_compared_on_a_page_of_their_own(study: dict[str, Any]) -> None:
    report = Path(study["second"].folder) / "results/second/report"
    page = BeautifulSoup((report / "compare.html").read_text(encoding="utf-8"), "html.parser")
    assert page.h1.get_text() == "first and second"
    compared = pl.read_parquet(report / "tables" / "compared.parquet")
    assert set(compared["model"]) == {"model-first, model-second"}
    rates = compared.filter(pl.col("measure") == "rate")
    assert set(rates["pairs"]) == set(rates["prompts"]) == {3}  # without prompts the files of one name are partners
    called = {
        name: tables.read_table(study["second"].folder / f"results/{name}/metrics/model-{name}.parquet")
        for name in AUDITS
    }
    row = rates.filter(pl.col("kind") == "content").row(0, named=True)
    for side, frame in zip(("first", "second"), called.values(), strict=True):
        assert row[side] == pytest.approx(frame["content_memorised"].mean())


def test_the_other_s_results_rerun_the_report_alone_and_then_nothing(study: dict[str, Any]) -> None:
    assert study["again"] == {"report": 1, "all": 1}
    study["first"].run()
    assert rows(study["first"], "first")["second"] == rows(study["second"], "second")["second"]
    # The first's report was written again: that is nothing to the second, and so nothing to the first.
    assert study["second"].planned() == {} and study["first"].planned() == {}


def test_a_new_verdict_or_name_reaches_the_other_report(study: dict[str, Any]) -> None:
    before = study["second"].config.read_text(encoding="utf-8")
    study["second"].config.write_text(before.replace("Second & clips", "Renamed"), encoding="utf-8")
    assert study["second"].planned() == {"report_dataset": 1, "report": 1, "all": 1}
    study["second"].run()
    assert study["first"].planned() == {"report": 1, "all": 1}
    study["first"].run()
    assert rows(study["first"], "first")["second"]["dataset"] == "Renamed"
