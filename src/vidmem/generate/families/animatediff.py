"""AnimateDiff: a motion adapter over a Stable Diffusion 1.5 image model."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="animatediff",
    title="AnimateDiff",
    pipelines=("AnimateDiffPipeline",),
    layout="one batch, unconditional first",
    prediction="ε",
    frames_most=32,
    denoisers=("unet",),
    image_model="StableDiffusionPipeline",
)
