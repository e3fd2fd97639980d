"""A small audit through a real SLURM: the tables of a local run, whatever happens to jobs, nodes and the head."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cluster import GPU_NODES, Cluster
from smallaudit import SmallAudit

pytestmark = pytest.mark.slow


def digests(audit: SmallAudit) -> dict[str, str]:
    """Hashes of every table and shard; logs and benchmarks hold times."""
    return {
        str(path.relative_to(audit.results)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(audit.results.rglob("*"))
        if path.suffix in {".parquet", ".tar", ".csv"} and path.is_file()
    }


TABLES = [
    f"results/small/features/private/random-train-00{n}.{name}.parquet" for n in (0, 1) for name in ("frames", "flow")
]


@pytest.fixture(scope="module")
def local(data: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> SmallAudit:
    """The audit on this machine, without a cluster."""
    audit = SmallAudit(tmp_path_factory.mktemp("local"), cluster)
    audit.write(data)
    audit.run(audit.locally())
    return audit


@pytest.fixture
def audit(data: Path, cluster: Cluster, tmp_path: Path) -> SmallAudit:
    made = SmallAudit(tmp_path, cluster, pause_s=1.0)
    made.write(data)
    return made


def test_tables_are_those_of_a_local_run_and_only_what_asks_for_a_gpu_gets_one(
    audit: SmallAudit, local: SmallAudit
) -> None:
    audit.run(audit.submitted())
    assert len(digests(local)) > 20
    assert digests(audit) == digests(local)
    jobs = audit.cluster.jobs("all")
    assert {job.state for job in jobs} == {"COMPLETED"}
    asking = {job.rule for job in jobs if job.gpus != "N/A"}
    assert asking == {"generate_command"}
    assert {(job.partition, job.rule in asking) for job in jobs} == {("cpu", False), ("gpu", True)}
    assert {call.node for call in audit.calls} <= set(GPU_NODES) and {call.gpu for call in audit.calls} == {"0"}
    arrays = [job.rule for job in jobs if "_" in job.id]
    assert arrays.count("features_corpus") == 2 and arrays.count("features_model") >= 2
    assert "Nothing to be done" in audit.run(audit.submitted()).stdout
