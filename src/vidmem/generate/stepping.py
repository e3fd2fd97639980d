"""`scheduler.step` as the recorder's, and what a scheduler says of the step that is about to be taken."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch


class RecordedStep:
    """Stands for `scheduler.step`: called, it has `record(scheduler, step, args, kwargs)` take the step.

    Pipelines inspect its signature, and some copy the scheduler. The copies' steps are their own; they are recorded
    with `copies` (SkyReels' frames), and not without (LTX2's sound).
    """

    def __init__(self, scheduler: Any, original: Callable[..., Any], record: Callable[..., Any], copies: bool) -> None:
        functools.update_wrapper(self, original)
        self._scheduler, self._original, self._record, self._copies = scheduler, original, record, copies

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._record(self._scheduler, self._original, args, kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = memo.get(id(self._scheduler))
        if copied is None:
            return self
        own = types.MethodType(type(copied).step, copied)
        return RecordedStep(copied, own, self._record, True) if self._copies else own


def timestep_of(given: Mapping[str, Any]) -> float:
    """The timestep among the arguments of `scheduler.step`; of one a video or frame, the first."""
    return float(torch.as_tensor(given["timestep"]).flatten()[0])


def upcoming(scheduler: Any, timestep: Any) -> int | None:
    """The place in `scheduler.sigmas` of the step that is about to be taken, as diffusers' schedulers find it."""
    if not hasattr(scheduler, "step_index"):
        return None
    if scheduler.step_index is not None:
        return int(scheduler.step_index)
    begin = getattr(scheduler, "begin_index", None)
    return int(scheduler.index_for_timestep(timestep) if begin is None else begin)


def scaled(scheduler: Any, sample: torch.Tensor, timestep: Any) -> torch.Tensor:
    """The sample as the denoiser is to see it, where the scheduler has a say in it."""
    scale = getattr(scheduler, "scale_model_input", None)
    found: torch.Tensor = sample if scale is None else scale(sample, timestep)
    return found
