"""A small audit through a real SLURM: the tables of a local run, whatever happens to jobs, nodes and the head.

The command model notes every video that it begins, so that what is done twice is counted.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml
from cluster import GPU_NODES, Cluster, wait_for
from smallaudit import PROFILE, VIDEOS, SmallAudit

pytestmark = pytest.mark.slow
SHARDS = [f"results/small/generate/private/random-train-00{n}.tar" for n in (0, 1)]


def digests(audit: SmallAudit) -> dict[str, str]:
    """Hashes of every table and shard; logs and benchmarks hold times."""
    return {
        str(path.relative_to(audit.results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(audit.results.rglob("*"))
        if path.suffix in {".parquet", ".tar", ".csv"} and path.is_file()
    }


@pytest.fixture(scope="module")
def local(corpus: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> SmallAudit:
    """The audit on this machine, without a cluster."""
    audit = SmallAudit(tmp_path_factory.mktemp("local"), cluster)
    audit.write(corpus)
    audit.run(audit.locally())
    return audit


def shards(audit: SmallAudit) -> dict[str, str]:
    """Hashes of the shards and tables of the videos that the command makes."""
    return {name: digest for name, digest in digests(audit).items() if name.startswith("generate/private/")}


def started(audit: SmallAudit, *targets: str) -> subprocess.Popen[str]:
    """The run in the background, in a process group of its own."""
    return subprocess.Popen(
        audit.submitted(*targets),
        cwd=audit.folder,
        env=audit.environment,
        text=True,
        stdout=(audit.folder / "out.txt").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def ended(audit: SmallAudit, process: subprocess.Popen[str]) -> None:
    assert process.wait(400) == 0, audit.said[-6000:]


@pytest.fixture
def half(local: SmallAudit, corpus: Path, tmp_path: Path) -> SmallAudit:
    """The audit, done but for the videos that the command makes, which takes its time over them now."""
    shutil.copytree(local.folder, tmp_path / "half")
    audit = SmallAudit(tmp_path / "half", local.cluster, pause_s=1.0, check_s=11)
    audit.write(corpus)
    (audit.folder / "calls.txt").unlink()
    shutil.rmtree(audit.results / "generate" / "private")
    return audit


def test_tables_are_those_of_a_local_run_and_only_what_asks_for_a_gpu_gets_one(
    local: SmallAudit, corpus: Path, tmp_path: Path
) -> None:
    audit = SmallAudit(tmp_path, local.cluster)
    audit.write(corpus)
    audit.run(audit.submitted())
    assert len(digests(local)) > 20
    assert digests(audit) == digests(local)
    jobs = audit.cluster.jobs()
    assert {job.state for job in jobs} == {"COMPLETED"}
    assert {job.rule for job in jobs if job.asks_for_gpu} == {"generate_command"}
    assert {(job.shown["Partition"], job.asks_for_gpu) for job in jobs} == {("cpu", False), ("gpu", True)}
    assert {call.node for call in audit.calls} <= set(GPU_NODES) and {call.gpu for call in audit.calls} == {"0"}
    array = [job for job in jobs if job.in_array and job.rule == "features_corpus"]
    assert len(array) == 2
    limit = yaml.safe_load((PROFILE / "profile.yaml").read_text())["slurm-array-limit"]
    script = audit.cluster.run("scontrol", "write", "batch_script", array[0].id, "-")
    [others] = re.findall(r"array-execs=(\S+)", script)
    assert 1.5 * len(others) * limit < 128 * 1024  # the most that an argument may hold, with room for longer paths
    assert "Nothing to be done" in audit.run(audit.submitted()).stdout


def test_a_cancelled_job_is_tried_again(half: SmallAudit, local: SmallAudit) -> None:
    process = started(half, *SHARDS)
    wait_for(lambda: half.calls, 200, "the first video")
    node = half.calls[0].node
    [job] = [job for job in half.cluster.running() if job.node == node]
    half.cluster.run("scancel", job.id)
    ended(half, process)
    assert shards(half) == shards(local)
    assert "SLURM status is: 'CANCELLED'" in half.said
    assert VIDEOS <= len(half.calls) <= VIDEOS + 1  # finished videos are kept


def test_a_job_of_a_node_that_goes_down_is_queued_again_and_ends_on_another(
    half: SmallAudit, local: SmallAudit
) -> None:
    process = started(half, *SHARDS)
    wait_for(lambda: half.calls, 200, "the first video")
    node = half.calls[0].node
    [job] = [job for job in half.cluster.running() if job.node == node]
    half.cluster.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    try:
        ended(half, process)
    finally:
        half.cluster.run("scontrol", "update", f"nodename={node}", "state=resume")
    assert shards(half) == shards(local)
    [again] = [found for found in half.cluster.jobs() if found.id == job.id]
    assert (again.state, again.shown["Restarts"], again.rule) == ("COMPLETED", "1", "generate_command")
    assert again.node != node and VIDEOS <= len(half.calls) <= VIDEOS + 1


def test_a_job_over_its_memory_is_tried_again_with_more(half: SmallAudit, local: SmallAudit, corpus: Path) -> None:
    hungry = SmallAudit(half.folder, half.cluster, pause_s=2.0, hold_mb=1000, check_s=11)
    hungry.write(corpus, memory_mb=1200)
    before = {job.id for job in hungry.cluster.jobs()}
    hungry.run(hungry.submitted(*SHARDS))
    assert shards(hungry) == shards(local)
    found = [(job.shown["MinMemoryNode"], job.state) for job in hungry.cluster.jobs() if job.id not in before]
    assert sorted(found) == [("1200M", "FAILED")] * 2 + [("2400M", "COMPLETED")] * 2
    assert len(hungry.calls) <= VIDEOS + 2  # one in the hand of each


def test_a_head_that_is_killed_is_started_again_after_its_jobs(half: SmallAudit, local: SmallAudit) -> None:
    """One of the two jobs that it leaves behind ends by itself, and its videos count; the other is cancelled."""
    process = started(half, *SHARDS)
    wait_for(lambda: len({call.node for call in half.calls}) == 2, 200, "both jobs to begin a video")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    cancelled, _ = half.cluster.running()
    half.cluster.run("scancel", cancelled.id)
    wait_for(lambda: not half.cluster.running(), 100, "the jobs to end")
    half.run([*half.locally(), "--unlock"])
    again = half.run(half.submitted(*SHARDS))
    assert len(re.findall("has been submitted", again.stdout)) == 1
    assert shards(half) == shards(local)
    assert len(half.calls) <= VIDEOS + 1
