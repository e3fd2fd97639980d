"""Remedies end to end: branches go through the stages of the workflow, and are compared with their model."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from killing import Killer, kill_all, start, worked
from tablefiles import differences

from vidmem import tables
from vidmem.mitigate.measures import MEASURES

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = {
    "audit": "tried",
    "corpus": {"kind": "made"},
    "prompts": {"video_duplicated": 4, "random_train": 0, "control": 0},
    "generate": {"batch_size": 1},
    "models": {"oracle": {"kind": "oracle", "prompt_sets": ["video-duplicated"], "seeds": 2, "steps": 6}},
    "mitigate": {
        "models": ["oracle"],
        "flagged": 2,
        "unflagged": 1,
        "remedies": {"late": {"kind": "late-guidance"}},
        "strengths": {"late": [0, 1]},
    },
}

COMPARED = "results/tried/mitigate/oracle.parquet"
BENCHMARKS = {"mitigate_prompts": "mitigate/oracle.prompts", "mitigate": "mitigate/oracle"}  # by rule

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any]) -> Any:
    workflow = make_workflow(CONFIG)
    workflow.run()
    return workflow


def compared(audit: Any, branch: str, group: str = "flagged") -> dict[str, dict[str, Any]]:
    table = tables.read_table(audit.folder / COMPARED)
    rows = table.filter((pl.col("branch") == branch) & (pl.col("group") == group))
    return {row["measure"]: row for row in rows.iter_rows(named=True)}


def test_the_surest_prompts_are_asked_again_with_the_models_seeds(audit: Any) -> None:
    asked = tables.read_table(audit.folder / "results/tried/mitigate/oracle.prompts.parquet")
    assert len(asked) == 2 * 2 and set(asked["group"]) == {"flagged"}
    videos = tables.read_table(audit.folder / "results/tried/generate/oracle.late.1/flagged-000.videos.parquet")
    assert videos.select("prompt_id", "seed").rows() == asked.select("prompt_id", "seed").rows()
    assert set(videos["model"]) == {"oracle.late.1"} and (videos["status"] == tables.OK).all()


def test_strength_0_gives_the_unmitigated_videos_and_changes_no_measure(audit: Any) -> None:
    rows = compared(audit, "oracle.late.0")
    assert set(rows) == set(MEASURES)
    assert rows["content"]["before"] == rows["content"]["after"] == 1
    for name in ("content_fidelity", "text_fidelity", "sharpness", "consistency", "dynamics", "diversity"):
        assert rows[name]["change"] == pytest.approx(0, abs=1e-9), name
        assert rows[name]["status"] == tables.OK


def test_an_oracle_that_is_never_guided_shows_other_clips_than_the_prompts(audit: Any) -> None:
    rows = compared(audit, "oracle.late.1")
    assert rows["content_fidelity"]["after"] < rows["content_fidelity"]["before"]
    assert rows["text_fidelity"]["change"] < 0
    assert rows["content"]["after"] == 1  # copies of other clips: it can do nothing else


def test_thresholds_are_those_of_the_model(audit: Any) -> None:
    folder = audit.folder / "results/tried/metrics"
    base, branch = (tables.read_made_by(folder / f"{name}.parquet") for name in ("oracle", "oracle.late.1"))
    assert base["content"]["threshold"] == branch["content"]["threshold"]
    assert not (audit.folder / "results/tried/retrieve/oracle.late.1.null.parquet").exists()


def test_a_group_without_prompts_says_so(audit: Any) -> None:
    assert {row["reason"] for row in compared(audit, "oracle.late.1", "unflagged").values()} == {
        "the model has no prompt of this group"
    }


def test_branches_are_in_the_section_on_remedies_and_in_no_rate(audit: Any) -> None:
    summary = json.loads((audit.folder / "results/tried/summary.json").read_text())
    assert list(summary["models"]) == ["oracle"] and summary["models"]["oracle"]["videos"] == 8
    branches = summary["mitigation"]["oracle"]["branches"]
    assert list(branches) == ["oracle.late.0", "oracle.late.1"]
    assert branches["oracle.late.1"]["cost"]["seconds_per_video"] > 0
    page = (audit.folder / "results/tried/report/index.html").read_text()
    assert 'id="mitigation"' in page and "<figcaption>unmitigated" in page


def test_every_table_is_as_its_reference_says(audit: Any) -> None:
    assert differences(audit.folder / "results" / "tried") == []


def test_a_second_run_does_nothing(audit: Any) -> None:
    assert audit.planned() == {}


def test_one_more_strength_runs_its_branch_the_comparison_and_the_report(audit: Any) -> None:
    more = copy.deepcopy(CONFIG)
    more["mitigate"]["strengths"]["late"].append(0.5)
    audit.write_config(more)
    try:
        jobs = audit.planned()
    finally:
        audit.write_config(CONFIG)
    once = {rule: 1 for rule in ("retrieve", "metrics_model", "mitigate", "report", "all")}
    assert jobs == {"generate": 2, "features_model": 2, **once}


def test_without_remedies_nothing_but_the_report_is_made_anew(audit: Any) -> None:
    audit.write_config({key: value for key, value in CONFIG.items() if key != "mitigate"})
    try:
        jobs = audit.planned()
    finally:
        audit.write_config(CONFIG)
    assert jobs == {"report": 1, "all": 1}


def test_a_branch_that_is_killed_ends_with_the_bytes_of_one_that_is_not(
    audit: Any, make_workflow: Callable[..., Any]
) -> None:
    killed = make_workflow(CONFIG)
    shutil.copytree(audit.folder / "results", killed.folder / "results")
    shutil.copytree(audit.folder / ".snakemake" / "metadata", killed.folder / ".snakemake" / "metadata")
    folder = killed.folder / "results/tried/generate/oracle.late.1"
    whole = {path.name: path.read_bytes() for path in folder.glob("flagged-000.*")}
    for path in folder.glob("flagged-000.*"):
        path.unlink()
    target = "results/tried/generate/oracle.late.1/flagged-000.videos.parquet"
    process = start(killed.command(target), killed.folder)
    deadline = time.monotonic() + 180
    while not list((folder / "flagged-000.partial").glob("*.mp4")) and process.poll() is None:
        assert time.monotonic() < deadline, "no clip was finished in three minutes"
        time.sleep(0.01)
    kill_all(process)
    assert not (folder / "flagged-000.tar").exists(), "the run ended before it could be killed"
    subprocess.run([*killed.command(), "--unlock"], cwd=killed.folder, check=True, capture_output=True)
    killed.run(target)
    assert {path.name: path.read_bytes() for path in folder.glob("flagged-000.*")} == whole


def test_killed_while_it_chooses_and_while_it_compares_the_tables_are_the_same(audit: Any) -> None:
    found = {path: path.read_bytes() for path in (audit.folder / "results/tried/mitigate").rglob("*.parquet")}
    killer = Killer(worked(audit, BENCHMARKS), with_head=0, seed=3)
    killer.run(audit, COMPARED, "--allowed-rules", *BENCHMARKS, "--forcerun", *BENCHMARKS)
    assert killer.killed == dict.fromkeys(BENCHMARKS, 1)
    assert {path: path.read_bytes() for path in found} == found
