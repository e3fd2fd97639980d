"""The command itself: its help, completion, exit codes, and how it is installed."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import vidmem
from vidmem.cli import examples
from vidmem.cli.app import app

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
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
    assert "Examples:" in done.stdout and f"$ vidmem {command}" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_of_the_help_is_a_command_that_can_be_given(command: str) -> None:
    lines = re.findall(r"^\$ vidmem (.*?)\s*(?:[#|].*)?$", examples.OF[command], re.MULTILINE)
    assert len(lines) >= 3
    parser = typer.main.get_command(app)
    assert isinstance(parser, typer.core.TyperGroup)
    for line in lines:
        name, *arguments = shlex.split(line)
        assert name == command
        given = parser.commands[name].make_context(name, arguments)  # raises for what the command doesn't take
        assert given.params
    with pytest.raises(Exception, match="No such option"):
        parser.commands[command].make_context(command, ["x", "y", "--nothing"])


def test_paragraphs_of_help_are_as_wide_as_the_terminal() -> None:
    shown = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["compare", "--help"]).stdout
    (line,) = [line for line in shown.splitlines() if "Content is" in line]
    assert line.rstrip().endswith("Both end at 1.")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--version"], 0), (["compair"], 2), (["compare", "one.mp4"], 2), (["open", "x", "--port", "-1"], 2), ([], 2)],
)
def test_the_command_line_itself_ends_with_its_code(arguments: list[str], code: int) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code
    if arguments == ["--version"]:
        assert done.stdout == f"vidmem {vidmem.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["check", "lacking.yaml", "--no-jobs", "--json"], 3, ""),
        (["check", "nowhere.yaml"], 1, "vidmem: nowhere.yaml: No such file or directory\n"),
        (["check"], 2, None),
        (["--version"], 0, ""),
    ],
)
def test_a_script_can_go_by_the_exit_code_and_what_went_wrong_is_one_line(
    tmp_path: Path, arguments: list[str], code: int, said: str | None
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"x")
    frames = f"{{engine: sscd, weights: none.pt, sha256: {'a' * 64}}}"
    (tmp_path / "lacking.yaml").write_text(f"audit: a\ncorpus: {{folder: clips}}\nfeatures: {{frames: {frames}}}\n")
    command = [sys.executable, "-m", "vidmem.cli", *arguments]
    done = subprocess.run(command, cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == code
    assert done.stderr == said or (said is None and "Missing argument" in done.stderr)
    assert bool(done.stdout) == (code in (0, 3))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str) -> None:
    asked = {"_VIDMEM_COMPLETE": f"complete_{shell}", "COMP_WORDS": "vidmem se", "COMP_CWORD": "1"}
    asked |= {"_TYPER_COMPLETE_ARGS": "vidmem se", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(
        [sys.executable, "-m", "vidmem.cli"], text=True, capture_output=True, env={**os.environ, **asked}, check=False
    )
    assert "search" in done.stdout and "compare" not in done.stdout, done.stderr


def test_bash_completes_with_the_script_that_it_is_given(tmp_path: Path) -> None:
    program = tmp_path / "vidmem"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vidmem.cli "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    asked = """eval "$(_VIDMEM_COMPLETE=source_bash vidmem)"
        words() { COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _vidmem_completion vidmem; echo "${COMPREPLY[@]}"; }
        words vidmem se; words vidmem search --to; complete -p vidmem"""
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", asked], text=True, capture_output=True, env={**os.environ, "PATH": path}, check=True
    )
    assert done.stdout.splitlines()[:2] == ["search", "--top"]
    assert done.stdout.splitlines()[2] == "complete -o default -F _vidmem_completion vidmem"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_given_its_script(shell: str) -> None:
    asked = {**os.environ, "_VIDMEM_COMPLETE": f"source_{shell}"}
    done = subprocess.run([sys.executable, "-m", "vidmem.cli"], text=True, capture_output=True, env=asked, check=True)
    assert f"complete_{shell}" in done.stdout
    assert f'eval "$(_VIDMEM_COMPLETE=source_{shell} vidmem)"' in GUIDE or f"source_{shell} vidmem | source" in GUIDE


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
