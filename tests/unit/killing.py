"""Killing a running workflow: the job of a rule, or everything at once, so long after the job has begun."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import psutil

DEADLINE_S = 900
RULES = {"retrieve_index": "index_corpus"}  # of scripts that have another name
LOOK_EVERY_S = 0.05  # to look at all processes takes some milliseconds


def script_of(process: psutil.Process) -> str | None:
    """Which of the workflow's scripts a process runs: `features_model`, ...; None for any other process."""
    try:
        found = [part for part in process.cmdline() if "/.snakemake/scripts/" in part and part.endswith(".py")]
    except psutil.Error:
        return None
    return found[0].rsplit("/", 1)[1].split(".")[1] if found else None


def start(command: list[str], folder: Any, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start the workflow as the leader of a group of its own, in this environment, else in ours and offline."""
    environment = environment or {**os.environ, "HF_HUB_OFFLINE": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=folder, start_new_session=True, env=environment, **quiet)  # type: ignore[call-overload,no-any-return]


def job_of(head: subprocess.Popen[bytes], script: str) -> psutil.Process:
    """The process in which a script's job runs now."""
    (found,) = (p for p in psutil.Process(head.pid).children(recursive=True) if script_of(p) == script)
    return found


def kill_all(head: subprocess.Popen[bytes]) -> None:
    os.killpg(head.pid, signal.SIGKILL)
    head.wait()


def worked(workflow: Any, benchmarks: Mapping[str, str]) -> dict[str, float]:
    """Processor seconds that each script's job took in a finished audit: they do not depend on what else runs.

    `benchmarks` are their files by script, in the audit's folder of benchmarks and without the suffix.
    """
    (folder,), found = workflow.folder.glob("results/*/benchmarks"), {}
    for script, name in benchmarks.items():
        head, values = (line.split("\t") for line in (folder / f"{name}.tsv").read_text().splitlines())
        found[script] = float(values[head.index("cpu_time")])
    return found


class Killer:
    """Kills the job of every script once, at a random moment of its work.

    `worked` are the processor seconds of an undisturbed job by script. `with_head` of the scripts take the head and
    everything that it has started with them.
    """

    def __init__(self, worked: Mapping[str, float], with_head: int, seed: int) -> None:
        rng, scripts = np.random.default_rng(seed), sorted(worked)
        self._with_head = set(rng.choice(scripts, with_head, replace=False).tolist())
        self._moments = {script: float(rng.uniform(0.05, 0.5)) * worked[script] for script in scripts}
        self.killed: Counter[str] = Counter()
        self.heads: Counter[str] = Counter()

    def spared(self) -> list[str]:
        """Scripts whose jobs were never killed."""
        return sorted(set(self._moments) - set(self.killed) - set(self.heads))

    def run(self, workflow: Any, *targets: str) -> None:
        """Run the workflow to its end, again after each kill of its head, and until no script was spared."""
        options = ["--retries", "5", "--rerun-incomplete"]
        while True:
            status = self.watch(start(workflow.command(*targets, *options), workflow.folder))
            if status == 0 and not self.spared():
                return
            if status == 0:  # so quick that some were never met at their moments
                self._moments = {script: moment / 2 for script, moment in self._moments.items()}
                options = ["--retries", "5", "--forcerun", *(RULES.get(name, name) for name in self.spared())]
                continue
            assert status == -signal.SIGKILL, f"the run ended with {status}"
            shutil.rmtree(workflow.folder / ".snakemake/locks")  # as --unlock does, which starts Snakemake for it

    def watch(self, head: subprocess.Popen[bytes]) -> int:
        """Kill what is to be killed while the head runs; its exit status."""
        end = time.monotonic() + DEADLINE_S
        while head.poll() is None and self.spared() and time.monotonic() < end:
            try:
                for process in psutil.Process(head.pid).children(recursive=True):
                    self._see(head, process)
            except psutil.Error:
                continue
            time.sleep(LOOK_EVERY_S)
        return head.wait(max(end - time.monotonic(), 1))

    def _see(self, head: subprocess.Popen[bytes], process: psutil.Process) -> None:
        script = script_of(process)
        if script is None or script not in self.spared():
            return
        used = process.cpu_times()
        if used.user + used.system < self._moments[script]:
            return
        if script in self._with_head:
            self.heads[script] += 1
            kill_all(head)
        else:
            self.killed[script] += 1
            process.kill()
