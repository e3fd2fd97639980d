"""Which of the denoiser's outputs at a step are u and c: found by what the scheduler was handed, or said to be none."""

from __future__ import annotations

import inspect
from typing import Any

import diffusers
import torch

from vidmem.generate.families import Family, Heard
from vidmem.generate.layouts import LAYOUTS, Pair, Rebuild, Scale, find_layout, guidance_error, guided, like, tolerance


class NoPair(ValueError):
    """The step has no conditional and unconditional output that rebuild what the scheduler was handed."""


class GuidanceMismatch(RuntimeError):
    """A family's declared guidance doesn't rebuild what the scheduler was handed: its signals would be wrong."""


class Guidance:
    """How one call of a pipeline is guided.

    `scale` is the guidance scale that the pipeline was called with; None for its default. `layout` and `error` (of the
    identity, relative) are those of the first step, when it is over; a later step is held to the layouts that fitted.
    """

    def __init__(self, pipeline: Any, family: Family | None, scale: float | None) -> None:
        self.layout: str | None = None
        self.error: float | None = None
        self._pipeline, self._family, self._scale = pipeline, family, scale
        self._names = [family.layout] if family and family.layout else list(LAYOUTS)

    def scales(self) -> list[Scale]:
        """Guidance scales that may be in force: the given one, and what the pipeline says of itself now."""
        pipeline = self._pipeline
        default = inspect.signature(type(pipeline).__call__).parameters.get("guidance_scale")
        given = self._scale if self._scale is not None else (default.default if default else None)
        names = ("guidance_scale", "_guidance_scale", "_guidance_scale_2", "_true_cfg_scale")
        said = [getattr(pipeline, name, None) for name in names]
        said.append(getattr(getattr(pipeline, "guider", None), "guidance_scale", None))
        numbers = [float(s) for s in (given, *said) if isinstance(s, (int, float))]
        return [*dict.fromkeys(numbers), *[s for s in said[:1] if isinstance(s, torch.Tensor)]]

    def pair(self, heard: Heard, first: bool) -> Pair:
        """u and c of a step, shaped as what the scheduler was handed.

        Raises `NoPair`, and on the `first` step of a family whose layout is declared `GuidanceMismatch`.
        """
        outputs, handed, family = heard.outputs, heard.handed, self._family
        declared = family is not None and family.layout is not None and len(outputs) > 1  # asked for both all the same
        off = not declared and all(isinstance(s, float) and s == 1 for s in heard.scales)
        if not outputs or off or _unguided(outputs, handed):
            raise NoPair(f"no classifier-free guidance pair: {family.why if family and family.why else _said(heard)}")
        names, pair, error = find_layout(outputs, handed, heard.scales, self._names, self._rebuild(heard))
        if first:
            self.error = error
        if pair is None:
            fits = error != float("inf")
            if first and fits and family and family.layout:
                raise GuidanceMismatch(_complaint(family, heard, error))
            found = f"relative error {error:.2g}" if fits else "no known layout fits"
            raise NoPair(
                "no classifier-free guidance pair: u + s(c - u) is not what the scheduler was handed "
                f"({found}; {_said(heard)})"
            )
        self._names, self.layout = names, names[0]
        return pair

    def _rebuild(self, heard: Heard) -> Rebuild:
        own = self._family.rebuild if self._family else None
        return guided if own is None else lambda u, c, scale: own(u, c, scale, heard)


def scale_in_force(pair: Pair, heard: Heard) -> Scale:
    """Which of the guidance scales that may be in force is."""
    scale: Scale = min(heard.scales, key=lambda scale: guidance_error(pair, scale, heard.handed))
    return scale


def _said(heard: Heard) -> str:
    shape = f" with {tuple(heard.outputs[0].shape)} first" if heard.outputs else ""
    return f"the denoiser was called {len(heard.outputs)} times{shape}, guidance scale {heard.scales}"


def _complaint(family: Family, heard: Heard, error: float) -> str:
    allowed = tolerance(heard.outputs, heard.handed)
    return (
        f"family {family.name} ({type(heard.pipeline).__name__}): what the scheduler was handed on the first step is "
        f"not the guidance of its two predictions ({family.layout}): relative error {error:.2g}, allowed "
        f"{allowed:.2g}; {_said(heard)}. Its signals would be wrong. Options that change the guidance "
        "(guidance_rescale, PAG and the like) do this; if none is on, diffusers has changed: please report this "
        f"message with its version ({diffusers.__version__}) and the model"
    )


def _unguided(outputs: list[torch.Tensor], handed: torch.Tensor) -> bool:
    if len(outputs) != 1:
        return False
    alone = like(outputs[0], handed.shape)
    return alone is not None and torch.equal(alone.to(handed.dtype), handed)
