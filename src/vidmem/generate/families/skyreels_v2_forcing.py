"""SkyReels-V2 with diffusion forcing: every latent frame has a scheduler of its own, a copy of the pipeline's.

After each pair of denoiser calls the scheduler's copies are handed one latent frame each. By default all frames stand
at the same noise level, and so they are put together here. Asynchronous sampling (`ar_step`), which vidmem
never asks for, gives frames of one pair different levels: its steps have no signals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vidmem.generate.families.base import Family, Heard

OWN_LIMIT = 97  # frames that the pipeline takes without a history to go on from, unless it is told otherwise


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All frames in one go: the pipeline refuses more than 97 (the 720P models make 121) without this.

    The frame rate is a condition of some of these models.
    """
    fps = settings.get("fps")
    return {
        "base_num_frames": max(int(settings.get("frames") or 0), OWN_LIMIT),
        "fps": None if fps is None else round(fps),
    }


def _prepare(heard: Heard) -> Heard | None:
    """One step, when the last frame of it comes in."""
    import torch

    steps = [*heard.earlier, heard.arguments]
    if not heard.outputs or len(steps) < heard.outputs[0].shape[2]:
        return None
    handed, sample = (torch.stack([step[name] for step in steps], dim=2) for name in ("model_output", "sample"))
    return replace(heard, handed=handed, sample=sample)


FAMILY = Family(
    name="skyreels-v2-forcing",
    title="SkyReels V2, diffusion forcing",
    pipelines=("SkyReelsV2DiffusionForcingPipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
    copies=True,
    arguments=_arguments,
    prepare=_prepare,
)
