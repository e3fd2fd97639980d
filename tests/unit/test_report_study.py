"""The study's table, model x dataset: numbers by hand, other audits' rows, and what is said where there are none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
from bs4 import BeautifulSoup
from report_world import World

from vidmem import tables
from vidmem.config import ConfigError, load_config
from vidmem.plan import Plan
from vidmem.report.build import build_report
from vidmem.report.dataset import dataset_row, write_dataset
from vidmem.report.files import make_tables
from vidmem.report.inputs import ModelFiles, ReportInputs
from vidmem.report.page import rate_groups
from vidmem.report.rates import FROM_CORPUS, rate_rows, rate_table
from vidmem.report.study import study_tex
from vidmem.report.summary import SCHEMA_FILE, make_summary, to_json

HOSTILE = r"A_B & 50 % <script>alert(9)</script> \input{x} $~^#"
SETTINGS = {"title": "Memorisation audit", "findings": 2, "strip_frames": 2, "strip_width": 32}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, ReportInputs]:
    """This audit with three models, one beside it that was run, one that wasn't, and one of an older version."""
    other = World(tmp_path_factory.mktemp("other"), per_prompt=1)
    write_dataset("other", HOSTILE, {"theirs": other.model("theirs", hits=2)}, 200, other.root / "dataset.parquet")
    made = World(tmp_path_factory.mktemp("world"))
    models = {
        "planted": made.model("planted", hits=6),
        "folder": made.model("folder", hits=4, known=False, prompts=False),
        "empty": made.model("empty", empty=True),
    }
    old = tables.read_table(other.root / "dataset.parquet").drop("ofs3_p95")
    old.write_parquet(made.root / "old.parquet")
    made.beside = {
        "other": other.root / "dataset.parquet",
        "later": made.root / "later" / "dataset.parquet",
        "old": made.root / "old.parquet",
    }
    return made, made.inputs(models)


@pytest.fixture(scope="module")
def study(world: tuple[World, ReportInputs]) -> pl.DataFrame:
    return make_tables(world[1])["study"]


