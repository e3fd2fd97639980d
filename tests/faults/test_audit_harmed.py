"""Audits that are harmed: killed, run twice at once, on full and on read-only disks, by clocks that are wrong."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from killing import Killer, kill_all, start, worked

from vidmem import tables
from vidmem.media import write_video

pytestmark = pytest.mark.slow

HOSTILE = (
    '=HYPERLINK("http://127.0.0.1/?"&A1,"more")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)*<img src=x onerror=alert(1)>",
    "-2+3</script><script>alert(2)</script>{{7*7}}",
    "\t=1+1",
    '\';alert(3)//"><svg onload=alert(4)><a href="javascript:alert(5)">{{7*7}}${7*7}',
)
ASKED = ("all", "results/harmed/duplicates/corpus.parquet", "results/harmed/prompts/export")
YEAR_S = 365 * 86400.0


def clip(rng: np.random.Generator) -> np.ndarray:
    return np.kron(rng.integers(0, 255, (12, 8, 8, 3), np.uint8), np.ones((1, 8, 8, 1), np.uint8))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """An audit of six clips with hostile captions and three videos, one of them from next year."""
    rng, root = np.random.default_rng(5), tmp_path_factory.mktemp("media")
    clips = [clip(rng) for _ in HOSTILE]
    for n, frames in enumerate(clips):
        write_video(root / "corpus" / f"{n}.mp4", frames, fps=8)
    for n, frames in enumerate([clips[0], clips[3], clip(rng)]):
        write_video(root / "generated" / f"{n}.mp4", frames, fps=8)
    for path, rows in {
        root / "corpus/captions.csv": [("path", "caption"), *((f"{n}.mp4", text) for n, text in enumerate(HOSTILE))],
        root / "prompts.csv": [("path", "prompt"), *((f"{n}.mp4", HOSTILE[k]) for n, k in enumerate((0, 3, 5)))],
    }.items():
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    ahead = time.time() + YEAR_S
    for name in ("corpus/1.mp4", "corpus/captions.csv", "generated/2.mp4"):
        os.utime(root / name, (ahead, ahead))
    return {
        "audit": "harmed",
        "corpus": {"folder": str(root / "corpus")},
        "prompts": {"evidence": ["caption"]},
        "retrieve": {"index": "fp16"},
        "models": {
            "theirs": {"kind": "videos", "folder": str(root / "generated"), "prompts": str(root / "prompts.csv")}
        },
    }


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], config: dict[str, Any]) -> Any:
    """The audit undisturbed."""
    workflow = make_workflow(config)
    workflow.run(*ASKED)
    return workflow


@pytest.fixture
def copied(audit: Any, tmp_path: Path) -> Any:
    """The finished audit once more, to be harmed."""
    folder = tmp_path / "audit"
    shutil.copytree(audit.folder / "results", folder / "results")
    shutil.copytree(audit.folder / ".snakemake/metadata", folder / ".snakemake/metadata")
    shutil.copy2(audit.config, folder / "config.yaml")
    return replace(audit, folder=folder, config=folder / "config.yaml")


def digests(workflow: Any) -> dict[str, str]:
    """Hashes of all tables of an audit."""
    root = workflow.folder / "results"
    found = [path for path in sorted(root.rglob("*")) if path.suffix in {".parquet", ".csv", ".tex"}]
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def message(done: subprocess.CompletedProcess[str]) -> str:
    """The line that the project itself says on the terminal."""
    assert done.returncode == 1, done.stdout[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("vidmem: ")]
    assert len(lines) == 1, done.stdout[-3000:]
    return lines[0]


# ---- kill -9


def test_killed_in_every_rule_it_ends_in_the_tables_of_an_undisturbed_run(
    audit: Any, make_workflow: Callable[..., Any], config: dict[str, Any]
) -> None:
    """The job of every rule at a random moment; and some of the times the head with all its jobs.

    Rules of models that are made or sampled here are killed in tests/workflow/test_made_audit.py.
    """
    workflow, killer = make_workflow(config), Killer(worked(audit, BENCHMARKS), with_head=3, seed=11)
    killer.run(workflow, *ASKED)
    assert killer.killed.total() + killer.heads.total() >= len(BENCHMARKS) and killer.heads.total() == 3, vars(killer)
    assert digests(workflow) == digests(audit)
    left = [path for path in (workflow.folder / "results").rglob(".*") if path.name != ".snakemake_timestamp"]
    assert left == [], "what killed jobs left aside is gone"


BENCHMARKS = {  # of a script's job, and so of its rule's
    "corpus_list": "corpus/corpus/listing",
    "corpus_probe": "corpus/corpus/items-000",
    "corpus_manifest": "corpus/corpus",
    "duplicates": "duplicates/corpus",
    "prompts": "prompts/prompts",
    "generate_folder": "generate/theirs/videos-000",
    "features_corpus": "features/corpus/items-000",
    "features_model": "features/theirs/videos-000",
    "features_null": "features/theirs/null",
    "retrieve": "retrieve/theirs",
    "retrieve_null": "retrieve/theirs.null",
    "metrics_model": "metrics/theirs",
    "detect": "detect/theirs",
    "retrieve_index": "retrieve/corpus/items-000",
    "prompts_export": "prompts/export",
    "report": "report/report",
    "report_dataset": "report/dataset",
}


# ---- what was written is changed


def test_a_damaged_table_is_named_on_the_terminal_and_made_anew_once_it_is_deleted(audit: Any, copied: Any) -> None:
    name = "results/harmed/features/theirs/videos-000.frames.parquet"
    table, target = copied.folder / name, "results/harmed/retrieve/theirs.parquet"
    data, before = bytearray(table.read_bytes()), table.stat()
    data[len(data) // 2] ^= 16
    table.write_bytes(data)
    os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))
    (copied.folder / target).unlink()
    said = message(copied.run(target, check=False))
    assert said.startswith(f"vidmem: {name} is not as it was written (")
    assert "Delete it and run the same command again" in said
    assert not (copied.folder / target).exists()
    table.unlink()
    copied.run(target)
    assert digests(copied) == digests(audit)


# ---- disks


def test_a_full_disk_is_said_and_with_more_room_the_run_goes_on(audit: Any, copied: Any, mounted: Any) -> None:
    folder, target = (
        copied.folder / "results/harmed/features",
        "results/harmed/features/theirs/videos-000.frames.parquet",
    )
    shutil.rmtree(folder)
    folder.mkdir()
    mounted(folder, kilobytes=40)
    said = message(copied.run(target, check=False))
    assert "no space is left on the disk. Free some and run the same command again" in said
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    mounted(folder, kilobytes=8000)
    copied.run(target)
    for path in sorted((folder / "theirs").iterdir()):
        assert path.read_bytes() == (audit.folder / path.relative_to(copied.folder)).read_bytes()


def test_results_that_cannot_be_written_to_are_named_before_a_job_starts(copied: Any, mounted: Any) -> None:
    (copied.folder / "results/harmed/detect/theirs.parquet").unlink()
    mounted(copied.folder / "results")
    said = message(copied.run("results/harmed/detect/theirs.parquet", check=False))
    assert said.startswith(f"vidmem: {copied.folder}/results/harmed can't be written to")
    assert copied.planned("results/harmed/detect/theirs.parquet") == {"detect": 1}  # to ask is allowed


# ---- two at once


def test_a_second_run_in_the_folder_is_told_of_the_first_and_harms_nothing(audit: Any, copied: Any) -> None:
    shutil.rmtree(copied.folder / "results/harmed/detect")
    target = "results/harmed/detect/theirs.parquet"
    first = start(copied.command(target), copied.folder)
    try:
        locks = copied.folder / ".snakemake/locks"
        while not (locks.is_dir() and any(locks.iterdir())):
            assert first.poll() is None
            time.sleep(0.01)
        os.killpg(first.pid, signal.SIGSTOP)  # it is in the middle of its work until the second is done
        second = copied.run(target, check=False)
        os.killpg(first.pid, signal.SIGCONT)
        assert second.returncode == 1
        assert "Directory cannot be locked" in second.stdout and "--unlock" in second.stdout
        assert first.wait(300) == 0
    finally:
        if first.poll() is None:
            kill_all(first)
    assert digests(copied) == digests(audit)


# ---- clocks


def test_files_of_next_year_are_audited_once_and_not_again(audit: Any) -> None:
    """The corpus and the videos hold files whose times lie ahead."""
    assert audit.planned() == {}


def test_results_of_next_year_are_settled_by_touch(audit: Any, copied: Any) -> None:
    """A machine whose clock is ahead wrote them. Of files under a megabyte the contents count, and not the times; what
    follows a large one would be made again at every run until then.
    """
    ahead = time.time() + YEAR_S
    os.utime(copied.folder / "results/harmed/features/corpus/items-000.frames.parquet", (ahead, ahead))
    assert copied.planned() == {}
    large = ("--max-checksum-file-size", "1000")  # so small that this one is large
    assert "retrieve" in copied.planned(*large)
    copied.run("--touch", "--forceall", *large)
    assert copied.planned(*large) == {}
    assert digests(copied) == digests(audit)


# ---- captions


def test_hostile_captions_reach_the_tables_as_they_are(audit: Any) -> None:
    manifest = tables.read_table(audit.folder / "results/harmed/corpus/corpus.parquet")
    assert set(manifest["caption"]) == set(HOSTILE)


def test_no_caption_becomes_a_formula_in_a_spreadsheet(audit: Any) -> None:
    cells: list[str] = []
    for path in sorted((audit.folder / "results/harmed/report").rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            cells += [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r")]
    assert not [cell for cell in cells if cell.startswith("-") and not is_number(cell)]
    assert any(cell.startswith("'=HYPERLINK") for cell in cells), "the captions did not get there"


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_no_caption_becomes_part_of_the_page(audit: Any) -> None:
    page = (audit.folder / "results/harmed/report/index.html").read_text(encoding="utf-8")
    soup = BeautifulSoup(page, "html.parser")
    shown = soup.get_text()
    assert "alert(2)" in shown and "HYPERLINK" in shown, "the captions did not get there"
    assert "{{7*7}}" in shown and "$49" not in shown
    assert not soup.find_all(["iframe", "object", "embed"])
    for tag in soup.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on")], tag
        assert not str(tag.get("href", "")).lower().startswith("javascript:")
        assert tag.name != "img" or tag.get("src") != "x"
    assert not [script for script in soup.find_all("script") if "alert(" in script.get_text()]
