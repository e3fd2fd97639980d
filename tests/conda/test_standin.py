"""The stand-in for conda does what it says, and nothing that it does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

from condaaudit import ROOT, Conda

FILE = "channels: [conda-forge]\ndependencies:\n  - python=3.12\n  - pip\n  - pip:\n{pins}"


def create(conda: Conda, folder: Path, *pins: str) -> subprocess.CompletedProcess[str]:
    file = folder / "env.yaml"
    file.write_text(FILE.format(pins="".join(f"      - {pin}\n" for pin in pins)), encoding="utf-8")
    return conda.create(file, folder / "env")


def test_an_environment_holds_its_pins_alone(conda: Conda, tmp_path: Path) -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    made = create(conda, tmp_path, *(line for line in lines if line.startswith(("rich==", "mdurl=="))))
    assert made.returncode == 0, made.stderr
    python = tmp_path / "env" / "bin" / "python"
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], text=True, capture_output=True, check=True
    )
    assert {line.partition("==")[0] for line in listed.stdout.split()} == {"pip", "rich", "mdurl"}
    checked = subprocess.run([python, "-m", "pip", "check"], text=True, capture_output=True, check=False)
    assert checked.returncode != 0 and "rich" in checked.stdout, "what rich brings was not asked for"


def test_a_command_of_a_package_is_run_by_its_own_environment(conda: Conda) -> None:
    command = (conda.environments / "head" / "bin" / "snakemake").read_text(encoding="utf-8")
    assert command.startswith(f"#!{conda.environments}/head/bin/python\n")


def test_a_version_that_is_not_at_hand_is_refused_and_nothing_is_made(conda: Conda, tmp_path: Path) -> None:
    made = create(conda, tmp_path, "rich==0.0.1")
    assert made.returncode != 0 and "rich 0.0.1 is not at hand" in made.stderr
    assert not (tmp_path / "env").exists()


def test_what_it_does_not_know_is_refused(conda: Conda) -> None:
    for arguments in (["install", "numpy"], ["env", "remove"], []):
        done = subprocess.run(
            [conda.commands / "conda", *arguments], text=True, capture_output=True, check=False, env=conda.environ()
        )
        assert done.returncode != 0 and "does not know" in done.stderr
