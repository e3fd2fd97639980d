"""Two audits pair by pair: known differences come out, intervals are paired, and what has no partner is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from report_world import World

from vidmem import stats, tables
from vidmem.config import ConfigError, load_config
from vidmem.report.build import build_report
from vidmem.report.compare import Comparison, compare, difference_ci
from vidmem.report.inputs import Side

SETTINGS: dict[str, Any] = {"findings": 2, "strip_frames": 4, "strip_width": 64, "clip_width": 64, "prompt_pages": 1}


def second(root: Path, source: Path, name: str = "planted") -> Side:
    """An audit like the first in which no content is found in videos of even seeds, at scores lower by 0.25."""
    rows = tables.read_table(source)
    even = pl.col("seed") % 2 == 0
    rows = rows.with_columns(
        pl.when(even).then(pl.col("content_score") - 0.25).otherwise(pl.col("content_score")).alias("content_score"),
        pl.when(even).then(False).otherwise(pl.col("content_memorised")).alias("content_memorised"),
        pl.when(even).then(pl.lit("none")).otherwise(pl.col("verdict")).alias("verdict"),
    )
    tables.write_table(root / "other.parquet", rows, tables.METRICS, tables.read_made_by(source))
    return Side("other", {name: root / "other.parquet"})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Any]:
    made = World(tmp_path_factory.mktemp("world"))
    return made, made.inputs({"planted": made.model("planted", hits=12)})


def found(world: tuple[World, Any], root: Path, name: str = "planted") -> Comparison:
    inputs = world[1]
    source = inputs.models["planted"].metrics
    return compare((Side("tiny", {"planted": source}), second(root, source, name)), inputs)


def row(found: Comparison, kind: str, measure: str) -> dict[str, Any]:
    return found.table.filter((pl.col("kind") == kind) & (pl.col("measure") == measure)).row(0, named=True)


def test_known_differences_come_out(world: tuple[World, Any], tmp_path: Path) -> None:
    rows = tables.read_table(world[1].models["planted"].metrics)
    lost = rows.filter((pl.col("seed") % 2 == 0) & pl.col("content_memorised"))
    rate = row(found(world, tmp_path), "content", "rate")
    assert (rate["pairs"], rate["prompts"]) == (12, 4)
    assert rate["difference"] == pytest.approx(-len(lost) / 12)
    assert (rate["only_first"], rate["only_second"]) == (len(lost), 0)
    assert rate["difference_low"] <= rate["difference"] <= rate["difference_high"] <= 0
    score = row(found(world, tmp_path), "content", "score")
    assert score["difference"] == pytest.approx(-0.25 * 8 / 12, abs=1e-6)
    assert score["second"] - score["first"] == pytest.approx(score["difference"])
    same = row(found(world, tmp_path), "motion", "score")
    assert same["difference"] == 0 and same["difference_low"] is None


def test_verdicts_that_changed_are_listed_with_their_prompts(world: tuple[World, Any], tmp_path: Path) -> None:
    changed = found(world, tmp_path).changed
    assert len(changed) > 0 and (changed["verdict_first"] != changed["verdict_second"]).all()
    assert (changed["seed"] % 2 == 0).all() and changed["prompt"].null_count() == 0


def test_audits_of_one_model_each_are_compared_whatever_it_is_called(world: tuple[World, Any], tmp_path: Path) -> None:
    assert found(world, tmp_path, "tuned").table["model"].unique().to_list() == ["planted, tuned"]


def test_what_has_no_partner_is_said(world: tuple[World, Any], tmp_path: Path) -> None:
    inputs = world[1]
    source = inputs.models["planted"].metrics
    more = Side("other", {"planted": source, "extra": source})
    assert compare((Side("tiny", {"planted": source}), more), inputs).alone == ["extra, which audit other has alone"]
    none = compare((Side("tiny", {"planted": source}), Side("never-run", {})), inputs)
    assert none.alone == ["audit never-run has no verdicts yet: run it"] and none.table.is_empty()


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=30))
def test_an_interval_of_differences_turns_with_its_sign(values: list[float]) -> None:
    differences, prompts = np.array(values), np.arange(len(values))
    low, high = difference_ci(differences, prompts, 200, rate=True) or (0, 0)
    turned = difference_ci(-differences, prompts, 200, rate=True)
    assert low <= differences.mean() <= high
    assert turned == pytest.approx((-high, -low))


def test_pairs_say_more_than_two_rates_beside_each_other() -> None:
    rng = np.random.default_rng(0)
    first = (rng.random(200) < 0.5).astype(float)
    later = np.where(rng.random(200) < 0.2, 0.0, first)
    low, high = difference_ci(later - first, np.arange(200), 500, rate=True) or (0, 0)
    single = stats.bootstrap_ci(first, draws=500)
    assert single is not None and high - low < 0.7 * (single[1] - single[0]) and high < 0


def test_the_page_shows_what_the_table_holds(world: tuple[World, Any], tmp_path: Path) -> None:
    inputs = world[1]
    source = inputs.models["planted"].metrics
    sides = (Side("tiny", {"planted": source}), second(tmp_path, source))
    build_report(replace(inputs, compare=sides), SETTINGS, tmp_path / "report")
    table = pl.read_parquet(tmp_path / "report" / "tables" / "compared.parquet")
    page = BeautifulSoup((tmp_path / "report" / "compare.html").read_text(encoding="utf-8"), "html.parser")
    lines = page.select("section table")[0].select("tbody tr")
    assert len(lines) == len(table) == 6
    for line, said in zip(lines, table.iter_rows(named=True), strict=True):
        assert line.b.text == f"{said['difference']:+.3f}"
    assert page.select("svg.plot") and (tmp_path / "report" / "figures" / "differences.pdf").is_file()
    assert "tab:compared" in (tmp_path / "report" / "tables" / "compared.tex").read_text(encoding="utf-8")
    build_report(inputs, SETTINGS, tmp_path / "report")
    assert not (tmp_path / "report" / "compare.html").exists()


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_two_audits_that_differ_are_asked_for(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="compare"):
        load_config({"audit": "a", "corpus": {"kind": "made"}, "report": {"compare": names}})
