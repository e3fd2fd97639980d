"""Sampling in batches that fit: out of memory halves them, and any other failure loses only the video at fault."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vidmem.generate.clip import Made, Record, failed, finish, without_video
from vidmem.generate.guidance import GuidanceMismatch
from vidmem.generate.load import Frames, after_stop, sample
from vidmem.generate.recorder import Recorder, Stopped, latent_frames
from vidmem.generate.redact import without_tokens
from vidmem.generate.remedies.apply import Remedy
from vidmem.generate.remedies.base import RemedyUnfit
from vidmem.generate.tasks import Task
from vidmem.generate.tokens import is_truncated

NO_MEMORY = (
    "out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
    "unable to find an engine",  # cuDNN's last word, also where there was no room for what its ways to convolve need
)  # fmt: skip
REMEDY = "set `offload` to model or sequential, sample fewer or smaller frames, or use dtype float16 or bfloat16"


_Sampled = tuple[Frames | None, list[Record], int]  # None: stopped on purpose; rows; predictions of the denoiser


@dataclass(frozen=True)
class _Problem:
    """What went wrong in a batch. The exception itself would keep the batch's tensors alive."""

    reason: str
    memory: bool


class Sampler:
    """Samples tasks with one pipeline. `settings` as in `run.generate_chunk`; `signals` full or first-step-only."""

    def __init__(self, pipeline: Any, settings: Mapping[str, Any], remedy: Remedy | None = None) -> None:
        self._pipeline, self._settings, self._remedy = pipeline, settings, remedy or Remedy()
        self._first_step_only = settings.get("signals") == "first-step-only"
        self.limit: int | None = None  # videos at once, known once memory ran out

    def make(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Made]]:
        """Yield each task with what was made of it, in their order, as they are made.

        All are sampled at once if memory holds them. Else parts of half the size are, here and in all later calls:
        cut within the batch, so that a run that is resumed cuts the same parts. Raises `GuidanceMismatch` where the
        signals would be wrong.
        """
        if self.limit is not None and len(tasks) > self.limit:
            size = self.limit
            for start in range(0, len(tasks), size):
                yield from self.make(tasks[start : start + size])
            return
        made = self._attempt(tasks)
        if not isinstance(made, _Problem):
            for task, sampled in zip(tasks, made, strict=True):
                yield task, self._made(task, sampled, len(tasks))
        elif len(tasks) == 1:
            advice = f"out of memory at batch size 1: {REMEDY} ({made.reason})" if made.memory else made.reason
            yield tasks[0], self._noted(tasks[0], failed(advice))
        elif made.memory:
            self.limit = len(tasks) // 2
            warnings.warn(
                f"out of memory with {len(tasks)} videos at once, going on with {self.limit}",
                RuntimeWarning,
                stacklevel=2,
            )
            yield from self.make(tasks)
        else:
            for task in tasks:
                yield from self.make([task])

    def _attempt(self, tasks: Sequence[Task]) -> list[_Sampled] | _Problem:
        missing = [task.image for task in tasks if isinstance(task.image, str)]
        if missing:
            return _Problem(f"no image to start from: {missing[0]}", memory=False)
        try:
            return self._sample(tasks)
        except (GuidanceMismatch, RemedyUnfit):
            raise  # true of every video of this model, and of none of their making
        except Exception as error:  # whatever a foreign pipeline raises is the reason
            problem = _problem(error)
        _tidy(self._pipeline, problem.memory)
        return problem

    def _sample(self, tasks: Sequence[Task]) -> list[_Sampled]:
        tried: list[Recorder] = []

        def first_step(seeds: list[int]) -> list[list[Record]]:
            recorder, _ = self._recorded(tasks, seeds, True)
            tried.append(recorder)
            return recorder.rows

        seeds = self._remedy.seeds([task.seed for task in tasks], first_step)
        recorder, videos = self._recorded(tasks, seeds, self._first_step_only)
        predictions = sum(one.predictions for one in (*tried, recorder))
        if self._first_step_only:
            return [(None, rows, predictions) for rows in recorder.rows]
        if len(videos) != len(tasks):
            raise ValueError(f"the pipeline gave {len(videos)} videos where {len(tasks)} were asked for")
        return [(frames, rows, predictions) for frames, rows in zip(videos, recorder.rows, strict=True)]

    def _recorded(
        self, tasks: Sequence[Task], seeds: Sequence[int], first_step_only: bool
    ) -> tuple[Recorder, list[Frames]]:
        videos: list[Frames] = []
        settings = self._settings
        with Recorder(
            self._pipeline,
            videos=len(tasks),
            guidance_scale=settings.get("guidance_scale"),
            latent_frames=latent_frames(self._pipeline, settings.get("frames")),
            stop_after=1 if first_step_only else None,
            remedy=self._remedy.intervention(),
        ) as recorder:
            try:
                videos = self._call(tasks, seeds)
            except Stopped:
                _tidy(self._pipeline, memory=False)
        return recorder, videos

    def _call(self, tasks: Sequence[Task], seeds: Sequence[int]) -> list[Frames]:
        texts = [task.text or "" for task in tasks]
        images = [task.image for task in tasks if isinstance(task.image, np.ndarray)]
        labels = [task.class_label for task in tasks if task.class_label is not None]
        return sample(self._pipeline, texts, seeds, self._settings, images or None, labels or None)

    def _made(self, task: Task, sampled: _Sampled, together: int) -> Made:
        frames, signals, predictions = sampled
        if frames is None:
            made = without_video(signals)
        else:
            made = finish(frames, signals, float(self._settings.get("fps", 8.0)), int(self._settings.get("crf", 12)))
        made[1]["video"] |= {"batch_size": together, "denoiser_calls": predictions, "remedy": self._remedy.kind}
        return self._noted(task, made)

    def _noted(self, task: Task, made: Made) -> Made:
        made[1]["video"]["truncated"] = is_truncated(self._pipeline, task.text)
        return made


def _problem(error: Exception) -> _Problem:
    said = without_tokens(" ".join(str(error).split()))[:300]
    memory = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
    )
    return _Problem(f"{type(error).__name__}: {said}", memory)


def _tidy(pipeline: Any, memory: bool) -> None:
    """`after_stop`, and with `memory` what the pipeline held of it is freed."""
    after_stop(pipeline)
    if memory:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
