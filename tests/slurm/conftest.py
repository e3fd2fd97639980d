"""A SLURM of this session's own, and the files that small audits read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, missing
from smallaudit import write_data


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if missing():
        pytest.skip(f"no SLURM here: {', '.join(missing())} missing (Debian: slurm-wlm and munge)")
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # a socket's path may not be long
    running = Cluster(folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus and generated videos, the same for all audits: ids and tables follow the paths."""
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder
