"""Progress: one line on a terminal, plain lines where there is none, and the items untouched."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from snakemake_logger_plugin_vidmem import Pace
from vidmem import progress as module
from vidmem.progress import progress


def test_items_pass_through_and_the_end_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("abc"), 3, "reading")) == ["a", "b", "c"]
    assert "reading: 3 of 3" in capsys.readouterr().err


def test_lines_say_what_how_many_the_rate_and_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.0)
    list(progress(range(2), 4, "reading"))
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("reading: 1 of 4, ") and "/s, " in first and first.endswith(" s left")


def test_nothing_to_do_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress([], 0, "reading")) == []
    assert "0 of 0" in capsys.readouterr().err


def on_terminal(command: list[str], folder: Path) -> str:
    """What a command says on a real terminal of 100 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    with subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the other end is closed: it is done
            while part := os.read(ours, 65536):
                said += part
        os.close(ours)
        assert running.wait(60) == 0, said.decode()
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())


def test_a_terminal_has_one_line_with_done_total_rate_and_time_left(tmp_path: Path) -> None:
    code = (
        "import time; from vidmem.progress import progress\nfor _ in progress(range(8), 8, 'reading'): time.sleep(.15)"
    )
    said = on_terminal([sys.executable, "-c", code], tmp_path)
    assert said.count("\n") == 1
    last = said.strip().split("\r")[-1]
    assert re.fullmatch(r"reading ━+ 8/8 \d\.\d/s 0:00:00", last.strip()), last
    assert re.search(r"[4-7]/8 \d\.\d/s 0:00:0[01]", said)


RULES = """
rule all:
    input: expand("{n}.txt", n=range(6))
rule write:
    output: "{n}.txt"
    shell: "sleep .1; touch {output}"
"""


def test_a_workflow_on_a_terminal_has_a_line_a_rule_with_jobs_done_total_rate_and_time_left(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(RULES, encoding="utf-8")
    command = ["-m", "snakemake", "--cores", "1", "--quiet", "rules", "host", "reason", "--logger", "vidmem"]
    said = on_terminal([sys.executable, *command], tmp_path)
    assert re.search(r"write [^\n]*[1-5]/6 [\d.]+/(s|min), 0:0\d:\d\d left", said), said
    assert re.search(r"write [^\n]*6/6 in 0:0\d:\d\d", said)


def test_a_line_is_paced_from_when_it_is_first_shown() -> None:
    now = 100.0
    bars = Progress(TextColumn(""), console=Console(file=io.StringIO()), get_time=lambda: now)
    bars.add_task("metrics", total=4)
    (task,), pace = bars.tasks, Pace()
    now = 400.0  # it waited for five minutes
    assert pace.render(task).plain == "-:--:-- left"
    now = 500.0
    bars.update(task.id, completed=2)
    assert pace.render(task).plain == "1.2/min, 0:01:40 left"
    now = 600.0
    bars.update(task.id, completed=4)
    assert pace.render(task).plain == "in 0:03:20"
    now = 9000.0
    assert pace.render(task).plain == "in 0:03:20"
