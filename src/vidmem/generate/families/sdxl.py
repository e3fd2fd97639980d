"""Stable Diffusion XL: an image model, whose images count as videos of one frame.

Its null condition is by default not the empty caption but zeros; `negative_prompt=""` makes it the caption.
"""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    pipelines=("StableDiffusionXLPipeline",),
    layout="one batch, unconditional first",
    prediction="ε",
    denoisers=("unet",),
    image=True,
)
