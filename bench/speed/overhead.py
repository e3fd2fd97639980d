"""What does the workflow itself cost? Reads the benchmark files of a finished audit that nothing else ran beside:

    snakemake --cores 2 --forceall && python bench/speed/overhead.py results/demo --cores 2 --out bench/speed

Writes overhead.csv. Each job's file says how long it took, and was written when it ended: so it is known which jobs
ran at every moment.

- `idle_s`: core-seconds in which fewer jobs ran than there are cores: nothing was ready, or Snakemake was choosing;
  `lost` is their share of all. `longest_alone` names the jobs that ran alone longest, `no_job_s` is time without a job.
- `start_s`: of the jobs' own time, what Python and the imports take before a stage begins, at `--start` seconds a job
  (`python -c "import snakemake.script, vidmem.features"`): what fewer and larger jobs would spare.

Snakemake's own count of a job's processor time is not used: it is taken every half minute, and misses what comes after.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from machine import machine, write_csv


@dataclass(frozen=True)
class Job:
    """Start and end in seconds of the clock."""

    name: str
    start: float
    end: float


def jobs_of(results: Path) -> list[Job]:
    """The jobs of a finished audit, by their start. Raises `ValueError` where there are none."""
    folder, found = results / "benchmarks", []
    for path in sorted(folder.rglob("*.tsv")):
        with path.open(newline="", encoding="utf-8") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        end, seconds = path.stat().st_mtime, float(row["s"])
        found.append(Job(str(path.relative_to(folder).with_suffix("")), end - seconds, end))
    if not found:
        raise ValueError(f"{folder}: no benchmark files")
    return sorted(found, key=lambda job: job.start)


def stretches(jobs: list[Job]) -> list[tuple[float, list[Job]]]:
    """Stretches of time between two events, seconds, with the jobs that run in each."""
    events = sorted({t for job in jobs for t in (job.start, job.end)})
    return [(end - start, [j for j in jobs if j.start <= start and j.end >= end]) for start, end in pairwise(events)]


def alone(found: list[tuple[float, list[Job]]]) -> dict[str, float]:
    """Seconds that each job ran alone; '' for the time when none ran."""
    seconds: dict[str, float] = {}
    for length, running in found:
        if len(running) < 2:
            name = running[0].name if running else ""
            seconds[name] = seconds.get(name, 0.0) + length
    return seconds


def account(jobs: list[Job], cores: int, start_s: float) -> dict[str, Any]:
    """The row of the table."""
    found = stretches(jobs)
    wall = sum(length for length, _ in found)
    idle = sum(length * max(cores - len(running), 0) for length, running in found)
    total = wall * cores
    by_name = alone(found)
    worst = sorted((name for name in by_name if name), key=lambda name: -by_name[name])[:3]
    return {
        "jobs": len(jobs),
        "cores": cores,
        "wall_s": round(wall, 1),
        "jobs_s": round(sum(job.end - job.start for job in jobs), 1),
        "idle_s": round(idle, 1),
        "no_job_s": round(by_name.get("", 0.0), 1),
        "lost": round(idle / total, 3),
        "start_s": round(start_s * len(jobs), 1),
        "start_share": round(start_s * len(jobs) / total, 3),
        "longest_alone": "; ".join(f"{name} {by_name[name]:.0f} s" for name in worst),
        **machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="results/<audit>")
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--start", type=float, default=0.9, help="processor seconds before a job's stage begins")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    row = account(jobs_of(options.results), options.cores, options.start)
    for key, value in row.items():
        print(f"{key}: {value}")
    write_csv(options.out / "overhead.csv", [row])


if __name__ == "__main__":
    main()
