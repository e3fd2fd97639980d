"""The command itself: its help, completion, exit codes, and how it is installed."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import vidmem
from vidmem.cli.app import app

ROOT = Path(__file__).parents[2]
COMMANDS = ["init", "check", "compare", "search", "open"]


def test_help_names_every_command_and_exit_code() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    for word in (*COMMANDS, "Exit codes", "--install-completion"):
        assert word in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_explains_every_option(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], terminal_width=200)
    assert done.exit_code == 0
    found = next(c for c in app.registered_commands if (c.name or c.callback.__name__) == command)  # type: ignore[union-attr]
    assert found.callback is not None and len((found.callback.__doc__ or "").split()) > 8
    assert "Example:" in done.stdout or "Exit code" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--version"], 0), (["compair"], 2), (["compare", "one.mp4"], 2), (["open", "x", "--port", "-1"], 2), ([], 2)],
)
def test_the_command_line_itself_ends_with_its_code(arguments: list[str], code: int) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code
    if arguments == ["--version"]:
        assert done.stdout == f"vidmem {vidmem.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str) -> None:
    asked = {"_VIDMEM_COMPLETE": f"complete_{shell}", "COMP_WORDS": "vidmem se", "COMP_CWORD": "1"}
    asked |= {"_TYPER_COMPLETE_ARGS": "vidmem se", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-m", "vidmem.cli"], text=True, capture_output=True, env={**os.environ, **asked}, check=False
    )
    assert "search" in done.stdout and "compare" not in done.stdout, done.stderr


def test_names_of_presets_and_models_are_completed(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    for name in ("planted", "planted.amg.1", "oracle"):  # one is a branch under a remedy
        (tmp_path / "metrics" / f"{name}.parquet").touch()
    for words, found in (
        (f"vidmem search {tmp_path} q.mp4 --model pl", "planted"),
        ("vidmem init --model la", "latte-1"),
    ):
        asked = {"_VIDMEM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        command = [sys.executable, "-m", "vidmem.cli"]
        done = subprocess.run(command, text=True, capture_output=True, env={**os.environ, **asked}, check=False)
        assert done.stdout.split() == [found], done.stderr


def test_it_is_installed_as_a_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"]["vidmem"].partition(":")
    assert callable(getattr(importlib.import_module(module), name))
    assert any(line.startswith("typer>") for line in project["dependencies"])
