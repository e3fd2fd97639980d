"""Guidance that is a component of the pipeline (diffusers' guiders): what HunyuanVideo 1.5 and Motif-Video share."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vidmem.generate.families.base import Heard

if TYPE_CHECKING:
    import torch


def arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Set the guider's scale, for the call has no argument for it."""
    scale = settings.get("guidance_scale")
    if scale is not None:
        pipeline.guider.guidance_scale = float(scale)
    return {}


def rebuild(u: torch.Tensor, c: torch.Tensor, scale: Any, heard: Heard) -> torch.Tensor:
    """What the pipeline's guider makes of the pair: u + s (c - u), or adaptive projected guidance.

    `scale` isn't used: the guider has its own. It is asked a second time, so a running mean that it keeps must not
    move on.
    """
    guider = copy.copy(heard.pipeline.guider)
    moving = getattr(guider, "momentum_buffer", None)
    if moving is not None:
        guider.momentum_buffer = _Standing(moving.running_average)
    guided: torch.Tensor = guider.forward(pred_cond=c, pred_uncond=u).pred
    return guided


class _Standing:
    """The running mean of the differences c - u as it is, this step's included."""

    def __init__(self, running_average: torch.Tensor) -> None:
        self.running_average = running_average

    def update(self, difference: torch.Tensor) -> None:
        """Nothing: this step's difference is in it."""
