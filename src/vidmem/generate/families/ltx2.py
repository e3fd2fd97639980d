"""LTX-2: video and sound together; only the video's predictions are recorded.

Guidance is summed up in clean samples, and by default two further passes (of a transformer with attention
perturbed, and of one whose video doesn't see the sound) and a rescaling are part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vidmem.generate.families.base import Family, Heard

if TYPE_CHECKING:
    import torch


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The frame rate is a condition of this model: it must be the one at which the video is played."""
    return {"frame_rate": settings.get("fps")}


def _prepare(heard: Heard) -> Heard:
    """The first call is the one on both conditions; `_rebuild` is told the others by `arguments`."""
    return replace(heard, outputs=heard.outputs[:1], arguments={**heard.arguments, "extra": heard.outputs[1:]})


def _rebuild(u: torch.Tensor, c: torch.Tensor, scale: Any, heard: Heard) -> torch.Tensor:
    """What the pipeline computes: every term of guidance as a difference of clean samples."""
    pipeline, sample = heard.pipeline, heard.sample
    sigma: torch.Tensor = pipeline.scheduler.sigmas[heard.index]

    def clean(velocity: torch.Tensor) -> torch.Tensor:
        return sample - velocity.float() * sigma

    extra = [clean(output) for output in heard.arguments["extra"]]
    plain = clean(c)
    guided: torch.Tensor = plain + (scale - 1) * (plain - clean(u))
    if pipeline.do_spatio_temporal_guidance:
        guided = guided + pipeline.stg_scale * (plain - extra.pop(0))
    if pipeline.do_modality_isolation_guidance:
        guided = guided + (pipeline.modality_scale - 1) * (plain - extra.pop(0))
    if pipeline.guidance_rescale > 0:
        axes = list(range(1, plain.ndim))
        ratio = plain.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True)
        guided = pipeline.guidance_rescale * (guided * ratio) + (1 - pipeline.guidance_rescale) * guided
    return (sample - guided) / sigma


FAMILY = Family(
    name="ltx2",
    title="LTX-2",
    pipelines=("LTX2Pipeline",),
    layout="one batch, unconditional first",
    prediction="flow velocity",
    frames_multiple=8,
    size_multiple=32,
    arguments=_arguments,
    prepare=_prepare,
    rebuild=_rebuild,
)
