"""What the jobs of each rule ask the machine for: memory, time and GPUs.

An array of a cluster is submitted with what its first job asks for. So the rules of `ARRAYS` ask the same for every
chunk, whatever its model: the most that any chunk of theirs needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from vidmem.config.models import Command, Diffusers, Planted, Replay, Videos
from vidmem.plan.needs import NEEDS, ON_GPU, Need, most, sampling
from vidmem.plan.readings import Readings

NULL_VIDEOS = 512  # most that thresholds are set on (`features.stage`)
SAMPLING = ("generate", "generate_gpu", "detect_passes", "detect_passes_gpu")
FEATURES = ("features_corpus", "features_model", "features_null", "features_background")
ON_GPU_MB = 4000  # of the host, for what CUDA's libraries hold there
ARRAYS = ("features_corpus", "features_model", *SAMPLING)


@dataclass(frozen=True)
class Ask:
    """A need and the size of a job's shard, as Snakemake asks for them: by wildcards, input files and attempt."""

    need: Callable[[Any], Need]
    size: Callable[[Any, Any], float]

    def mem_mb(self, wildcards: Any, input: Any, attempt: int) -> int:
        """Memory in MB."""
        return self.need(wildcards).memory_mb(self.size(wildcards, input), attempt)

    def runtime(self, wildcards: Any, input: Any, attempt: int) -> int:
        """Minutes."""
        return self.need(wildcards).runtime_minutes(self.size(wildcards, input), attempt)


class Resources(Readings):
    """What the rules ask for under `resources`."""

    def ask(self, rule: str) -> Ask:
        """What the jobs of a rule ask for. Raises `KeyError` for a name that is no rule's."""
        if rule == "generate_command":
            return Ask(self._command, self._size(rule))
        need = self._sampling(rule.endswith("_gpu")) if rule in SAMPLING else NEEDS[rule]
        if rule in FEATURES and self.features_gpu:
            need = replace(need, mem_mb=need.mem_mb + ON_GPU_MB)
        return Ask(lambda wildcards: need, self._size(rule))

    def needs_gpu(self, model: str) -> int:
        """GPUs that a job which samples from this model asks for."""
        section = self.section(model)
        if isinstance(section, Command):
            return section.gpus
        return 1 if isinstance(section, Diffusers) and section.device != "cpu" else 0

    @property
    def features_gpu(self) -> int:
        """GPUs that a job which extracts features asks for: one where a network of theirs runs on it."""
        features = self.audit.features
        return int("cuda" in (features.frames.device, features.flow.device))

    def on_gpu(self, models: Iterable[str]) -> list[str]:
        """Those of these models that ask for a GPU."""
        return [name for name in models if self.needs_gpu(name)]

    def off_gpu(self, models: Iterable[str]) -> list[str]:
        """Those of these models that ask for none."""
        return [name for name in models if not self.needs_gpu(name)]

    def shard_videos(self, model: str) -> int:
        """Most videos in one shard of a model."""
        section, size = self.section(model), self.audit.generate.chunk_size
        if not isinstance(section, Videos | Replay) and self.is_prompted(model):
            size *= section.seeds
        return min(size, self.most_videos(model))

    # ---- needs that follow the config

    def _command(self, wildcards: Any) -> Need:
        section = self.section(wildcards.model)
        assert isinstance(section, Command)
        return replace(ON_GPU, mem_mb=section.memory_mb)

    def _sampling(self, gpu: bool) -> Need:
        models = self.on_gpu(self.sampled) if gpu else self.off_gpu(self.sampled)
        return most([sampling(self.audit.models[name], gpu) for name in models])

    # ---- sizes of shards

    def _size(self, rule: str) -> Callable[[Any, Any], float]:
        """The size of a rule's shard, in the units of its need, by the job's wildcards and input files."""
        if rule in ("features_model", *SAMPLING):
            return self._largest_shard
        by_rule: dict[str, Callable[[Any, Any], float]] = {
            "generate_command": lambda w, files: self.shard_videos(w.model),
            "generate_folder": lambda w, files: self.shard_videos(w.model),
            "generate_build": lambda w, files: self._steps(w.model),
            # rows of the corpus
            "corpus_probe": lambda w, files: rows([files.listing]) / len(self.manifest_chunks()),
            "corpus_manifest": lambda w, files: rows(files),
            "prompts": lambda w, files: rows([files.corpus]),
            "features_corpus": lambda w, files: rows([files.manifest]) / len(self.corpus_chunks()),
            "features_null": lambda w, files: NULL_VIDEOS,
            "features_background": lambda w, files: NULL_VIDEOS,
            # MB of features
            "duplicates": lambda w, files: megabytes(files),
            "index_corpus": lambda w, files: megabytes(files),
            # pairs of videos
            "retrieve": lambda w, files: rows([files.manifest]) * self.most_videos(w.model),
            "retrieve_null": lambda w, files: rows([files.manifest]) * NULL_VIDEOS,
            # videos
            "metrics_model": lambda w, files: self.most_videos(w.model),
            "detect": lambda w, files: self.most_videos(w.model),
            "mitigate": lambda w, files: sum(map(self.most_videos, [w.model, *self.branches_of(w.model)])),
            "detect_transfer": self._everything,
            "report_dataset": self._everything,
            "report": self._everything,
        }
        return by_rule.get(rule, lambda w, files: 0)

    def _largest_shard(self, wildcards: Any, files: Any) -> float:
        """Videos in the largest shard of any model."""
        return max(map(self.shard_videos, [*self.models, *self.branches]))

    def _everything(self, wildcards: Any, files: Any) -> float:
        """Videos of all models and branches."""
        return sum(map(self.most_videos, [*self.models, *self.branches]))

    def _steps(self, model: str) -> int:
        section = self.section(model)
        return section.train_steps if isinstance(section, Planted) else 0


def megabytes(files: Iterable[str]) -> float:
    """Size of files. Raises `FileNotFoundError` for the first that isn't there yet."""
    return sum(Path(path).stat().st_size for path in files) / 2**20


def rows(tables: Iterable[str]) -> int:
    """Rows of Parquet tables, by their footers. Raises `FileNotFoundError` for one that isn't there yet.

    One that is damaged counts as empty: the job that reads it says what is wrong.
    """
    return sum(_rows(path, Path(path).stat().st_mtime_ns) for path in tables)


@lru_cache(maxsize=10_000)
def _rows(path: str, mtime_ns: int) -> int:
    """Rows of one table; read once, for every chunk's job asks."""
    import pyarrow.parquet  # not needed to parse the workflow, only once the table is there

    try:
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    except pyarrow.ArrowInvalid:
        return 0
