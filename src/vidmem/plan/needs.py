"""What a job needs of the machine: memory and time, by the size of its shard and by how often it was tried.

A cluster stops a job that takes more than it asked for, so a need is what was measured with room to spare, and grows
with the attempt: a job that was larger than thought gets twice as much the second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from vidmem.config.models import Diffusers, Model

MOST_MINUTES = 2880  # two days, a common limit of clusters; sampling that was cut short goes on from what it has


@dataclass(frozen=True)
class Need:
    """A fixed part, and a part for each unit of the shard that a job works on: a clip, a row, a step."""

    mem_mb: float
    minutes: float
    mem_mb_each: float = 0.0
    seconds_each: float = 0.0

    def memory_mb(self, size: float, attempt: int) -> int:
        """Memory in MB for a shard of `size` units; `attempt` (1, 2, ...) times as much as the first time."""
        return ceil(self.mem_mb + self.mem_mb_each * size) * attempt

    def runtime_minutes(self, size: float, attempt: int) -> int:
        """Minutes for a shard of `size` units; `attempt` times as many as the first time, at most `MOST_MINUTES`."""
        return min(ceil(self.minutes + self.seconds_each * size / 60) * attempt, MOST_MINUTES)


FEATURES = Need(2000, 30, mem_mb_each=0.6, seconds_each=6)  # a video: 0.3 MB of features; a second with 32 frames
SEARCH = Need(4000, 60, seconds_each=2e-5)  # two videos held against each other: 4.3 µs by content, 1.6 µs by motion

# Sampling, where the config doesn't say more. The demo's own models took 1.3 GB and a second a video.
ON_CPU = Need(4000, 30, seconds_each=30)
ON_GPU = Need(16000, 30, seconds_each=120)  # memory of the host, through which weights reach the GPU

# By rule; `resources` says what the unit of each is. Measured: the demo's benchmarks, and bench/speed.
NEEDS = {
    "corpus_make": Need(2000, 20),
    "corpus_list": Need(2000, 240),  # 10 M rows of a table: 423 MB and 222 s; tars are read to their end
    "corpus_probe": Need(2000, 30, seconds_each=2),  # every frame of every file is decoded
    "corpus_manifest": Need(2000, 20, mem_mb_each=2e-4, seconds_each=2e-5),  # 10 M rows: 799 MB and 32 s
    "duplicates": Need(7000, 60, mem_mb_each=1, seconds_each=1.2),
    "prompts": Need(2000, 30, mem_mb_each=4e-4, seconds_each=1e-4),  # 10 M rows: 3.0 GiB and 216 s
    "prompts_export": Need(2000, 10),
    "generate_build": Need(4000, 60, seconds_each=1),  # 1,000 steps: 1.4 GB and 206 s
    "generate_replay": Need(2000, 20),
    "generate_fetch": Need(2000, 720),  # tens of GB over a slow line
    "generate_folder": Need(2000, 30, seconds_each=1),
    "features_corpus": FEATURES,
    "features_model": FEATURES,
    "features_null": FEATURES,
    "features_background": FEATURES,
    "index_corpus": Need(4000, 60, mem_mb_each=2, seconds_each=0.5),
    "retrieve": SEARCH,
    "retrieve_null": SEARCH,
    "metrics_model": Need(2000, 30, mem_mb_each=0.1, seconds_each=0.1),
    "detect": Need(2000, 30, mem_mb_each=0.2, seconds_each=0.1),
    "detect_transfer": Need(4000, 30, mem_mb_each=0.2, seconds_each=0.1),
    "mitigate_prompts": Need(2000, 30),
    "mitigate_reword": Need(2000, 30),
    "mitigate": Need(4000, 60, mem_mb_each=0.2, seconds_each=1),
    "truth": Need(2000, 30),
    "effective_size": Need(2000, 30),
    "report_dataset": Need(2000, 30, mem_mb_each=0.1, seconds_each=0.1),
    "report": Need(3000, 60, mem_mb_each=0.1, seconds_each=0.2),
}


def sampling(model: Model, gpu: bool) -> Need:
    """What sampling a model needs: by what its config says of its size and its time, else as usual.

    Weights of as many GB as the GPU holds go through the host's memory, half as much again is room; twice the seconds
    of one video, for another GPU may be slower.
    """
    usual = ON_GPU if gpu else ON_CPU
    if not isinstance(model, Diffusers):
        return usual
    memory = ON_CPU.mem_mb + 1500 * model.gpu_memory_gb if model.gpu_memory_gb else usual.mem_mb
    seconds = 2 * model.seconds_per_video if model.seconds_per_video else usual.seconds_each
    return Need(memory, usual.minutes, seconds_each=seconds)


def most(needs: list[Need]) -> Need:
    """The most of each part that any of these needs; nothing for none."""
    return Need(*(max((getattr(n, part) for n in needs), default=0.0) for part in Need.__dataclass_fields__))
