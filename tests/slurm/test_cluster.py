"""A small audit through a real SLURM: the tables of a local run, whatever happens to jobs, nodes and the head."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cluster import Cluster, wait_for
from conftest import SmallAudit

pytestmark = pytest.mark.slow


def digests(audit: SmallAudit) -> dict[str, str]:
    """Hashes of every table and shard; logs and benchmarks hold times."""
    return {
        str(path.relative_to(audit.results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(audit.results.rglob("*"))
        if path.suffix in {".parquet", ".tar", ".csv"} and path.is_file()
    }


@pytest.fixture(scope="module")
def local(data: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    audit = SmallAudit(tmp_path_factory.mktemp("local"), cluster)
    audit.write(data)
    audit.run(audit.locally())
    return digests(audit)


@pytest.fixture
def audit(data: Path, cluster: Cluster, tmp_path: Path) -> SmallAudit:
    made = SmallAudit(tmp_path, cluster, pause_s=1.0)
    made.write(data)
    return made


def started(audit: SmallAudit, *more: str) -> subprocess.Popen[str]:
    """The run in the background, in a process group of its own."""
    return subprocess.Popen(
        audit.submitted(*more),
        cwd=audit.folder,
        env={**audit.cluster.environment, "HF_HUB_OFFLINE": "1"},
        text=True,
        stdout=(audit.folder / "out.txt").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def ended(audit: SmallAudit, process: subprocess.Popen[str]) -> None:
    assert process.wait(400) == 0, (audit.folder / "out.txt").read_text()[-6000:]


def test_tables_are_those_of_a_local_run_and_only_what_asks_for_a_gpu_gets_one(
    audit: SmallAudit, local: dict[str, str]
) -> None:
    audit.run(audit.submitted())
    found = digests(audit)
    assert len(local) > 20
    assert found == local
    assert {(node, gpu) for _, node, gpu in audit.calls} == {("n2", "0")}
    assert "Nothing to be done" in audit.run(audit.submitted()).stdout


def test_a_cancelled_job_is_tried_again(audit: SmallAudit, local: dict[str, str]) -> None:
    process = started(audit)
    wait_for(lambda: audit.calls, 200, "the first video")
    running = [job for job, state, node in audit.cluster.jobs() if state == "RUNNING" and node == "n2"]
    assert running
    audit.cluster.run("scancel", *running)
    ended(audit, process)
    assert digests(audit) == local
    assert len(audit.calls) <= 6 + 1  # finished videos are kept: no more than the one in hand is made twice


def test_a_node_that_goes_down_costs_the_clip_in_hand(audit: SmallAudit, local: dict[str, str]) -> None:
    process = started(audit)
    wait_for(lambda: audit.calls, 200, "the first video")
    audit.cluster.run("scontrol", "update", "nodename=n2", "state=down", "reason=test")
    time.sleep(3)
    audit.cluster.run("scontrol", "update", "nodename=n2", "state=resume")
    ended(audit, process)
    assert digests(audit) == local
    assert len(audit.calls) <= 6 + 1


def test_a_head_that_is_killed_is_started_again(audit: SmallAudit, local: dict[str, str]) -> None:
    process = started(audit)
    wait_for(lambda: audit.calls, 200, "the first video")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    audit.cluster.run("scancel", "--user", "root")
    wait_for(lambda: not audit.cluster.jobs(), 30, "the jobs to end")
    unlock = audit.run([*audit.locally(), "--unlock"])
    assert unlock.returncode == 0
    audit.run(audit.submitted())
    assert digests(audit) == local
    assert len(audit.calls) <= 6 + 1
