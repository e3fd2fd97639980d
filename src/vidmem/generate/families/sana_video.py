"""SANA-Video: linear attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidmem.generate.families.base import Family


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The size asked for is the size that is sampled, not the nearest of a list, scaled."""
    return {"use_resolution_binning": False}


FAMILY = Family(
    name="sana-video",
    title="SANA-Video",
    pipelines=("SanaVideoPipeline",),
    layout="one batch, unconditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=32,
    arguments=_arguments,
)
