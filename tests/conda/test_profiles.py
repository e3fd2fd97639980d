"""Profiles: a reason at every value, and what they let run at once."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from condaaudit import ROOT

PROFILES = sorted((ROOT / "profiles").glob("*/*.yaml"))
# Each job says how many run beside it, and how much it was granted. MEET: as many as must once be there.
SNAKEFILE = """
rule all:
    input: expand("{n}.done", n=range(6))

rule sample:
    output: "{n}.done"
    resources: gpu=1, mem_mb=16000
    shell:
        '''
        mkdir -p at-once && touch at-once/{wildcards.n}
        for _ in $(seq 1200); do
            [ "$(ls at-once | wc -l)" -ge MEET ] && touch met
            [ -e met ] && break || sleep .05
        done
        sleep .1
        echo $(ls at-once | wc -l) {resources.mem_mb} > {output}
        rm at-once/{wildcards.n}
        '''
"""


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: "/".join(p.parts[-2:]))
def test_every_value_has_its_reason_beside_it(path: Path) -> None:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert lines[0].startswith("#"), "what the file is for"
    for above, line in pairwise(lines):
        if not line.startswith("#") and not line.endswith(":"):
            value, _, reason = line.partition(" # ")
            assert len(reason) > 10 or above.startswith("#"), f"{value}: why?"


@pytest.mark.parametrize(("name", "at_once", "granted_mb"), [("cpu", 1, 14000), ("gpus", 4, 16000)])
def test_jobs_that_ask_for_a_gpu_run_as_many_at_once_as_there_are(
    tmp_path: Path, name: str, at_once: int, granted_mb: int
) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("MEET", str(at_once)), encoding="utf-8")
    profile = ROOT / "profiles" / name
    command = [sys.executable, "-m", "snakemake", "--profile", str(profile), "--cores", "8"]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [path.read_text().split() for path in sorted(tmp_path.glob("*.done"))]
    assert len(told) == 6
    assert max(int(running) for running, _ in told) == at_once
    assert {int(memory) for _, memory in told} == {granted_mb}


@pytest.mark.parametrize("name", ["cpu", "gpus"])
def test_a_profile_leaves_to_the_default_one_what_is_everywhere_the_same(name: str) -> None:
    ours, default = (
        yaml.safe_load((ROOT / "profiles" / n / "profile.yaml").read_text(encoding="utf-8")) for n in (name, "default")
    )
    assert set(ours) == {"cores", "resources"} and not set(ours) & set(default)
