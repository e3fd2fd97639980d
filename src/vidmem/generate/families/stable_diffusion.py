"""Stable Diffusion 1 and 2: image models, whose images count as videos of one frame."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="stable-diffusion",
    title="Stable Diffusion",
    pipelines=("StableDiffusionPipeline",),
    layout="one batch, unconditional first",
    prediction="ε or v",
    denoisers=("unet",),
    image=True,
)
