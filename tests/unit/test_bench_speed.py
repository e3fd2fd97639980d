"""The benchmarks' own reckoning, and that the one for a GPU runs: at tiny shapes on the CPU, which times nothing."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "bench"


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a benchmark by its path, with this interpreter."""
    command = [sys.executable, str(BENCH / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=240)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_benchmark_for_gpus_runs_every_workload(tmp_path: Path) -> None:
    done = script("gpu/throughput.py", "--device", "cpu", "--steps", "1", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = rows(tmp_path / "throughput.csv")
    assert [row["workload"] for row in found] == [
        "denoise ModelScope", "recorder ModelScope", "denoise Wan 2.1", "recorder Wan 2.1", "raft_small", "raft_large",
        "sscd", "features", "features, network alone",
    ]  # fmt: skip
    assert all(float(row["per_s"] or row["ratio"]) > 0 for row in found)
    assert {row["device"] for row in found} == {"cpu, tiny shapes"}
    for row in found[0], found[2]:
        assert float(row["seconds_a_video"]) == pytest.approx(50 / float(row["per_s"]), rel=0.01)


def test_idle_cores_are_reckoned_from_the_ends_of_jobs(tmp_path: Path) -> None:
    """Ten seconds alone, then two jobs of ten side by side, then nothing for five, then ten alone."""
    jobs = {"a": (10.0, 10.0), "b": (20.0, 10.0), "c": (20.0, 10.0), "d": (35.0, 10.0)}
    for name, (end, seconds) in jobs.items():
        path = tmp_path / "demo" / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tcpu_time\n{seconds}\t1\n", encoding="utf-8")
        os.utime(path, (1e9 + end, 1e9 + end))
    done = script("speed/overhead.py", str(tmp_path / "demo"), "--cores", "2", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (row,) = rows(tmp_path / "overhead.csv")
    assert (row["jobs"], row["wall_s"], row["jobs_s"], row["no_job_s"]) == ("4", "35.0", "40.0", "5.0")
    assert float(row["idle_s"]) == 30 and float(row["lost"]) == pytest.approx(30 / 70, abs=1e-3)
    assert row["longest_alone"] == "a 10 s; d 10 s"


def test_the_page_on_performance_shows_what_the_tables_say(tmp_path: Path) -> None:
    done = script("speed/extrapolate.py", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    said = {row["stage"]: row for row in rows(BENCH / "speed" / "extrapolation.csv")}
    for row in rows(tmp_path / "extrapolation.csv"):
        assert row == said[row["stage"]]


def test_the_page_on_performance_shows_how_every_stage_grows_at_three_sizes_or_more() -> None:
    done = script("speed/memory.py")
    assert done.returncode == 0, done.stderr
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    growth, demo = done.stdout.strip().split("\n\n")
    assert growth in page and demo in page
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in growth.splitlines()[2:]]
    for stage, sizes, _, memory, _ in lines:
        assert sizes.count(", ") >= 2, stage
        largest = max(int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", memory.split(" MB")[0]))
        assert ("over 4 GiB" in memory) == (largest > 4295), stage
    assert [line[0] for line in lines if "over 4 GiB" in line[3]] == ["duplicates: captions"]
    assert all(int(row["peak_rss_mb"]) < 4295 for row in rows(BENCH / "speed" / "memory_demo.csv"))


def test_the_largest_job_of_every_stage_of_an_audit_is_read_from_its_benchmarks(tmp_path: Path) -> None:
    for name, peaks in {
        "corpus/make": [10, 30],
        "corpus/items-000": [20],
        "report/report": [7],
        "truth/p": ["NA"],
    }.items():
        path = tmp_path / "demo" / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("s\tmax_rss\n" + "".join(f"1\t{peak}\n" for peak in peaks), encoding="utf-8")
    found = script("speed/memory.py", "--results", str(tmp_path / "demo"), "--out", str(tmp_path))
    assert found.returncode == 0, found.stderr
    said = [
        (row["stage"], row["jobs"], row["peak_rss_mb"], row["largest"]) for row in rows(tmp_path / "memory_demo.csv")
    ]
    assert said == [("corpus", "3", "31", "corpus/make"), ("report", "1", "7", "report/report")]


def test_sizes_that_are_measured_stand_beside_those_of_an_earlier_run(tmp_path: Path) -> None:
    """Only the rows of the same thing and size give way."""
    sys.path.insert(0, str(BENCH / "speed"))
    try:
        from machine import beside_earlier, write_csv
    finally:
        sys.path.pop(0)
    path = tmp_path / "t.csv"
    write_csv(path, [{"what": what, "rows": n, "cpu_s": 1.0} for what in ("b", "a") for n in (100, 2000)])
    new = [{"what": "a", "rows": 2000, "cpu_s": 2.0}, {"what": "b", "rows": 30, "cpu_s": 3.0}]
    write_csv(path, beside_earlier(path, new, ("what", "rows")))
    assert [tuple(row.values()) for row in rows(path)] == [
        ("b", "30", "3.0"), ("b", "100", "1.0"), ("b", "2000", "1.0"), ("a", "100", "1.0"), ("a", "2000", "2.0"),
    ]  # fmt: skip