@pytest.fixture(scope="module")
def report(world: tuple[World, ReportInputs], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "report"
    build_report(world[1], SETTINGS, out)
    return out


def test_rates_and_scores_are_over_the_prompts_of_the_corpus_by_hand(tmp_path: Path) -> None:
    sets = ["random-train", "random-train", "control", "imported", "paraphrase", None, "video-duplicated", "control"]
    rows = [
        {"video_id": f"v{i}", "prompt_id": f"p{i}", "prompt_set": name, "status": "ok"}
        | {"content_memorised": i in (0, 2), "motion_memorised": None if i == 1 else i == 6}
        | {"content_score": 0.125 * i, "gsscd_max": 0.5 if i % 2 else None, "motion_score": -float(i), "ofs3": 0.25}
        for i, name in enumerate(sets)
    ]
    lost = {"video_id": "lost", "prompt_set": "random-train", "content_score": 9.0, "status": "failed"}
    tables.write_table(tmp_path / "m.parquet", [*rows, lost], tables.METRICS)
    row = dataset_row(ModelFiles([], Path(), tmp_path / "m.parquet"), 200)
    # Of the corpus are 0, 1, 5 (no known set) and 6.
    assert (row["videos"], row["prompts"], row["status"]) == (4, 4, "ok")
    assert (row["content_memorised"], row["content_rate"]) == (1, 0.25)
    assert (row["motion_memorised"], row["motion_rate"]) == (1, 0.25)
    assert row["content_low"] <= 0.25 <= row["content_high"]
    # Sorted 0, .125, .625, .75: the 95th percentile lies .85 of the way from the third to the fourth.
    assert row["content_score_p95"] == pytest.approx(0.625 + 0.85 * 0.125) and row["content_score_max"] == 0.75
    assert (row["gsscd_max_p95"], row["gsscd_max_max"], row["ofs3_p95"]) == (0.5, 0.5, 0.25)
    assert row["motion_score_max"] == 0.0
    assert "content_auc" not in row  # no detect table: null in the file


def test_a_model_asked_with_other_prompts_alone_has_a_reason(tmp_path: Path) -> None:
    row = {"video_id": "v", "prompt_id": "p", "prompt_set": "control", "content_memorised": True, "status": "ok"}
    tables.write_table(tmp_path / "m.parquet", [row], tables.METRICS)
    found = dataset_row(ModelFiles([], Path(), tmp_path / "m.parquet"), 200)
    assert (found["status"], found["reason"]) == ("skipped", "no video has a prompt from the corpus")
    assert (found["videos"], found["content_rate"], found["content_score_max"]) == (0, None, None)


def test_a_rate_of_motion_is_not_stated_where_nothing_moves(tmp_path: Path) -> None:
    row = {"video_id": "v", "prompt_id": "p", "prompt_set": "random-train", "status": "ok", "content_score": 0.9}
    row |= {"gsscd_max": 0.9, "content_memorised": True, "motion_memorised": False}  # as the metrics stage has images
    tables.write_table(tmp_path / "m.parquet", [row], tables.METRICS)
    write_dataset("a", "Images", {"m": ModelFiles([], Path(), tmp_path / "m.parquet")}, 100, tmp_path / "d.parquet")
    study = tables.read_table(tmp_path / "d.parquet")
    found = study.row(0, named=True)
    assert (found["status"], found["content_rate"], found["content_memorised"]) == ("ok", 1.0, 1)
    assert {found[f"motion_{name}"] for name in ("memorised", "rate", "low", "high", "score_max")} == {None}
    assert " & 1 & 100.0 [2.5, 100.0] & -- & 0.900 & " in study_tex(study)


def test_every_number_is_that_of_the_other_tables(world: tuple[World, ReportInputs], study: pl.DataFrame) -> None:
    frames = make_tables(world[1])
    detect = frames["detect"].filter(pl.col("default") & (pl.col("detector") == pl.col("label") + "_magnitude"))
    for row in study.filter((pl.col("audit") == "tiny") & (pl.col("status") == "ok")).to_dicts():
        whole = frames["rates"].filter((pl.col("model") == row["model"]) & (pl.col("prompt_set") == FROM_CORPUS))
        metrics = tables.read_table(world[1].models[row["model"]].metrics).filter(pl.col("prompt_set") != "control")
        assert row["videos"] == len(metrics) == 9
        for kind in ("content", "motion"):
            rates = whole.filter(pl.col("kind") == kind).row(0, named=True)
            assert (row["videos"], row["prompts"]) == (rates["videos"], rates["prompts"])
            for name in ("memorised", "rate", "low", "high"):
                assert row[f"{kind}_{name}"] == rates[name]
            heard = detect.filter((pl.col("model") == row["model"]) & (pl.col("label") == kind)).to_dicts()
            for name in ("auc", "auc_low", "auc_high"):
                assert row[f"{kind}_{name}"] == (heard[0][name] if heard else None)
        for score in ("content_score", "gsscd_max", "motion_score", "ofs3"):
            values = metrics[score].cast(pl.Float64)
            assert row[f"{score}_max"] == values.max()
            assert row[f"{score}_p95"] == pytest.approx(values.quantile(0.95, "linear"), rel=1e-12)
    heard = study.filter((pl.col("status") == "ok") & pl.col("content_auc").is_not_null())
    assert heard.select("model", "content_auc").rows() == [("planted", 0.9), ("theirs", 0.9)]


def test_other_audits_stand_beside_as_they_say_or_with_the_reason(world: Any, study: pl.DataFrame) -> None:
    assert study.select("audit", "model").rows() == [
        ("tiny", "planted"),
        ("tiny", "folder"),
        ("tiny", "empty"),
        ("other", "theirs"),
        ("later", None),
        ("old", None),
    ]
    theirs = tables.read_table(world[0].beside["other"])
    assert study.filter(pl.col("audit") == "other").equals(theirs)
    reasons = dict(study.filter(pl.col("status") == "skipped").select("audit", "reason").rows())
    assert reasons["tiny"] == "no video was judged"
    assert reasons["later"].startswith("audit later has no results yet")
    assert "another version" in reasons["old"]


@pytest.mark.parametrize("content", [b"", b"no table", b"PAR1 not whole PAR1"])
def test_a_file_that_is_no_table_is_a_row_with_a_reason(tmp_path: Path, content: bytes) -> None:
    world = World(tmp_path, per_prompt=1)
    (tmp_path / "bad.parquet").write_bytes(content)
    world.beside = {"bad": tmp_path / "bad.parquet"}
    row = make_tables(world.inputs({}))["study"].row(0, named=True)
    assert (row["audit"], row["status"]) == ("bad", "skipped") and "can't be read" in row["reason"]


def test_the_summary_holds_the_table_under_its_schema(world: Any, study: pl.DataFrame) -> None:
    read = json.loads(to_json(make_summary(world[1])))
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(read)
    assert read["study"] == study.to_dicts()
    assert set(schema["$defs"]["dataset_row"]["properties"]) == set(tables.DATASET.names)


def test_the_files_hold_the_table(report: Path, study: pl.DataFrame) -> None:
    assert pl.read_parquet(report / "tables" / "study.parquet").equals(study)
    lines = pl.read_csv(report / "tables" / "study.csv")
    assert lines["content_rate"].to_list() == study["content_rate"].to_list()
    assert (report / "tables" / "study.tex").read_text(encoding="utf-8") == study_tex(study)


def test_the_page_shows_each_model_under_its_dataset(report: Path, study: pl.DataFrame) -> None:
    page = BeautifulSoup((report / "index.html").read_text(encoding="utf-8"), "html.parser")
    table = page.select_one("#study table")
    assert table is not None
    groups = [" ".join(th.get_text().split()) for th in table.select("tr.dataset th")]
    assert groups == ["tiny", f"{HOSTILE} audit other", "later", "old"]
    cells = {tr.th.get_text(): [td.get_text(" ", strip=True) for td in tr.select("td")] for tr in table.select("tr")}
    for row in study.filter(pl.col("status") == "ok").to_dicts():
        shown = cells[row["model"]]
        assert shown[0] == str(row["videos"])
        for place, kind, scores in (
            (1, "content", ("gsscd_max", "content_score")),
            (5, "motion", ("ofs3", "motion_score")),
        ):
            assert round(float(shown[place].split()[0])) == round(100 * row[f"{kind}_rate"])
            for column, score in enumerate(scores, place + 1):
                assert shown[column] == f"{row[f'{score}_p95']:.2f} max {row[f'{score}_max']:.2f}"
            auc = row[f"{kind}_auc"]
            assert shown[place + 3].split()[0] == ("–" if auc is None else f"{auc:.2f}")
    assert "audit later has no results yet" in table.get_text()
    assert any(a["href"] == "#study" for a in page.select("nav a"))


def test_the_table_as_latex_has_as_many_cells_a_line_and_no_live_text(study: pl.DataFrame) -> None:
    text = study_tex(study)
    lines = [line for line in text.splitlines() if " & " in line and line.endswith(r"\\") and line[0] not in r"% "]
    assert len(lines) == 1 + 3  # the header, and planted, folder, theirs
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {14}
    theirs = lines[-1].removesuffix(r"\\")
    escaped = r"A\_B \& 50 \% \textless{}script\textgreater{}alert(9)\textless{}/script\textgreater{} "
    assert escaped + r"\textbackslash{}input\{x\} \$\textasciitilde{}\textasciicircum{}\# & " in theirs
    row = study.filter(pl.col("model") == "theirs").row(0, named=True)
    share = [f"{100 * row[f'content_{name}']:.1f}" for name in ("rate", "low", "high")]
    assert f"{share[0]} [{share[1]}, {share[2]}]" in theirs and f"{row['ofs3_max']:.3f}" in theirs
    assert "% later: audit later has no results yet" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == text.count(r"\toprule") == 1


def test_a_dataset_alone_is_the_table_without_others(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    build_report(world.inputs({"m": world.model("m", hits=1)}), SETTINGS, tmp_path / "report")
    page = BeautifulSoup((tmp_path / "report" / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert [th.get_text(strip=True) for th in page.select("#study tr.dataset th")] == ["tiny"]


@pytest.mark.parametrize(
    ("sets", "shown"),
    [
        (["control"], ["all"]),
        (["control", "random-train"], ["all", "control", "random-train"]),
        (["random-train", "video-duplicated"], ["all", "random-train", "video-duplicated"]),
        (["control", "random-train", "video-duplicated"], ["all", FROM_CORPUS, "control", "random-train"]),
        ([], ["all"]),
    ],
)
def test_the_page_s_rates_say_nothing_twice(sets: list[str], shown: list[str]) -> None:
    called = dict.fromkeys(("content_memorised", "motion_memorised", "template_memorised"), False)
    rows = [{"video_id": s, "prompt_id": s, "prompt_set": s, "status": "ok", **called} for s in sets]
    frame = pl.DataFrame(
        rows,
        schema={name: pl.String for name in ("video_id", "prompt_id", "prompt_set", "status")}
        | {name: pl.Boolean for name in called},
    )
    groups = rate_groups(rate_table(rate_rows("m", frame, 100)))
    assert [line["prompt_set"] for line in groups["m"]][: len(shown)] == shown


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        (["a"], "beside: 'a' is this audit itself"),
        (["b", "b"], "beside: 'b' is named more than once"),
        (["../b"], "report.beside.0"),
    ],
)
def test_audits_beside_are_others_each_once_and_no_paths(beside: list[str], said: str) -> None:
    config = {"audit": "a", "corpus": {"kind": "made"}, "models": {"m": {"kind": "oracle"}}}
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        load_config({**config, "report": {"beside": beside}})
    assert "\n" not in str(caught.value)


def test_the_plan_waits_for_those_audits_alone_that_were_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config: dict[str, Any] = {"audit": "a", "corpus": {"kind": "made"}, "models": {"m": {"kind": "oracle"}}}
    plan = Plan({**config, "report": {"beside": ["b", "c"]}})
    assert plan.beside() == []
    (tmp_path / "results/c").mkdir(parents=True)
    (tmp_path / "results/c/dataset.parquet").write_bytes(b"x")
    assert plan.beside() == ["results/c/dataset.parquet"]
    assert list(plan.report_files()["datasets"]) == ["a", "b", "c"]
    assert plan.dataset_settings()["dataset"] == "a"
    named = Plan({**config, "report": {"beside": ["b"], "dataset": "WebVid-10M"}})
    assert named.dataset_settings() == Plan({**config, "report": {"dataset": "WebVid-10M"}}).dataset_settings()
    assert named.dataset_settings()["dataset"] == "WebVid-10M"
