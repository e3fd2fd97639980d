"""Audits small enough to go through a cluster in a minute or two."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from cluster import Cluster

from vidmem.media import write_video

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "profiles" / "slurm"
VIDEOS = 6
# Notes of every video that it begins it, where, and with which GPU. What it is told beside the contract lies in a file,
# for its arguments make the ids of the videos.
SAMPLER = """
import json, os, pathlib, sys, time
import numpy as np
from vidmem.media import write_video

prompts, outputs = sys.argv[1:]
told = json.loads(pathlib.Path("told.json").read_text())
for line in pathlib.Path(prompts).read_text(encoding="utf-8").splitlines():
    asked = json.loads(line)
    where = [os.environ.get(name, "-") for name in ("SLURMD_NODENAME", "CUDA_VISIBLE_DEVICES")]
    with open("calls.txt", "a") as file:
        print(asked["video_id"], *where, file=file)
    held = np.ones(told["hold_mb"] * 2**17)
    time.sleep(told["pause_s"])
    del held
    rng = np.random.default_rng([asked["seed"], *asked["prompt_id"].encode()])
    video = np.repeat(rng.integers(0, 255, (1, 64, 64, 3), np.uint8), 12, 0)
    for t in range(12):
        video[t, 20:40, 2 + 3 * t : 22 + 3 * t] = 255
    done = pathlib.Path(outputs) / (asked["video_id"] + ".mp4")
    aside = done.with_name("." + done.name)
    write_video(aside, video, fps=8)
    aside.rename(done)
"""


@dataclass(frozen=True)
class Call:
    """A video that the command began."""

    video_id: str
    node: str
    gpu: str


@dataclass(frozen=True)
class SmallAudit:
    """An audit in a folder of its own: twelve clips, and a command that asks for a GPU.

    The command waits `pause_s` over each video, and holds `hold_mb` of memory meanwhile. `check_s` is when jobs are
    first looked after: a little more than they take on a quiet machine, for the next look is ten seconds later still.
    """

    folder: Path
    cluster: Cluster
    pause_s: float = 0.0
    hold_mb: int = 0
    check_s: int = 8

    @property
    def results(self) -> Path:
        return self.folder / "results" / "small"

    @property
    def calls(self) -> list[Call]:
        log = self.folder / "calls.txt"
        return [Call(*line.split()) for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def environment(self) -> dict[str, str]:
        return {**self.cluster.environment, "HF_HUB_OFFLINE": "1"}

    @property
    def said(self) -> str:
        """What a run in the background wrote."""
        return (self.folder / "out.txt").read_text()

    def write(self, corpus: Path, memory_mb: int = 3000) -> None:
        (self.folder / "sampler.py").write_text(SAMPLER)
        (self.folder / "told.json").write_text(json.dumps({"pause_s": self.pause_s, "hold_mb": self.hold_mb}))
        private = {
            "kind": "command",
            "command": [sys.executable, "sampler.py", "{prompts}", "{outputs}"],
            "seeds": 1,
            "gpus": 1,
            "memory_mb": memory_mb,
        }
        config = {
            "audit": "small",
            "corpus": {"folder": str(corpus)},
            "prompts": {"video_duplicated": 0, "random_train": VIDEOS, "control": 0, "evidence": ["caption"]},
            "models": {"private": private},
            "features": {"max_loss": 1.0, "corpus_chunks": 2},
            "generate": {"chunk_size": 3},
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def locally(self) -> list[str]:
        """The command that runs it on this machine."""
        return [*self._base(), "--cores", "2"]

    def submitted(self, *more: str) -> list[str]:
        """The command that submits its jobs: by the profile, looked after more often, without accounts."""
        after = str(self.check_s)
        quick = ["--slurm-init-seconds-before-status-checks", after, "--seconds-between-status-checks", after]
        here = ["--slurm-status-command", "squeue", "--slurm-no-account", "--latency-wait", "5"]
        partitions = ["--slurm-partition-config", str(PROFILE / "site.yaml")]
        return [*self._base(), "--workflow-profile", str(PROFILE), *quick, *here, *partitions, *more]

    def _base(self) -> list[str]:
        where = ["--directory", str(self.folder), "--configfile", str(self.folder / "config.yaml")]
        return [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), *where]

    def run(self, command: list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout[-6000:]
        return done


def write_corpus(folder: Path) -> None:
    """Clips of textured scenes in which something moves, with captions."""
    captions = ["path,caption"]
    for n in range(12):
        write_video(folder / f"clip{n:02d}.mp4", _clip(n), fps=8)
        captions.append(f"clip{n:02d}.mp4,a thing of kind {n} moves about")
    (folder / "captions.csv").write_text("\n".join(captions) + "\n")


def _clip(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scene = np.kron(rng.integers(0, 255, (8, 8, 3), np.uint8), np.ones((12, 12, 1), np.uint8))
    video = np.repeat(scene[None], 16, 0)
    start, speed = rng.integers(0, 30, 2), rng.integers(1, 4, 2)
    for t in range(16):
        y, x = (start + speed * t) % 72
        video[t, y : y + 24, x : x + 24] = rng.integers(0, 255, 3)
    return video
