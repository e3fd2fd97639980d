"""Records what the denoiser said while a pipeline samples: the raw material of detection.

Diffusers' own callbacks refuse noise tensors, and patched pipelines break at the next release. What holds is
a forward hook on the denoiser(s) and a wrapper of `scheduler.step`: between two steps the hook has seen u and
c, and the step is handed the guided output. See `families` for where each family's pair stands, `guidance` and
`layouts` for how it is checked, `measure` for what is stored of it, and `noise` for the conversion to epsilon.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

import torch

from vidmem.generate.families import Family, Heard, family_of
from vidmem.generate.guidance import Guidance, NoPair, scale_in_force
from vidmem.generate.layouts import Pair
from vidmem.generate.measure import Measure, Row
from vidmem.generate.noise import NoiseLevel, UnknownParameterisation, noise_level
from vidmem.generate.remedies.base import Intervention, Steered, Step
from vidmem.generate.remedies.calls import Call
from vidmem.generate.stepping import RecordedStep, scaled, timestep_of, upcoming
from vidmem.tables import OK, SKIPPED

DENOISERS = ("unet", "transformer", "transformer_2")


class Stopped(Exception):
    """Raised out of the pipeline's call once `stop_after` steps were recorded. It is no failure."""


class Recorder:
    """Context manager that records the signals of one pipeline call.

        with Recorder(pipeline, videos=1, guidance_scale=7.5) as recorder:
            pipeline(...)
        rows = recorder.rows[0]  # of the first video: one dict a step, columns of tables.SIGNALS

    `videos` is the number of videos in the call, `latent_frames` the number of latent frames (only needed for
    denoisers that work on a flat list of tokens, such as LTX's). Rows lack the keys (video_id, prompt_id, seed).
    A step whose guidance can't be rebuilt is a row `skipped` with the reason, and a warning; on the first step of
    a family whose layout is declared it raises `GuidanceMismatch`. With `stop_after=n` the call ends with
    `Stopped` after n steps. `layout` and `error` are the first step's, when it is over. `predictions` counts what the
    denoiser was asked for, a video: a call on both conditions gives two.

    A `remedy` changes what the denoiser is called with and what the scheduler is handed; the rows are then those of
    the step as it was taken. It needs both predictions, and where there are none it raises `NoPair`.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        videos: int = 1,
        guidance_scale: float | None = None,
        latent_frames: int | None = None,
        stop_after: int | None = None,
        remedy: Intervention | None = None,
    ) -> None:
        self.rows: list[list[Row]] = [[] for _ in range(videos)]
        self.predictions = 0
        self._pipeline, self._scheduler = pipeline, pipeline.scheduler
        self._family: Family | None = family_of(type(pipeline).__name__)
        self._guidance = Guidance(pipeline, self._family, guidance_scale)
        self._measure = Measure(self._family, videos, latent_frames)
        self._stop_after, self._remedy = stop_after, remedy
        self._calls: list[Call] = []  # as the outputs; only kept for a remedy
        self._outputs: list[torch.Tensor] = []
        self._earlier: list[Row] = []
        self._hooks: list[Any] = []
        self._component = ""
        self._warned = False

    @property
    def layout(self) -> str | None:
        """How the pair stands in the denoiser's outputs, once it was found."""
        return self._guidance.layout

    @property
    def error(self) -> float | None:
        """Relative error of the guidance's identity at the first step."""
        return self._guidance.error

    def __enter__(self) -> Recorder:
        for name in self._family.denoisers if self._family else DENOISERS:
            module = getattr(self._pipeline, name, None)
            if isinstance(module, torch.nn.Module):
                self._hooks.append(module.register_forward_hook(functools.partial(self._heard, name)))
                if self._remedy is not None:
                    self._hooks.append(module.register_forward_pre_hook(self._before, with_kwargs=True))
        self._had_own_step = "step" in vars(self._scheduler)
        self._original = self._scheduler.step
        self._signature = inspect.signature(self._original)
        copies = self._family is not None and self._family.copies
        self._scheduler.step = RecordedStep(self._scheduler, self._original, self._step, copies)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._had_own_step:
            self._scheduler.step = self._original
        else:
            del self._scheduler.step
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._outputs, self._earlier, self._calls = [], [], [], []
        self._measure.forget()

    def _before(self, module: torch.nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
        assert self._remedy is not None
        call = self._remedy.before(Call(module, args, kwargs), len(self._calls))
        self._calls.append(call)
        return call.args, call.kwargs

    def _heard(self, name: str, module: torch.nn.Module, args: Any, output: Any) -> None:
        self._component = name
        tensor = output if isinstance(output, torch.Tensor) else output[0]
        self._outputs.append(tensor.detach())

    def _step(self, scheduler: Any, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        bound = self._signature.bind(*args, **kwargs)
        given = bound.arguments
        steered = None if self._remedy is None else self._steer(scheduler, given)
        result = original(*bound.args, **bound.kwargs)
        index = getattr(scheduler, "step_index", None)  # already moved on to the next step
        heard: Heard | None = self._at(given, None if index is None else index - 1)
        if heard and self._family and self._family.prepare:
            heard = self._family.prepare(heard)
        if heard is None:
            # a copy of x_t, for the pipeline may write the step's result into it
            self._earlier.append({**given, "sample": given["sample"].clone()})
            return result
        self._outputs, self._earlier, self._calls = [], [], []
        self._record(scheduler, heard, timestep_of(given), steered)
        both = self.layout is not None and self.layout.startswith("one batch")
        self.predictions += len(heard.outputs) * (2 if both else 1)
        if self._stop_after is not None and len(self.rows[0]) >= self._stop_after:
            raise Stopped(f"stopped after {self._stop_after} steps, as asked")
        return result

    def _at(self, given: dict[str, Any], index: int | None) -> Heard:
        """What is known at a step, of the arguments that the scheduler is `given`."""
        handed, sample = given["model_output"].detach(), given["sample"].detach()
        scales = self._guidance.scales()
        heard = Heard(
            self._pipeline, self._outputs, handed, sample, scales, index, given, self._earlier, self._component
        )
        if self._family and self._family.scale:
            return replace(heard, scales=[self._family.scale(heard)])
        return heard

    def _steer(self, scheduler: Any, given: dict[str, Any]) -> Steered:
        """The step as the remedy has it; puts into `given` what the scheduler is to be handed."""
        assert self._remedy is not None
        index = upcoming(scheduler, given["timestep"])
        heard = self._at(given, index)
        pair = self._pair(heard)
        assert self.layout is not None
        step = Step(
            self._calls, self.layout, pair, heard.handed, heard.sample,
            noise_level(scheduler, index, timestep_of(given)),
            scale_in_force(pair, heard), len(self.rows), len(self.rows[0]), len(scheduler.timesteps),
            lambda tensor: self._measure.by_frame(tensor, heard), lambda x: scaled(scheduler, x, given["timestep"]),
        )  # fmt: skip
        steered = self._remedy.steer(step)
        self.predictions += step.predictions
        given["model_output"], given["sample"] = steered.handed, steered.sample
        return steered

    def _record(self, scheduler: Any, heard: Heard, timestep: float, steered: Steered | None = None) -> None:
        common: Row = {"step": len(self.rows[0]), "timestep": timestep}
        try:
            level = noise_level(scheduler, heard.index, timestep)
            common |= {"sigma": level.sigma, "alpha_bar": level.alpha_bar}
        except UnknownParameterisation as error:
            return self._skip(common, str(error))
        try:
            rows = self._signals(steered.pair if steered else self._pair(heard), heard, level)
        except NoPair as error:
            return self._skip(common, str(error))
        if steered:
            rows = [{**row, **note} for row, note in zip(rows, steered.notes, strict=True)]
        for mine, row in zip(self.rows, rows, strict=True):
            mine.append({**common, **row, "status": OK, "reason": None})
        return None

    def _pair(self, heard: Heard) -> Pair:
        return self._guidance.pair(heard, first=not self.rows[0])

    def _signals(self, pair: Pair, heard: Heard, level: NoiseLevel) -> list[Row]:
        return self._measure.signals(pair, heard, level, first=not self.rows[0])

    def _skip(self, common: Row, reason: str) -> None:
        for rows in self.rows:
            rows.append({**common, "status": SKIPPED, "reason": reason})
        if not self._warned:
            warnings.warn(f"signals skipped at step {common['step']}: {reason}", RuntimeWarning, stacklevel=5)
            self._warned = True


def latent_frames(pipeline: Any, frames: int | None) -> int | None:
    """Latent frames of a video of `frames` frames, from the pipeline's temporal compression; None if unknown."""
    for name in ("vae_temporal_compression_ratio", "vae_scale_factor_temporal"):
        ratio = getattr(pipeline, name, None)
        if frames and isinstance(ratio, int) and ratio > 0:
            return (frames - 1) // ratio + 1
    return None
