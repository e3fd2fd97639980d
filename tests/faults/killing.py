"""Killing a running workflow: the job of a rule, or everything at once, so long after the job has begun."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import psutil

DEADLINE_S = 600


def script_of(process: psutil.Process) -> str | None:
    """Which of the workflow's scripts a process runs: `features_model`, ...; None for any other process."""
    try:
        found = [part for part in process.cmdline() if "/.snakemake/scripts/" in part and part.endswith(".py")]
    except psutil.Error:
        return None
    return found[0].rsplit("/", 1)[1].split(".")[1] if found else None


def start(command: list[str], folder: Any) -> subprocess.Popen[bytes]:
    """Start the workflow as the leader of a group of its own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=folder, start_new_session=True, env=environment, **quiet)  # type: ignore[call-overload,no-any-return]


def kill_all(head: subprocess.Popen[bytes]) -> None:
    os.killpg(head.pid, signal.SIGKILL)
    head.wait()


class Killer:
    """Kills the job of every script once, of every second one twice, each at a random moment of its work.

    `worked` are the processor seconds of an undisturbed job by script. The first time, `with_head` of the scripts take
    the head and everything that it has started with them.
    """

    def __init__(self, worked: Mapping[str, float], with_head: int, seed: int) -> None:
        self._worked, self._rng = dict(worked), np.random.default_rng(seed)
        scripts = sorted(worked)
        self._wanted = {script: 1 + n % 2 for n, script in enumerate(scripts)}
        self._with_head = set(self._rng.choice(scripts, with_head, replace=False).tolist())
        self._moments = {script: self._moment() for script in scripts}
        self.killed: Counter[str] = Counter()
        self.heads: Counter[str] = Counter()

    def _moment(self) -> float:
        return float(self._rng.uniform(0.05, 0.7))

    def spared(self) -> list[str]:
        """Scripts whose jobs were never killed."""
        return sorted(set(self._worked) - set(self.killed) - set(self.heads))

    def watch(self, head: subprocess.Popen[bytes]) -> int:
        """Kill what is to be killed while the head runs; its exit status."""
        end = time.monotonic() + DEADLINE_S
        while head.poll() is None and time.monotonic() < end:
            try:
                below = psutil.Process(head.pid).children(recursive=True)
                for process in below:
                    self._see(head, process)
            except psutil.Error:
                continue
            time.sleep(0.02)
        assert head.poll() is not None, "the workflow has not ended"
        return head.wait()

    def _see(self, head: subprocess.Popen[bytes], process: psutil.Process) -> None:
        script = script_of(process)
        if script is None or self.killed[script] + self.heads[script] >= self._wanted[script]:
            return
        used = process.cpu_times()
        if used.user + used.system < self._moments[script] * self._worked[script]:
            return
        self._moments[script] = self._moment()
        if script in self._with_head and not self.heads[script]:
            self.heads[script] += 1
            kill_all(head)
        else:
            self.killed[script] += 1
            process.kill()
