"""A SLURM of this session's own, and the clips that small audits read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, missing
from smallaudit import write_corpus


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
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips, the same for all audits: tables follow its path."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    return folder
