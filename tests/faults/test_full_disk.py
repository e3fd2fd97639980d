"""A disk that is full in the middle of a file: no half file is left, and with more room the same bytes are written."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidmem import tables
from vidmem.generate.shard import Partial, place

Mounted = Callable[..., None]


def write_vectors(folder: Path) -> Path:
    path = folder / "x.flow.parquet"
    rng = np.random.default_rng(0)
    with tables.table_writer(path, tables.flow_schema(16)) as write:
        for n in range(6):
            columns = {name: [n] * 100 for name in ("index", "time_s", "magnitude")}
            write({"video_id": [f"v{n}"] * 100, **columns, "vector": rng.random((100, 512), np.float32)})
    return path


def write_whole_table(folder: Path) -> Path:
    path = folder / "x.parquet"
    rng = np.random.default_rng(0)
    rows = [{"item_id": rng.bytes(32).hex(), "caption": rng.bytes(400).hex(), "status": "ok"} for _ in range(900)]
    tables.write_table(path, rows, tables.MANIFEST)
    return path


def write_shard(folder: Path) -> Path:
    source, rng = folder.parent / "clips", np.random.default_rng(0)
    source.mkdir(exist_ok=True)
    rows: list[dict[str, Any]] = [{"video_id": f"v{n}", "status": tables.OK} for n in range(8)]
    for row in rows:
        (source / f"{row['video_id']}.mp4").write_bytes(rng.bytes(100_000))
    place(rows, folder / "c.tar", lambda video_id: source / f"{video_id}.mp4")
    return folder / "c.tar"


@pytest.mark.parametrize("write", [write_vectors, write_whole_table, write_shard])
def test_what_does_not_fit_is_not_there(mounted: Mounted, tmp_path: Path, write: Callable[[Path], Path]) -> None:
    disk, elsewhere = tmp_path / "disk", tmp_path / "elsewhere"
    disk.mkdir()
    elsewhere.mkdir()
    mounted(disk, kilobytes=200)
    with pytest.raises(OSError, match="No space left") as error:
        write(disk)
    assert error.value.errno == errno.ENOSPC
    assert list(disk.iterdir()) == []
    mounted(disk, kilobytes=8000)
    assert write(disk).read_bytes() == write(elsewhere).read_bytes()


def test_a_clip_that_did_not_fit_is_made_again(mounted: Mounted, tmp_path: Path) -> None:
    mounted(tmp_path, kilobytes=64)
    partial = Partial(tmp_path / "c.partial")
    partial.write("small", b"x" * 1000, {"n": 1})
    with pytest.raises(OSError, match="No space left"):
        partial.write("large", b"x" * 100_000, {"n": 2})
    again = Partial(tmp_path / "c.partial")
    assert again.read("small") == {"n": 1} and again.read("large") is None


def test_a_job_whose_log_has_no_room_still_says_why_it_failed(mounted: Mounted, tmp_path: Path) -> None:
    mounted(tmp_path, kilobytes=16)
    code = f"""
from pathlib import Path
from vidmem.joblog import log_to
with log_to({str(tmp_path / "job.log")!r}):
    Path({str(tmp_path / "large")!r}).write_bytes(bytes(10**6))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("vidmem: no space is left on the disk. Free some and run the same command again")
    assert done.stderr.count("\n") == 1
