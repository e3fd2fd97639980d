"""Jobs that run at once on one machine take a GPU each, and a job that was killed leaves its own free."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidmem import gpu
from vidmem.gpu import claim

NAMES = ["GPU-a", "GPU-b"]
CHILD = """
import sys, time
from pathlib import Path
from vidmem.gpu import claim
print(claim(sys.argv[2:], Path(sys.argv[1])), flush=True)
time.sleep(600)
"""


class Job:
    """A process that claims a GPU and holds it."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), *NAMES], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.index = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    started = Job(tmp_path)
    yield started
    started.kill()
    assert started.process.stdout is not None
    started.process.stdout.close()


def test_jobs_take_a_gpu_each_and_a_killed_ones_is_free_again(job: Job, tmp_path: Path) -> None:
    assert job.index == 0
    assert claim(NAMES, tmp_path) == 1, "the other one"
    assert claim(NAMES, tmp_path) in (0, 1), "all are taken: one is shared"
    job.kill()
    assert claim(NAMES, tmp_path) == 0


def test_the_only_gpu_that_a_job_sees_is_its_own_without_a_lock(tmp_path: Path) -> None:
    assert claim(NAMES[:1], tmp_path) == claim([], tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "GPU-a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        claim(NAMES, tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_process_keeps_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        uuid = "a"

    monkeypatch.setattr(gpu.torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(gpu.torch.cuda, "get_device_properties", lambda n: Properties)
    asked: list[list[str]] = []
    monkeypatch.setattr(gpu, "claim", lambda names: asked.append(names) or 1)
    gpu.own_gpu.cache_clear()
    assert [gpu.own_gpu(), gpu.own_gpu()] == ["cuda:1", "cuda:1"]
    assert asked == [["a", "a"]]
    gpu.own_gpu.cache_clear()
