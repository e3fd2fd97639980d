"""A small audit of models with known truth: reproducible byte for byte, and rerun no more than it must be."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from killing import Killer, kill_all, start, worked
from tablefiles import differences

from vidmem import tables

ROOT = Path(__file__).parents[2]
SAMPLED = {"prompt_sets": ["video-duplicated", "control"]}  # each set is two jobs that import what a pipeline needs
CONFIG: dict[str, Any] = {
    "audit": "small",
    "corpus": {"kind": "made"},
    "prompts": {"video_duplicated": 4, "random_train": 2, "control": 2},
    "generate": {"batch_size": 1},
    "features": {"max_loss": 1.0},  # after six steps of training some frames are flat
    "detect": {"extra": {"noises": 2, "curvature": 1}},
    "models": {
        "planted": {**SAMPLED, "kind": "planted", "train_steps": 6, "seeds": 1, "steps": 3},
        "oracle": {"kind": "oracle", "prompt_sets": ["video-duplicated"], "seeds": 2, "steps": 6},
        "replay": {"kind": "replay", "copies": 6, "unrelated": 4},
    },
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, so that a test can edit code."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("Snakefile", "src", "workflow", "config", "envs", "profiles"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, folder / name)
    return folder


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], checkout: Path) -> Any:
    workflow = make_workflow(CONFIG, checkout / "Snakefile")
    workflow.run()
    return workflow


KILLED = {  # a benchmark of each rule's jobs
    "corpus_make": "corpus/make",
    "generate_build": "generate/oracle/build",
    "generate_replay": "generate/replay/build",
    "generate": "generate/oracle/video-duplicated-000",
    "features_background": "features/heldout/background",
    "detect_passes": "detect/oracle/video-duplicated-000.passes",
    "detect_transfer": "detect/transfer",
    "truth": "truth/oracle",
}


REWORDED = "results/small/mitigate/sized-of-2.other.1/flagged-000.prompts.parquet"
SIZES = "results/small/truth/effective-size.parquet"
ASIDE = {"mitigate_reword": "mitigate/sized-of-2.other.1/flagged-000", "effective_size": "truth/effective-size"}


def digests(folder: Path) -> dict[str, str]:
    """Hashes of every table and shard; logs, benchmarks and what the report says of seconds hold times."""
    kept = {".parquet", ".tar", ".mp4", ".csv", ".safetensors"}
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.suffix in kept and path.is_file() and path.stem != "detectors"
    }


def test_two_runs_from_scratch_give_the_same_bytes(audit: Any, make_workflow: Callable[..., Any]) -> None:
    """Though in the second a job of each of these rules is killed -9, and two of the times the head with it.

    Other rules are killed below, in tests/workflow/test_mitigate_audit.py, tests/workflow/test_fetched_model.py and
    tests/faults/test_audit_harmed.py.
    """
    again, killer = make_workflow(CONFIG), Killer(worked(audit, KILLED), with_head=2, seed=7)
    killer.run(again)
    assert not killer.spared()
    first, second = (digests(w.folder / "results" / "small") for w in (audit, again))
    assert len(first) > 200
    assert {k for k in first if first[k] != second.get(k)} == set()
    assert set(first) == set(second)
    summaries = [json.loads((w.folder / "results/small/summary.json").read_text()) for w in (audit, again)]
    for summary in summaries:
        summary.pop("wall_seconds")
    assert summaries[0] == summaries[1]


def test_the_log_of_every_stage_that_takes_long_says_how_far_it_came(audit: Any) -> None:
    ended = re.compile(r"^[^:]+: \d+( of \d+)? in \d+\.\d s$", re.MULTILINE)
    logs = audit.folder / "results" / "small" / "logs"
    texts = {path.relative_to(logs): path.read_text(errors="replace") for path in logs.rglob("*.log")}
    quick = {"truth"}  # one pass over verdicts, no file and no model is opened
    assert {path.parts[0] for path, text in texts.items() if ended.search(text)} == {p.parts[0] for p in texts} - quick
    assert [path for path, text in texts.items() if "\r" in text] == []  # what redraws itself belongs on a terminal


def test_every_table_is_as_its_reference_says(audit: Any) -> None:
    assert differences(audit.folder / "results" / "small") == []


def test_a_second_run_does_nothing(audit: Any) -> None:
    assert audit.planned() == {}


def test_one_branch_needs_no_other_model(audit: Any) -> None:
    jobs = audit.planned("--forceall", "results/small/metrics/oracle.parquet")
    assert jobs["generate"] == 1 and jobs["generate_build"] == 1
    assert "report" not in jobs and "generate_replay" not in jobs


def test_adding_a_model_runs_its_branch_and_the_report_alone(audit: Any) -> None:
    more = copy.deepcopy(CONFIG)
    more["models"]["negative"] = {"kind": "oracle", "support": "unrelated", "prompt_sets": ["control"], "seeds": 1}
    audit.write_config(more)
    try:
        jobs = audit.planned()
    finally:
        audit.write_config(CONFIG)
    once = ("generate_build", "generate", "features_model", "features_null", "retrieve", "retrieve_null")
    detection = ("detect_passes", "detect", "detect_transfer")
    ending = ("metrics_model", *detection, "truth", "report_dataset", "report", "all")
    assert jobs == {rule: 1 for rule in (*once, *ending)}


def test_deleting_a_model_reruns_the_report_alone(audit: Any) -> None:
    fewer = copy.deepcopy(CONFIG)
    del fewer["models"]["planted"]
    audit.write_config(fewer)
    try:
        jobs = audit.planned()
    finally:
        audit.write_config(CONFIG)
    assert jobs == {"report_dataset": 1, "report": 1, "all": 1}


def test_an_edit_to_the_reports_code_reruns_the_report_alone(audit: Any, checkout: Path) -> None:
    page = checkout / "src" / "vidmem" / "report" / "page.py"
    before = page.read_bytes()
    page.write_bytes(before + b"\n# an edit\n")
    try:
        jobs = audit.planned()
    finally:
        page.write_bytes(before)
    assert jobs == {"report": 1, "all": 1}
    assert audit.planned() == {}


def test_oracle_videos_are_found_with_the_right_clip(audit: Any) -> None:
    rows = tables.read_table(audit.folder / "results/small/metrics/oracle.parquet")
    assert len(rows) == 8
    assert rows["content_memorised"].all() and rows["own_first"].all()
    assert set(rows["verdict"]) == {"verbatim"}


def test_replayed_originals_are_found_and_unrelated_clips_are_not(audit: Any) -> None:
    truth = tables.read_table(audit.folder / "results/small/truth/replay.parquet")
    assert truth["content_truth"].sum() == 6
    called = truth.filter(truth["content_truth"])["content_verdict"]
    assert called.sum() >= 5
    assert truth.filter(~truth["content_truth"])["content_verdict"].sum() == 0


def test_signals_are_recorded_for_every_video_and_step(audit: Any) -> None:
    rows = tables.read_table(audit.folder / "results/small/generate/oracle/video-duplicated-000.signals.parquet")
    assert len(rows) == 8 * 6
    assert (rows["status"] == "ok").all() and rows["content_magnitude"].is_finite().all()
    assert set(rows["step"]) == set(range(6))


def test_detectors_are_judged_with_the_passes_that_were_asked_for(audit: Any) -> None:
    folder = audit.folder / "results/small/detect"
    passes = tables.read_table(folder / "oracle/video-duplicated-000.passes.parquet")
    assert passes.group_by("prompt_id").len()["len"].to_list() == [2] * 4
    assert passes.filter(passes["seed"] == 0)["curvature"].is_finite().all()
    rows = tables.read_table(folder / "oracle.parquet")
    assert {"noise_magnitude", "noise_motion", "curvature", "combined", "settled"} <= set(rows["detector"])
    assert rows.filter((rows["detector"] == "curvature") & (rows["seeds"] == 1))["calls"].to_list() == [4] * 3
    transfer = tables.read_table(folder / "transfer.parquet")
    assert set(transfer["fitted_on"]) == set(transfer["applied_to"]) == {"oracle", "planted"}
    assert transfer.filter(transfer["status"] != "ok")["reason"].null_count() == 0


def test_snakemakes_own_report_holds_ours(audit: Any) -> None:
    audit.run("--report", "report.zip")
    with zipfile.ZipFile(audit.folder / "report.zip") as archive:
        names = archive.namelist()
        listed = archive.read("report/report.html").decode()
    assert any(name.endswith("/index.html") for name in names)
    for kept in ("/media/", "/prompts/", "/figures/"):
        assert any(kept in name for name in names), kept
    results, categories = (
        json.JSONDecoder().raw_decode(listed, listed.index(f"    var {name} = {{") + len(f"    var {name} = "))[0]
        for name in ("results", "categories")
    )
    assert set(categories) == {"Report", "Figures", "Tables"}
    found = {category: [name for part in parts.values() for name in part] for category, parts in categories.items()}
    assert {Path(name).name for name in found["Report"]} == {"index.html", "summary.json"}
    for category, label, folder in (("Figures", "figure", "figures/*.svg"), ("Tables", "table", "tables/*.csv")):
        files = {path.stem for path in (audit.folder / "results/small/report").glob(folder)}
        assert {results[name]["labels"][label] for name in found[category]} == files
    assert all("audit small" in results[name]["caption"] for names in found.values() for name in names)


def copied(audit: Any, make_workflow: Callable[..., Any], config: dict[str, Any]) -> Any:
    """The finished audit once more, with another config."""
    again = make_workflow(config, audit.snakefile)
    shutil.copytree(audit.folder / "results", again.folder / "results")
    shutil.copytree(audit.folder / ".snakemake/metadata", again.folder / ".snakemake/metadata")
    return again


def test_killed_while_it_rewords_and_while_it_compares_sizes_the_tables_are_the_same(
    audit: Any, make_workflow: Callable[..., Any]
) -> None:
    """One of the two jobs is killed with the head. Models of two and of four clips are given the verdicts of two others
    of the audit, so that none has to be trained until it memorises.
    """
    more = copy.deepcopy(CONFIG)
    more["models"]["sized"] = {"kind": "planted", "sizes": [2, 4]}
    remedies = {"remedies": {"other": {"kind": "reword"}}, "strengths": {"other": [1]}}
    more["mitigate"] = {"models": ["sized-of-2"], "flagged": 2, "unflagged": 0, **remedies}
    killed = copied(audit, make_workflow, more)
    for size, other in ((2, "oracle"), (4, "replay")):
        metrics = killed.folder / "results/small/metrics"
        shutil.copy2(metrics / f"{other}.parquet", metrics / f"sized-of-{size}.parquet")
    killed.run(REWORDED, SIZES, "--allowed-rules", "mitigate_prompts", *ASIDE)
    found = {name: (killed.folder / name).read_bytes() for name in (REWORDED, SIZES)}
    words, sizes = (tables.read_table(killed.folder / name) for name in (REWORDED, SIZES))
    assert words["text"].n_unique() == 2 and sizes.select("clips", "verdict_share").rows()[0] == (2, 1.0)
    killer = Killer(worked(killed, ASIDE), with_head=1, seed=3)
    killer.run(killed, REWORDED, SIZES, "--allowed-rules", *ASIDE, "--forcerun", *ASIDE)
    assert killer.killed.total() == killer.heads.total() == 1
    assert {name: (killed.folder / name).read_bytes() for name in found} == found


def test_a_killed_run_loses_no_finished_clip(audit: Any, make_workflow: Callable[..., Any]) -> None:
    """kill -9 in the middle of sampling: finished clips stay, and the end is the same as without the kill."""
    killed = copied(audit, make_workflow, CONFIG)
    folder = killed.folder / "results/small/generate/oracle"
    whole = {path.name: path.read_bytes() for path in folder.glob("video-duplicated-000.*")}
    for name in whole:
        (folder / name).unlink()
    target = "results/small/generate/oracle/video-duplicated-000.videos.parquet"
    partial = folder / "video-duplicated-000.partial"
    process = start(killed.command(target), killed.folder)
    deadline = time.monotonic() + 120
    while len(list(partial.glob("*.mp4"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    kill_all(process)
    kept = list(partial.glob("*.mp4"))
    assert len(kept) >= 2, "the run ended before it could be killed"
    subprocess.run([*killed.command(), "--unlock"], cwd=killed.folder, check=True, capture_output=True)
    assert "1 of 1 steps" in killed.run(target).stdout
    log = (killed.folder / "results/small/logs/generate/oracle/video-duplicated-000.log").read_text()
    assert f"{8 - len(kept)} of {8 - len(kept)}" in log
    assert not partial.exists()
    assert {path.name: path.read_bytes() for path in folder.glob("video-duplicated-000.*")} == whole


def test_python_of_the_tests_is_supported() -> None:
    assert (3, 12) <= sys.version_info[:2] <= (3, 13)
