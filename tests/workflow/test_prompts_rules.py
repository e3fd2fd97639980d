"""Prompts through the real workflow: curated, cut into chunks, exported, and imported by another audit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from vidmem import tables
from vidmem.media import write_video
from vidmem.prompts.export import FILES

CAPTIONS = ["A red kite over a field at sunset", "=A red kite over a field at sunset", "A boat in the harbour"]


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    data = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = [f"clip{n}.mp4,{CAPTIONS[min(n // 2, 2)]}" for n in range(5)]
    for n in range(5):
        write_video(data / f"clip{n}.mp4", rng.integers(0, 255, (4, 32, 32, 3), np.uint8), fps=8)
    (data / "captions.csv").write_text("\n".join(["path,caption", *rows]) + "\n")
    config = {
        "audit": "sets",
        "corpus": {"folder": str(data)},
        "prompts": {"evidence": ["caption"], "control": 3, "control_cosine_limit": 0, "paraphrase": 2},
        "models": {"theirs": {"kind": "videos", "folder": str(data)}},
        "generate": {"chunk_size": 2},
    }
    workflow = make_workflow(config)
    workflow.run("results/sets/prompts/export")
    return workflow, config


def test_sets_are_curated_and_exported(audit: Any) -> None:
    workflow, _ = audit
    folder = Path(workflow.folder) / "results" / "sets" / "prompts"
    rows = tables.read_table(folder / "prompts.parquet")
    counts = dict(rows.group_by("set").len().iter_rows())
    assert counts == {"video-duplicated": 2, "random-train": 1, "control": 3, "paraphrase": 2}
    parts = [tables.read_table(path)["prompt_id"].to_list() for path in sorted((folder / "chunks").glob("control-*"))]
    assert [key for part in parts for key in part] == rows.filter(pl.col("set") == "control")["prompt_id"].to_list()
    shown = {p.name for p in (folder / "export").iterdir() if not p.name.startswith(".")}
    assert shown == {*FILES, "README.md"}
    assert not list(folder.rglob("*.mp4"))


def test_a_second_run_does_nothing(audit: Any) -> None:
    workflow, _ = audit
    assert workflow.planned("results/sets/prompts/export") == {}


def test_another_audit_imports_what_was_exported(audit: Any) -> None:
    workflow, config = audit
    folder = Path(workflow.folder) / "results"
    exported = folder / "sets" / "prompts" / "export" / "prompts.csv"
    alone = {"video_duplicated": 0, "random_train": 0, "control": 0, "imported": str(exported), "evidence": ["caption"]}
    workflow.write_config({**config, "audit": "again", "prompts": alone})
    workflow.run("results/again/prompts/prompts.parquet")
    again, first = (tables.read_table(folder / name / "prompts" / "prompts.parquet") for name in ("again", "sets"))
    assert again["text"].to_list() == first["text"].to_list() and set(again["set"]) == {"imported"}
    assert again["duplicates"].to_list() == first["duplicates"].to_list()
