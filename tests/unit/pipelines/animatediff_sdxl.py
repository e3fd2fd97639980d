from __future__ import annotations

from diffusers import AnimateDiffSDXLPipeline

from pipelines.animatediff import adapter
from pipelines.common import ddim, image_vae
from pipelines.sdxl import xl_text, xl_unet


def build() -> AnimateDiffSDXLPipeline:
    return AnimateDiffSDXLPipeline(
        vae=image_vae(), unet=xl_unet(), motion_adapter=adapter(), scheduler=ddim(), **xl_text()
    )
