"""What a timing was measured on, what a process used, and rows of a table."""

from __future__ import annotations

import csv
import datetime
import multiprocessing
import os
import platform
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def machine() -> dict[str, str]:
    """Columns `date` and `machine`: cores, the processor's name, and how many threads the products may use."""
    names = [line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {processor}, {threads} thread(s)",
    }


def cpu_seconds() -> float:
    """Processor seconds of this process so far, and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_bytes(who: int = resource.RUSAGE_SELF) -> int:
    """The most memory that this process had so far; `resource.RUSAGE_CHILDREN`: the largest of those that ended."""
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table of measurements."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call in a process of its own, whose peak memory is then the call's.

    Who starts others has to stay small: their peak begins at its own.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def beside_earlier(path: Path, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Mapping[str, Any]]:
    """The rows, and those of an earlier run that have other values of `keys` (sizes and what was measured), so that a
    small size is measured without a large one; things in the order in which they came first, sizes ascending."""
    earlier: list[dict[str, str]] = rows_of(path) if path.is_file() else []
    found = {tuple(str(row[key]) for key in keys): row for row in (*earlier, *rows)}
    first = {value: n for n, value in enumerate(dict.fromkeys(value for names in found for value in names))}
    order = sorted(found, key=lambda names: [int(v) if v.isdigit() else first[v] for v in names])
    return [found[names] for names in order]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows of one set of columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
