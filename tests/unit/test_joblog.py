"""A job's log holds everything it prints and its traceback; the terminal gets the reason in one line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
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


def test_a_second_process_of_a_job_waits_for_the_first_however_that_ends(tmp_path: Path) -> None:
    """Though it is the same job of another head, whose own lock knows nothing of it."""
    log, body = tmp_path / "job.log", "print('begun', flush=True); sys.stdin.read(1)"
    code = CODE.format(log=str(log), body=body)
    first = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    while not log.is_file() or "begun" not in log.read_text():
        assert first.poll() is None
        time.sleep(0.01)
    second = subprocess.Popen(
        [sys.executable, "-c", code.replace("begun", "begun again")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (
        second.stderr
        and second.stderr.readline() == f"vidmem: waiting for another process that does this job (log: {log})\n"
    )
    assert "again" not in log.read_text() and second.poll() is None
    first.kill()
    first.communicate()
    assert second.communicate("x", timeout=60) and second.returncode == 0
    assert "begun again" in log.read_text()
