"""A job's log holds everything it prints and its traceback; the terminal gets the reason in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import os, sys
from vidmem.joblog import log_to
with log_to({log!r}):
    print("to stdout"); print("to stderr", file=sys.stderr)
    os.write(2, b"from a C library\\n")
    {body}
print("after")
"""


def run(log: Path, body: str) -> subprocess.CompletedProcess[str]:
    code = CODE.format(log=str(log), body=body)
    return subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=False, env=dict(os.environ)
    )


def test_what_a_job_prints_goes_to_its_log(tmp_path: Path) -> None:
    done = run(tmp_path / "logs" / "job.log", "pass")
    assert (done.returncode, done.stdout, done.stderr) == (0, "after\n", "")
    text = (tmp_path / "logs" / "job.log").read_text()
    assert all(part in text for part in ("to stdout", "to stderr", "from a C library"))


def test_a_failure_is_one_line_on_the_terminal_and_a_traceback_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    done = run(log, "raise ValueError('no such\\nfolder')")
    assert done.returncode == 1
    assert done.stderr == f"vidmem: no such folder (log: {log})\n"
    assert "Traceback" in log.read_text()
