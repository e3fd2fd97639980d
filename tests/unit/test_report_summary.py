"""summary.json: its schema, its numbers, strict JSON, and the short table made of it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import polars as pl
import pytest
from report_world import World

from vidmem import tables
from vidmem.report.hardware import _gpu
from vidmem.report.rates import flags, rate
from vidmem.report.summary import SCHEMA_FILE, make_summary, short_table, strict, to_json

SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    world = World(tmp_path_factory.mktemp("world"))
    models = {
        "planted": world.model("planted", hits=6),
        "folder": world.model("folder", hits=4, known=False, prompts=False),
        "empty": world.model("empty", empty=True),
    }
    return make_summary(world.inputs(models))


def test_summary_is_valid_under_its_schema(summary: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(to_json(summary)))


def test_schema_refuses_a_missing_number_and_an_unknown_key(summary: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    lacking = json.loads(to_json(summary))
    del lacking["models"]["planted"]["content"]["p95"]
    assert not validator.is_valid(lacking)
    assert not validator.is_valid(summary | {"when": "today"})


def test_numbers_are_those_of_the_tables(summary: dict[str, Any]) -> None:
    planted = summary["models"]["planted"]
    assert planted["videos"] == 12
    assert planted["content"]["rate"] == 3 / 12
    low, high = planted["content"]["ci95"]
    assert low <= 3 / 12 <= high
    assert planted["content"]["threshold"] == 0.6
    assert planted["content"]["fpr"] == 0.01
    assert math.isclose(planted["content"]["max"], 0.9, rel_tol=1e-6)
    assert planted["detect"]["content"] == {"auc": 0.9, "tpr_at_1pct_fpr": 0.7}
    # Called: videos 0, 2, 4; true: those whose number mod 4 is 2 or 3. So one of three is right, one of six is found.
    assert math.isclose(planted["truth"]["content"]["precision"], 1 / 3)
    assert math.isclose(planted["truth"]["content"]["recall"], 1 / 6)
    nothing = {"auc": None, "precision": None, "recall": None, "auc_beside": None, "decided": 0, "positives": 0}
    assert planted["truth"]["motion"] == nothing | {"beside": "ofs3"}
    assert [row["multiplicity"] for row in planted["truth"]["dose_response"]] == [1, 4, 16, 64]
    assert summary["wall_seconds"] == {"corpus": 25.0, "generate": 12.5}
    assert summary["engines"]["frames"]["engine"] == "sscd-int8"


def test_a_model_without_signals_truth_or_calibration_has_nulls(summary: dict[str, Any]) -> None:
    folder, empty = summary["models"]["folder"], summary["models"]["empty"]
    assert folder["detect"] is None and folder["truth"] is None
    assert folder["content"]["fpr"] is None
    assert empty["videos"] == 0
    assert empty["content"]["rate"] is None and empty["content"]["ci95"] is None and empty["content"]["max"] is None


def test_items_without_features_count_as_skipped(summary: dict[str, Any]) -> None:
    corpus = summary["corpus"]
    assert corpus["items"] == corpus["ok"] + len(corpus["skipped"]) == 9
    assert {"item_id": "item3-0", "reason": "all frames are blank"} in corpus["skipped"]


def test_no_host_name_is_told(summary: dict[str, Any]) -> None:
    assert set(summary["hardware"]) == {"cpus", "memory_gib", "machine", "gpu"}


def test_numbers_that_json_lacks_become_null() -> None:
    assert strict({"a": float("nan"), "b": [np.float64("inf"), np.int32(3)], "c": (True, "x")}) == {
        "a": None,
        "b": [None, 3],
        "c": [True, "x"],
    }


def test_interval_is_over_prompts_where_they_are_known() -> None:
    rows = [
        {"video_id": f"v{i}", "prompt_id": f"p{i // 10}", "content_memorised": i < 10, "status": "ok"}
        for i in range(40)
    ]
    frame = pl.DataFrame(
        [r | {"prompt_set": "control", "motion_memorised": False, "template_memorised": False} for r in rows]
    )
    by_prompt = rate(flags(frame), "content", 500)
    by_video = rate(flags(frame.with_columns(pl.lit(None, pl.String).alias("prompt_id"))), "content", 500)
    assert by_prompt["prompts"] == 4 and by_video["prompts"] == 40
    assert by_prompt["high"] - by_prompt["low"] > by_video["high"] - by_video["low"]


def test_signals_without_two_classes_give_nulls_not_no_detector(tmp_path: Path) -> None:
    world = World(tmp_path, per_prompt=1)
    files = world.model("clean", hits=0)
    assert files.detect is not None
    row = {"seeds": 1, "default": True, "positives": 0, "negatives": 4, "status": "skipped", "reason": "one class"}
    rows = [row | {"detector": f"{k}_magnitude", "label": k, "steps": "first"} for k in ("content", "motion")]
    tables.write_table(files.detect, rows, tables.DETECT)
    empty = {"auc": None, "tpr_at_1pct_fpr": None}
    assert make_summary(world.inputs({"clean": files}))["models"]["clean"]["detect"] == {
        "content": empty,
        "motion": empty,
    }


def test_short_table_has_one_line_a_model_and_fits_the_terminal(summary: dict[str, Any]) -> None:
    lines = short_table(summary).splitlines()
    assert all(len(line) <= 120 for line in lines)
    planted = next(line for line in lines if line.lstrip().startswith("planted"))
    assert "25.0 %" in planted and "0.90 / 0.90" in planted and "0.33 / 0.17" in planted
    assert next(line for line in lines if line.lstrip().startswith("empty")).split()[1] == "0"


def test_short_table_fits_with_long_names_and_full_rates(summary: dict[str, Any]) -> None:
    full = {"rate": 1.0, "ci95": [0.98, 1.0]}
    model = summary["models"]["planted"] | {kind: full for kind in ("content", "template", "motion")}
    lines = short_table(summary | {"models": {"planted-of-128": model}}).splitlines()
    assert any("planted-of-128" in line and line.count("100 % [98-100]") == 3 for line in lines)
    assert all(len(line) <= 120 and "…" not in line for line in lines)


def test_show_prints_the_table_and_where_the_page_is(summary: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(to_json(summary), encoding="utf-8")
    command = [sys.executable, "-m", "vidmem.report.show", str(tmp_path / "report")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "planted" in done.stdout
    assert str(tmp_path / "report" / "index.html") in done.stdout
    gone = subprocess.run([*command[:-1], str(tmp_path / "no" / "report")], capture_output=True, text=True)
    assert gone.returncode == 2 and "Traceback" not in gone.stderr


def test_gpu_is_read_from_the_driver(tmp_path: Path) -> None:
    assert _gpu(tmp_path) is None
    info = tmp_path / "0000:01:00.0" / "information"
    info.parent.mkdir()
    info.write_text("Model: \t\t NVIDIA Test 1\nIRQ: 3\n", encoding="utf-8")
    assert _gpu(tmp_path) == "NVIDIA Test 1"


def test_tables_of_the_world_are_schema_true(tmp_path: Path) -> None:
    files = World(tmp_path, per_prompt=1).model("m")
    assert tables.read_table(files.metrics).columns == tables.METRICS.names
