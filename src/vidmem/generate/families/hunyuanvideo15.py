"""HunyuanVideo 1.5: guided by a component of the pipeline."""

from __future__ import annotations

from typing import Any

from vidmem.generate.families import guiders
from vidmem.generate.families.base import Family


def _setup(pipeline: Any) -> None:
    """Decode one video after another: the attention of this VAE fails on a batch (diffusers 0.42)."""
    pipeline.vae.enable_slicing()


FAMILY = Family(
    name="hunyuanvideo15",
    title="HunyuanVideo 1.5",
    pipelines=("HunyuanVideo15Pipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
    setup=_setup,
    arguments=guiders.arguments,
    rebuild=guiders.rebuild,
)
