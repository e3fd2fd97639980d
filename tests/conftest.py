"""What all tests share: runs of the real workflow in folders of their own, and how environments are pinned.

Property tests have no deadline, since the machine may be busy with other things.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import settings

settings.register_profile("vidmem", deadline=None)
settings.load_profile("vidmem")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def pin() -> ModuleType:
    """The script that writes the environments, `envs/pin.py`."""
    spec = importlib.util.spec_from_file_location("pin", ROOT / "envs" / "pin.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Workflow:
    """A folder to run in, with a config of its own."""

    folder: Path
    config: Path
    snakefile: Path = ROOT / "Snakefile"

    def write_config(self, config: Mapping[str, Any]) -> None:
        self.config.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        base = [sys.executable, "-m", "snakemake", "--snakefile", str(self.snakefile)]
        where = ["--directory", str(self.folder), "--configfile", str(self.config), "--cores", "2"]
        return [*base, *where, *arguments]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs by rule that a run would start now."""
        text = self.run("--dry-run", *arguments).stdout
        if "Nothing to be done" in text:
            return {}
        table = text.split("Job stats:")[-1].splitlines()
        rows = [line.split() for line in table[1:] if len(line.split()) == 2 and line.split()[1].isdigit()]
        jobs: dict[str, int] = {}
        for rule, count in rows:
            if rule == "total":
                break
            jobs[rule] = int(count)
        return jobs


@pytest.fixture(scope="module")
def four_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four clips with captions, two of which are the same."""
    from mediafiles import write_four_clips

    return write_four_clips(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def make_workflow(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Workflow]:
    def make(config: Mapping[str, Any], snakefile: Path = ROOT / "Snakefile") -> Workflow:
        folder = tmp_path_factory.mktemp("audit")
        workflow = Workflow(folder, folder / "config.yaml", snakefile)
        workflow.write_config(config)
        return workflow

    return make
