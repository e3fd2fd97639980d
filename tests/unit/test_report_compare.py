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
from vidmem.plan import Plan
from vidmem.report.build import build_report
from vidmem.report.compare import COMPARED, PAIRS, Comparison, compare, difference_ci
from vidmem.report.compare_page import render_compare
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Any]:
    made = World(tmp_path_factory.mktemp("folder"), per_prompt=1)
    return made, made.inputs({"theirs": made.model("theirs", hits=4, prompts=False)})


def files_of(inputs: Any, audit: str, root: Path, **changed: Any) -> Side:
    """An audit of the same files, under ids of its own as another model's name gives them."""
    shard, metrics = inputs.models["theirs"].videos[0].table, inputs.models["theirs"].metrics
    renamed = pl.concat_str(pl.lit(audit), "video_id").alias("video_id")
    for source, name, schema in ((shard, "videos", tables.VIDEOS), (metrics, "metrics", tables.METRICS)):
        rows = tables.read_table(source).with_columns(renamed)
        rows = rows.with_columns(**changed) if name == "metrics" else rows
        tables.write_table(root / f"{audit}.{name}.parquet", rows, schema, tables.read_made_by(source))
    return Side(audit, {audit: root / f"{audit}.metrics.parquet"}, None, {audit: [root / f"{audit}.videos.parquet"]})


def test_videos_of_no_known_prompt_are_paired_by_their_file(folder: tuple[World, Any], tmp_path: Path) -> None:
    lower = files_of(folder[1], "later", tmp_path, content_score=pl.col("content_score") - 0.125)
    found = compare((files_of(folder[1], "first", tmp_path), lower), folder[1])
    score = row(found, "content", "score")
    assert (score["pairs"], score["prompts"], score["difference"]) == (4, 4, pytest.approx(-0.125, abs=1e-6))
    assert found.alone == []
    none = files_of(folder[1], "none", tmp_path, verdict=pl.lit("none"), content_memorised=pl.lit(False))
    changed = compare((files_of(folder[1], "first", tmp_path), none), folder[1])
    assert set(changed.changed["path"]) == {f"{n}.mp4" for n in range(4)}
    page = render_compare(changed, "Audit", "first")
    assert "<bdi>0.mp4</bdi>" in page and "Content: " in page


def test_several_files_of_one_prompt_and_seed_are_all_paired(folder: tuple[World, Any], tmp_path: Path) -> None:
    """As in a folder whose table of prompts names no seeds: none is left out, and each meets itself."""
    one = {"prompt_id": pl.lit("p1"), "seed": pl.lit(0, pl.Int64)}
    sides = (files_of(folder[1], "first", tmp_path, **one), files_of(folder[1], "later", tmp_path, **one))
    score = row(compare(sides, folder[1]), "content", "score")
    assert (score["pairs"], score["prompts"], score["difference"]) == (4, 1, 0)


def test_videos_without_a_partner_are_counted(world: tuple[World, Any], tmp_path: Path) -> None:
    inputs = world[1]
    source = inputs.models["planted"].metrics
    tables.write_table(tmp_path / "few.parquet", tables.read_table(source).head(9), tables.METRICS)
    sides = Side("tiny", {"planted": source}), Side("other", {"planted": tmp_path / "few.parquet"})
    assert compare(sides, inputs).alone == ["3 videos of planted in audit tiny, without a partner"]


def test_the_plan_names_the_videos_of_both_audits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("metrics/m.parquet", "generate/m/videos-000.videos.parquet"):
        path = tmp_path / "results" / "other" / name
        path.parent.mkdir(parents=True)
        path.touch()
    config = {"audit": "a", "corpus": {"kind": "made"}, "models": {"m": {"kind": "oracle"}}}
    found = Plan({**config, "report": {"compare": ["a", "other"]}}).report_files()["compare"]
    assert found["other"]["videos"] == {"m": ["results/other/generate/m/videos-000.videos.parquet"]}
    assert all(path.startswith("results/a/generate/m/") for path in found["a"]["videos"]["m"])


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
    assert page.select("svg.plot") and (tmp_path / "report" / "figures" / "differences.pdf").is_file()
    assert "tab:compared" in (tmp_path / "report" / "tables" / "compared.tex").read_text(encoding="utf-8")
    build_report(inputs, SETTINGS, tmp_path / "report")
    assert not (tmp_path / "report" / "compare.html").exists()


def test_the_answer_names_what_changed_with_its_interval_and_what_cannot_be_told() -> None:
    known = {
        "kind": "content",
        "measure": "rate",
        "pairs": 9,
        "prompts": 9,
        "status": "ok",
        "first": 0.5,
        "second": 0.17,
    }
    ends = {"fell": (-0.6, -0.11), "rose": (0.02, 0.3), "same": (-0.2, 0.0)}
    rows = [
        known | {"model": name, "difference": (low + high) / 2, "difference_low": low, "difference_high": high}
        for name, (low, high) in ends.items()
    ]
    found = Comparison("a", "b", pl.DataFrame(rows, schema=COMPARED), pl.DataFrame(schema=PAIRS))
    page = BeautifulSoup(render_compare(found, "Audit", "a"), "html.parser")
    assert page.select(".answer p")[0].text == (
        "Content: fell falls from 50 % to 17 %, −35.5 points [−60.0 to −11.0]; rose rises from 50 % to 17 %, "
        "+16.0 points [+2.0 to +30.0]; no difference can be told for same."
    )


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_two_audits_that_differ_are_asked_for(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="compare"):
        load_config({"audit": "a", "corpus": {"kind": "made"}, "report": {"compare": names}})
