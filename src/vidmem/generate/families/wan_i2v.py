"""Wan 2.1 and 2.2 from an image and a caption; both predictions see the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidmem.generate.families.base import Family
from vidmem.generate.families.wan import DENOISERS, scale_in_force


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """One video a call: the pipeline takes one image, whatever the number of captions."""
    images = settings["images"]
    if images is None or len(images) != 1:
        raise ValueError("Wan from an image is sampled one video at a time: set `batch_size: 1`")
    return {"image": images[0]}


FAMILY = Family(
    name="wan-i2v",
    title="Wan 2.1 and 2.2, from an image",
    pipelines=("WanImageToVideoPipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    condition="image",
    frames_multiple=4,
    size_multiple=16,
    denoisers=DENOISERS,
    at_once=1,
    second_scale=True,
    arguments=_arguments,
    scale=scale_in_force,
)
