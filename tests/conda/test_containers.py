"""Recipes of images: both do what README's first command does, from the same files.

Neither docker nor apptainer can run where the tests do, so no image is built. What the recipes say is read, and what
they copy is tried: `make` and Snakemake must find all that they need in it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from condaaudit import ROOT

DOCKERFILE = (ROOT / "containers" / "Dockerfile").read_text(encoding="utf-8")
DEFINITION = (ROOT / "containers" / "vidmem.def").read_text(encoding="utf-8")
INSIDE = "/opt/vidmem"


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


def section(name: str) -> list[str]:
    text = DEFINITION.split(f"\n%{name}\n")[1].split("\n%")[0]
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def copied() -> set[str]:
    """What the Dockerfile copies, each to its own name in the image."""
    found: set[str] = set()
    for line in instructions("COPY"):
        *sources, target = line.split()
        assert target == "./" or [target] == sources
        found.update(sources)
    return found


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the image, in a folder that stands for its `/opt/vidmem`."""
    folder = tmp_path_factory.mktemp("image")
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(ROOT / name, folder / name)
    return folder


def test_both_recipes_take_the_same_steps_from_the_same_files() -> None:
    assert {line.split()[0]: line.split()[1] for line in section("files")} == {n: f"{INSIDE}/{n}" for n in copied()}
    assert section("post") == [instructions("RUN")[0], f"cd {INSIDE}", *instructions("RUN")[1:]]
    assert f"\nFrom: {instructions('FROM')[0]}\n" in DEFINITION
    (entry,) = instructions("ENTRYPOINT")
    assert section("runscript") == ["exec " + " ".join(json.loads(entry)) + ' "$@"']


def steps(folder: Path, target: str) -> list[str]:
    # the tests are themselves started by a make, which would tell this one its flags and its depth
    plain = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    command = ["make", "--dry-run", target]
    done = subprocess.run(command, cwd=folder, env=plain, text=True, capture_output=True, check=True)
    return done.stdout.splitlines()


def test_the_environment_is_set_up_by_the_steps_of_readmes_first_command(inside: Path) -> None:
    (command,) = re.findall(r"^make \w+(?= +# sets up, runs the default audit)", (ROOT / "README.md").read_text(), re.M)
    (setup,) = [line.removeprefix("make ") for line in instructions("RUN") if line.startswith("make ")]
    set_up, demo = steps(inside, setup), steps(inside, command.removeprefix("make "))
    assert len(set_up) >= 4 and demo[: len(set_up)] == set_up
    assert "snakemake" in demo[len(set_up)], "what comes after it is the audit itself"


def test_what_is_copied_is_enough_to_plan_an_audit_somewhere_else(inside: Path, tmp_path: Path) -> None:
    config = ["--configfile", str(inside / "config" / "config.yaml")]
    commands = tmp_path / "bin"  # those of every Debian; the image has neither git nor a compiler
    commands.mkdir()
    for name in ("bash", "which"):
        (commands / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(inside / "Snakefile"), "--cores", "1", "-n", *config],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
        env={"PATH": str(commands), "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "corpus_make" in done.stdout


def test_images_come_from_where_docker_looks_by_itself_and_no_address_is_written_down() -> None:
    for text in (DOCKERFILE, DEFINITION):
        assert "://" not in text and "index-url" not in text
    (base,) = instructions("FROM")
    assert re.fullmatch(r"python:3\.12-[a-z-]+", base), "no host before the name"
