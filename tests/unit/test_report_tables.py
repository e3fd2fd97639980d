"""The report's tables: thresholds, verdicts, seeds that agree, scores of others, sizes and what the search missed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import polars as pl
import pytest
from report_world import HOSTILE_REASON, World

from vidmem import tables
from vidmem.metrics import calibrate
from vidmem.metrics.judged import Judged
from vidmem.plan import Plan
from vidmem.report.agreement import agreement_of
from vidmem.report.beside import beside
from vidmem.report.files import make_tables
from vidmem.report.findings import choose
from vidmem.report.inputs import ModelFiles
from vidmem.report.rates import flags, verdict_counts
from vidmem.report.sizes import size_words
from vidmem.report.stage import _model
from vidmem.report.summary import SCHEMA_FILE, make_summary, to_json
from vidmem.report.thresholds import line

SEARCHED = {
    "index": {
        "kind": "ivf",
        "content": {"proposed": 50, "searched_whole": {}, "queries": 12, "recall_at_1": 1.0, "recall_at_k": 0.9},
        "motion": {},
    },
    "short_corpus_clips": {"window": 7, "number": 5, "first": ["<b>a</b>", "b"]},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, ModelFiles]]:
    made = World(tmp_path_factory.mktemp("world"))
    made.sized()
    made.searched = SEARCHED
    return made, {"planted": made.model("planted", hits=8), "folder": made.model("folder", hits=4, known=False)}


@pytest.fixture(scope="module")
def frames(world: tuple[World, dict[str, ModelFiles]]) -> dict[str, pl.DataFrame]:
    return make_tables(world[0].inputs(world[1]))


@pytest.fixture(scope="module")
def summary(world: tuple[World, dict[str, ModelFiles]]) -> dict[str, Any]:
    return make_summary(world[0].inputs(world[1]))


def test_rates_of_templates_stand_beside_the_old_ones(frames: dict[str, pl.DataFrame]) -> None:
    whole = frames["rates"].filter((pl.col("model") == "planted") & (pl.col("prompt_set") == "all"))
    # Of 8 hits: content 0, 2, 4, 6; template 1, 5; motion 0, 1, 3, 4, 6, 7.
    counts = dict(whole.select("kind", "memorised").iter_rows())
    assert counts == {"content": 4, "template": 2, "motion": 6, "either": 7, "any": 8}


def test_a_video_with_a_part_alone_counts_for_any_but_not_for_either() -> None:
    flagged = {"content_memorised": [False], "motion_memorised": [None], "template_memorised": [True]}
    frame = pl.DataFrame({"video_id": ["v"], "prompt_id": ["p"], "prompt_set": ["s"], "status": ["ok"], **flagged})
    row = flags(frame).row(0, named=True)
    assert (row["any"], row["either"], row["template"]) == (True, False, True)


def test_every_video_has_one_verdict(world: tuple[World, dict[str, ModelFiles]]) -> None:
    counts = verdict_counts(tables.read_table(world[1]["planted"].metrics))
    assert counts == {"verbatim": 4, "retrieved": 0, "template": 2, "motion": 2, "none": 4}


def test_thresholds_say_how_surely_they_stand_and_why_there_is_no_rate(frames: dict[str, pl.DataFrame]) -> None:
    rows = {(r["model"], r["kind"]): r for r in frames["thresholds"].to_dicts()}
    assert len(rows) == 6
    sure, unsure = rows["planted", "content"], rows["folder", "template"]
    assert (sure["threshold_low"], sure["threshold"], sure["threshold_high"]) == (0.52, 0.6, 0.71)
    assert (sure["fpr"], sure["fpr_high"], sure["method"], sure["reason"]) == (0.01, 0.088, "tail fit", None)
    assert (unsure["fpr"], unsure["reason"], unsure["null_needed"]) == (None, HOSTILE_REASON, 99)


@pytest.mark.parametrize(("count", "rated"), [(5, False), (400, True)])
def test_what_the_metrics_stage_says_of_a_threshold_is_what_is_shown(tmp_path: Path, count: int, rated: bool) -> None:
    scores = np.random.default_rng(0).gumbel(0.2, 0.03, count)
    judged = Judged("content_normalised", calibrate(scores, fpr=0.01, min_null=20, customary=0.5))
    said = judged.describe()
    tables.write_table(tmp_path / "m.parquet", [], tables.METRICS, {"content": said})
    shown = line(tmp_path / "m.parquet", "content").row()
    assert {name: shown[name] for name in shown if name not in ("raised", "judged")} == {
        name: said[name] for name in shown.keys() & said
    }
    assert shown["judged"] == "GSSCD less background"
    assert (shown["fpr"] is not None, shown["reason"] is None) == (rated, rated)
    assert shown["null_videos"] == count == said["null_videos"]


def test_a_threshold_at_the_least_share_of_the_config_is_called_raised(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    made_by = {k: {"threshold": 0.15, "null_videos": 3} for k in ("content", "template")}
    tables.write_table(path, [], tables.METRICS, made_by | {"settings": {"template_least": 0.15}})
    assert line(path, "template").raised and not line(path, "content").raised


def test_seeds_that_agree_are_counted_over_prompts_with_several(tmp_path: Path) -> None:
    sizes = [3, 3, 3, 1, 2, 2, 1, None]
    rows = [
        {"video_id": f"v{i}", "prompt_id": f"p{i // 4}", "clique_size": n, "agreement": n and n / 4, "status": "ok"}
        for i, n in enumerate(sizes)
    ]
    lost = {"video_id": "lost", "clique_size": 9, "status": "failed"}
    path = tmp_path / "m.parquet"
    tables.write_table(path, [*rows, lost], tables.METRICS, {"settings": {"agree_from": 0.8}})
    found = agreement_of(path, 200)
    assert (found["videos"], found["prompts"], found["agreeing"], found["largest"]) == (7, 2, 5, 3)
    assert found["share"] == 5 / 7 and found["low"] <= 5 / 7 <= found["high"] and found["agree_from"] == 0.8
    tables.write_table(path, [], tables.METRICS)
    assert agreement_of(path, 200)["share"] is None


def test_other_scores_are_judged_on_the_same_videos(tmp_path: Path) -> None:
    scored = [("a", True, 0.9, None), ("b", True, None, 0.2), ("c", False, 0.5, 0.7), ("d", False, 0.1, float("nan"))]
    metrics = [{"video_id": v, "vsscd": x, "ofs3": y, "status": "ok"} for v, _, x, y in scored]
    truth = [
        {"video_id": v, "status": "ok", **{f"{k}_{w}": t for k in ("content", "motion") for w in ("truth", "verdict")}}
        for v, t, _, _ in scored
    ]
    undecided = {"video_id": "e", "content_truth": None, "content_verdict": True, "status": "ok"}
    files = ModelFiles([], tmp_path / "x", tmp_path / "m.parquet", truth=tmp_path / "t.parquet")
    tables.write_table(
        tmp_path / "m.parquet", [*metrics, {"video_id": "e", "vsscd": 1.0, "status": "ok"}], tables.METRICS
    )
    tables.write_table(tmp_path / "t.parquet", [*truth, undecided], tables.TRUTH)
    # Content: a is above both others, b (no score) under both. Motion: a ties with d in the last place, b is above d.
    assert beside(files, "content") == {"decided": 4, "positives": 2, "beside": "vsscd", "auc_beside": 0.5}
    assert beside(files, "motion")["auc_beside"] == (0 + 0.5 + 0 + 1) / 4


def test_aucs_stand_side_by_side(frames: dict[str, pl.DataFrame]) -> None:
    rows = {r["kind"]: r for r in frames["truth_auc"].to_dicts()}
    assert set(frames["truth_auc"]["model"]) == {"planted"}
    assert rows["content"]["auc_beside"] == 1.0  # vsscd grows with the number that decides the truth
    assert rows["content"]["decided"] == 12 and rows["motion"]["decided"] == 0


def test_search_and_sizes_are_in_the_tables(frames: dict[str, pl.DataFrame]) -> None:
    assert frames["search"].select("kind", "index", "recall_at_k").rows() == [("content", "ivf", 0.9)] * 2
    assert frames["effective_size"]["clips"].to_list() == [4, 16, 64]


def test_summary_carries_the_same_under_its_schema(summary: dict[str, Any], world: Any) -> None:
    read = json.loads(to_json(summary))
    jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))).validate(read)
    planted, folder = read["models"]["planted"], read["models"]["folder"]
    assert planted["template"]["rate"] == 2 / 12 and planted["template"]["threshold"] == 0.3
    assert planted["content"]["calibration"]["threshold_ci95"] == [0.52, 0.71]
    assert folder["content"]["calibration"]["reason"] == HOSTILE_REASON
    assert planted["verdicts"]["template"] == 2
    assert planted["agreement"]["share"] == 3 / 12 and planted["agreement"]["largest"] == 3
    assert planted["search"]["content"]["recall_at_k"] == 0.9 and planted["search"]["motion"] is None
    assert read["corpus"]["short_clips"] == SEARCHED["short_corpus_clips"]
    assert read["effective_size"]["planted"]["sizes"]["verdict"] == {"clips": 7.0, "bound": "="}
    assert [s["verdict"]["share"] for s in read["effective_size"]["planted"]["shares"]] == [1.0, 0.75, 0.125]


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ({"clips": 11.7, "bound": "="}, "about 12"),
        ({"clips": 64.0, "bound": ">="}, "64 or more"),
        ({"clips": 4.0, "bound": "<"}, "fewer than 4"),
        ({"clips": None, "bound": None}, "–"),
        (None, "–"),
    ],
)
def test_sizes_are_said_with_their_bound(size: dict[str, Any] | None, shown: str) -> None:
    assert size_words(size) == shown


def test_findings_have_both_ranges_and_the_scores_side_by_side(world: tuple[World, dict[str, ModelFiles]]) -> None:
    found = {f.row["video_id"]: f for f in choose(world[0].inputs(world[1]), 30) if f.model == "planted"}
    content = found["planted-00"].matches[0]
    assert (content.gen, content.ref, content.frames) == ((0.25, 0.75), (0.5, 1.0), (0.25, 0.5))
    assert [name for name, _ in content.scores] == ["judged, ours", "GSSCD", "GSSCD-k", "VSSCD"]
    part, motion = found["planted-01"].matches
    assert part.kind == "template" and part.cells is not None and part.cells.shape == (7, 7)
    assert (part.gen, part.ref) == ((0.25, 0.25), (0.5, 0.5))
    assert (motion.gen, motion.ref) == ((0.0, 0.8), (0.0, 0.8))
    assert dict(motion.scores)["OFS-3, raw flow"] == pytest.approx(0.76)


def test_a_whole_frame_is_no_finding_of_its_part_too(tmp_path: Path) -> None:
    world = World(tmp_path, per_prompt=1)
    files = world.model("m", hits=1)
    rows = tables.read_table(files.metrics).with_columns(pl.lit(True).alias("template_memorised"))
    tables.write_table(files.metrics, rows, tables.METRICS)
    first = next(f for f in choose(world.inputs({"m": files}), 9) if f.row["video_id"] == "m-00")
    assert first.kinds == ("content", "motion")


def test_the_plan_tells_the_report_of_sizes_only_where_some_are_asked_for() -> None:
    base: dict[str, Any] = {"audit": "a", "corpus": {"kind": "made"}}
    sized = Plan({**base, "models": {"p": {"kind": "planted", "sizes": [4, 16]}}})
    files = sized.report_files()
    assert files["effective_size"] == "results/a/truth/effective-size.parquet"
    assert _model(files["models"]["p-of-4"]).truth == Path("results/a/truth/p-of-4.parquet")
    assert Plan({**base, "models": {"p": {"kind": "planted"}}}).report_files()["effective_size"] is None
