"""A user's conda, and audits that are run with `--use-conda`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Conda:
    """The commands, and the folder that environments lie in: `head`, and under `rules` those that Snakemake makes."""

    commands: Path
    environments: Path

    def environ(self, *paths: Path) -> dict[str, str]:
        """The user's shell: `paths` and conda first on the PATH, nothing that leads to another environment."""
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        path = os.pathsep.join([*map(str, paths), str(self.commands), kept["PATH"]])
        return {**kept, "PATH": path, "HF_HUB_OFFLINE": "1"}

    def create(self, file: Path, prefix: Path) -> subprocess.CompletedProcess[str]:
        command = ["conda", "env", "create", "--file", str(file), "--prefix", str(prefix)]
        return subprocess.run(command, env=self.environ(), check=False, text=True, capture_output=True)

    def of_rules(self, file: Path) -> Path:
        """The environment that Snakemake made from `file`; it keeps a copy of the file beside it."""
        copies = [p for p in (self.environments / "rules").glob("*.yaml") if p.read_bytes() == file.read_bytes()]
        assert len(copies) == 1, f"{len(copies)} environments made from {file.name}"
        return copies[0].with_suffix("")


@dataclass(frozen=True)
class CondaAudit:
    """An audit in a folder of its own, run by the Snakemake of the environment `head`."""

    folder: Path
    conda: Conda
    snakefile: Path = ROOT / "Snakefile"

    @property
    def results(self) -> Path:
        return self.folder / "results" / "apart"

    def write_config(self, config: Mapping[str, Any]) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`snakemake --cores 2 --use-conda`, as a user types it where the environment `head` is active."""
        what = ["--snakefile", str(self.snakefile), "--configfile", "config.yaml"]
        where = ["--conda-prefix", str(self.conda.environments / "rules")]
        return subprocess.run(
            ["snakemake", "--cores", "2", "--use-conda", *what, *where, *arguments],
            cwd=self.folder,
            env=self.conda.environ(self.conda.environments / "head" / "bin"),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
