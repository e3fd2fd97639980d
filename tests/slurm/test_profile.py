"""The profile as it is: which jobs of a mixed audit ask for a GPU, where each would go, which go as one array."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from smallaudit import PROFILE, ROOT

from vidmem.plan.resources import ARRAYS

partitions = pytest.importorskip("snakemake_executor_plugin_slurm.partitions")

SETTINGS = yaml.safe_load((PROFILE / "profile.yaml").read_text())
HUB = {"kind": "diffusers", "family": "modelscope", "revision": "0" * 40, "frames": 16, "fps": 8}
CONFIG: dict[str, Any] = {
    "audit": "mixed",
    "corpus": {"kind": "made"},
    "prompts": {"video_duplicated": 4, "random_train": 4, "control": 0},
    "generate": {"chunk_size": 2},
    "features": {"corpus_chunks": 3},
    "detect": {"extra": {"noises": 1}},
    "models": {
        "hub": {**HUB, "source": "a/b", "gpu_memory_gb": 40},
        "other": {**HUB, "source": "c/d", "seeds": 1},
        "on-cpu": {**HUB, "source": "e/f", "device": "cpu"},
        "oracle": {"kind": "oracle"},
        "with-gpus": {"kind": "command", "command": ["sh", "{prompts}", "{outputs}"], "gpus": 2},
        "without": {"kind": "command", "command": ["sh", "{prompts}", "{outputs}"]},
    },
}


@dataclass(frozen=True)
class Planned:
    """A job of a dry run, as far as the plugin looks at it."""

    name: str
    model: str
    threads: int
    resources: dict[str, Any]

    @property
    def gpus(self) -> int:
        return int(self.resources.get("gpu", 0))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> list[Planned]:
    """All jobs of a dry run. Rules lose their messages, in whose stead Snakemake then prints what each job asks for."""
    folder = tmp_path_factory.mktemp("mixed")
    for name in ("workflow", "envs"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("src", "Snakefile", "config"):
        (folder / name).symlink_to(ROOT / name)
    for path in (folder / "workflow" / "rules").glob("*.smk"):
        path.write_text(re.sub(r'^ *message:\n *".*"\n', "", path.read_text(), flags=re.MULTILINE))
    (folder / "mixed.yaml").write_text(yaml.safe_dump(CONFIG))
    command = ["--dry-run", "--snakefile", str(folder / "Snakefile"), "--configfile", "mixed.yaml"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *command, "--workflow-profile", str(PROFILE)],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return [_job(*found) for found in re.findall(r"^(?:local)?rule (\w+):\n((?: .*\n)+)", done.stdout, re.MULTILINE)]


def _job(name: str, body: str) -> Planned:
    values = dict(re.findall(r"(\w+)=([^,\s]+)", re.search(r"resources: (.*)", body).group(1)))  # type: ignore[union-attr]
    model, threads = re.search(r"wildcards: .*model=([^,\s]+)", body), re.search(r"threads: (\d+)", body)
    resources = {key: int(value) for key, value in values.items() if value.isdigit()}
    return Planned(name, model.group(1) if model else "", int(threads.group(1)) if threads else 1, resources)


def test_only_models_on_a_gpu_ask_for_one(planned: list[Planned]) -> None:
    assert len(planned) > 100
    asking = {(job.name, job.model, job.gpus) for job in planned if job.gpus}
    rules = ("generate_gpu", "detect_passes_gpu")
    ours = {(rule, model, 1) for rule in rules for model in ("hub", "other")}
    assert asking == {*ours, ("generate_command", "with-gpus", 2)}
    alone = {(job.name, job.model) for job in planned if job.name in ("generate", "detect_passes")}
    assert alone == {(rule, model) for rule in ("generate", "detect_passes") for model in ("on-cpu", "oracle")}


def test_jobs_without_a_gpu_keep_off_its_partition_and_the_others_go_there(planned: list[Planned]) -> None:
    site = partitions.read_partition_file(PROFILE / "site.yaml")
    log = logging.getLogger("test")
    for job in planned:
        assert partitions.get_best_partition(site, job, log) == ("gpu" if job.gpus else "cpu"), job
    huge = Planned("report", "", 64, {"mem_mb": 10**7, "runtime": 10**5})
    assert partitions.get_best_partition(site, huge, log) == "cpu"  # and there it is refused with the reason


def test_what_goes_as_one_array_asks_for_the_same(planned: list[Planned]) -> None:
    assert SETTINGS["slurm-array-jobs"].split(",") == list(ARRAYS)
    for rule in ARRAYS:
        jobs = [job for job in planned if job.name == rule]
        keys = ("mem_mb", "runtime", "gpu")
        assert len(jobs) > 1 and len({(job.threads, *map(job.resources.get, keys)) for job in jobs}) == 1, rule


def test_every_value_of_the_profile_has_a_reason_beside_it_or_above() -> None:
    lines = (PROFILE / "profile.yaml").read_text().splitlines()
    for above, line in zip(["", *lines], lines, strict=False):
        if not line.startswith("#") and line != "default-resources:":
            assert "#" in line or above.startswith("#"), line


def test_no_job_is_left_behind_while_an_array_waits() -> None:
    assert SETTINGS["jobs"] >= 5000  # what an audit should stay under, and what the plugin's arrays need
