"""Stable Video Diffusion: videos that start from an image. Guidance grows from the first frame to the last.

Its unconditional prediction is the one without the image: neither its vector nor its latents are given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidmem.generate.families.base import Family

FIRST_FRAME = 1.0  # guidance scale of the first frame, as the pipeline's own default


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`guidance_scale` is the last frame's; the frame rate is a condition of this model."""
    fps = settings.get("fps")
    return {
        "min_guidance_scale": FIRST_FRAME,
        "max_guidance_scale": settings.get("guidance_scale"),
        "fps": None if fps is None else round(fps),
    }


FAMILY = Family(
    name="stable-video-diffusion",
    title="Stable Video Diffusion",
    pipelines=("StableVideoDiffusionPipeline",),
    layout="one batch, unconditional first",
    prediction="v",
    condition="image",
    frames_first=True,
    denoisers=("unet",),
    arguments=_arguments,
)
