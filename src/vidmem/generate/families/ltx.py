"""LTX-Video: latents are a flat list of tokens, frames outermost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidmem.generate.families.base import Family


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The frame rate is a condition of this model: it must be the one at which the video is played."""
    return {"frame_rate": settings.get("fps")}


FAMILY = Family(
    name="ltx",
    title="LTX-Video",
    pipelines=("LTXPipeline",),
    layout="one batch, unconditional first",
    prediction="flow velocity",
    frames_multiple=8,
    size_multiple=32,
    arguments=_arguments,
)
