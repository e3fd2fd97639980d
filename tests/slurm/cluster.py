"""A real SLURM on one machine: munge, a controller and three nodes, of which the last two declare a GPU each.

From Debian's `slurm-wlm` and `munge`; everything lies in one folder and listens on loopback ports of its own.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
NODES = ("n1", "n2", "n3")
GPU_NODES = NODES[1:]
ENDED = ("COMPLETED", "CANCELLED", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT")


def missing() -> list[str]:
    """Programs of a SLURM that this machine lacks."""
    return [name for name in NEEDED if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


@dataclass(frozen=True)
class Job:
    """A job as the controller shows it."""

    shown: dict[str, str]

    @property
    def id(self) -> str:
        return self.shown["JobId"]

    @property
    def state(self) -> str:
        return self.shown["JobState"]

    @property
    def node(self) -> str:
        return self.shown["NodeList"]

    @property
    def run(self) -> str:
        """Id of the Snakemake run that submitted it."""
        return self.shown["JobName"]

    @property
    def rule(self) -> str:
        return self.shown["Comment"].removeprefix("rule_").split("_wildcards_")[0]

    @property
    def asks_for_gpu(self) -> bool:
        return "gpu" in self.shown.get("TresPerJob", "")

    @property
    def in_array(self) -> bool:
        return "ArrayJobId" in self.shown


@dataclass
class Cluster:
    """A running cluster in `folder`. `environment` is what its commands and Snakemake need to find it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.folder / 'bin'}{os.pathsep}{_path()}"}

    def start(self) -> None:
        """Start all daemons, and wait until all nodes take jobs."""
        (self.folder / "state").mkdir()
        self._write_commands()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self._write_config()
        run = [f"--{name}={self.folder}/munge.{name.split('-')[0]}" for name in ("socket", "pid-file", "log-file")]
        self.run("munged", "--force", f"--key-file={key}", f"--seed-file={self.folder}/munge.seed", *run)
        self.run("slurmctld")
        for node in NODES:
            self.run("slurmd", "-N", node)
        wait_for(lambda: self.states() == dict.fromkeys(NODES, "idle"), 30, "all nodes to be idle")

    def stop(self) -> None:
        """Cancel what runs, and end the daemons."""
        self.run("scancel", "--user", getpass.getuser(), check=False)
        end = time.monotonic() + 15
        while self.running() and time.monotonic() < end:
            time.sleep(0.2)
        for signal in ("-TERM", "-KILL"):  # a node waits for its jobs
            end = time.monotonic() + 10
            while (pids := self.alive()) and time.monotonic() < end:
                subprocess.run(["kill", signal, *pids], check=False, capture_output=True)
                time.sleep(0.5)
        if left := self._left_behind():
            subprocess.run(["kill", "-KILL", *left], check=False, capture_output=True)

    def _left_behind(self) -> list[str]:
        """Processes of jobs that nobody ended: without cgroups a node that goes down forgets some."""
        ours, found = f"SLURM_CONF={self.folder}/slurm.conf".encode(), []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):  # it ended meanwhile, or is another user's
                if ours in path.read_bytes().split(b"\0"):
                    found.append(path.parent.name)
        return found

    def alive(self) -> list[str]:
        """Process ids of the daemons that run."""
        pids = [path.read_text().strip() for path in self.folder.glob("*.pid")]
        return [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]

    def run(self, *command: str, check: bool = True) -> str:
        """The output of one of the cluster's commands."""
        done = subprocess.run(
            command, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}"
        return done.stdout

    def states(self) -> dict[str, str]:
        """State of each node."""
        lines = self.run("sinfo", "--noheader", "--Node", "--partition=all", "--format=%N %t", check=False).split("\n")
        pairs = [line.split() for line in lines]
        return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0] in NODES}

    def jobs(self) -> list[Job]:
        """All jobs, with those that ended in the last ten minutes."""
        lines = self.run("scontrol", "--oneliner", "show", "job", check=False).splitlines()
        return [Job(dict(re.findall(r"(\w+)=(\S*)", line))) for line in lines if line.startswith("JobId=")]

    def running(self) -> list[Job]:
        """Jobs that run or wait to."""
        return [job for job in self.jobs() if job.state not in ENDED]

    def _write_commands(self) -> None:
        """Commands that find this cluster wherever they are called: jobs lose SLURM_CONF on the way."""
        (self.folder / "bin").mkdir()
        for name in (*NEEDED, "srun", "sinfo"):
            command = self.folder / "bin" / name
            command.write_text(
                f'#!/bin/sh\nSLURM_CONF="{self.folder}/slurm.conf" exec {shutil.which(name, path=_path())} "$@"\n'
            )
            command.chmod(0o755)

    def _write_config(self) -> None:
        host, ports = socket.gethostname().split(".")[0], _free_ports(1 + len(NODES))
        controller, *nodes = ports
        (self.folder / "gres.conf").write_text("".join(f"NodeName={n} Name=gpu File=/dev/null\n" for n in GPU_NODES))
        lines = [
            "ClusterName=vidmem",
            f"SlurmctldHost={host}(127.0.0.1)",
            f"SlurmctldPort={controller}",
            f"SlurmUser={getpass.getuser()}",
            f"SlurmdUser={getpass.getuser()}",
            "AuthType=auth/munge",
            f"AuthInfo=socket={self.folder}/munge.socket,cred_expire=5",  # how long a requeued job waits
            f"StateSaveLocation={self.folder}/state",
            f"SlurmdSpoolDir={self.folder}/spool-%n",
            f"SlurmctldPidFile={self.folder}/slurmctld.pid",
            f"SlurmdPidFile={self.folder}/slurmd-%n.pid",
            f"SlurmctldLogFile={self.folder}/slurmctld.log",
            f"SlurmdLogFile={self.folder}/slurmd-%n.log",
            "ProctrackType=proctrack/linuxproc",
            "TaskPlugin=task/none",
            "MpiDefault=none",
            "SchedulerParameters=batch_sched_delay=0,bf_interval=2,sched_interval=2",
            "SelectType=select/cons_tres",
            "SelectTypeParameters=CR_Core_Memory",
            "AccountingStorageType=accounting_storage/none",
            "JobAcctGatherType=jobacct_gather/linux",
            "JobAcctGatherFrequency=1",
            "JobAcctGatherParams=OverMemoryKill",  # memory is held to without cgroups, which a container may not have
            "ReturnToService=1",  # a node that was set down stays so until it is resumed
            "SlurmdTimeout=10",
            "KillWait=2",
            "MinJobAge=600",
            "GresTypes=gpu",
            *(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=9000"
                + (" Gres=gpu:1" if node in GPU_NODES else "")
                for node, port in zip(NODES, nodes, strict=True)
            ),
            "PartitionName=all Nodes=n1,n2,n3 MaxTime=INFINITE State=UP",
            "PartitionName=cpu Nodes=n1 Default=YES MaxTime=INFINITE State=UP",
            "PartitionName=gpu Nodes=n2,n3 MaxTime=INFINITE State=UP",
        ]
        (self.folder / "slurm.conf").write_text("\n".join(lines) + "\n")


def wait_for(happened: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until something happened; an assertion fails after `seconds`."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
