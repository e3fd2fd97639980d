"""AnimateDiff over Stable Diffusion XL."""

from __future__ import annotations

from typing import Any

from vidmem.generate.families.base import Family


def _setup(pipeline: Any) -> None:
    """Keep a VAE that overflows in float16 in float32 as a whole.

    The pipeline means to do that itself while decoding, but leaves a part of the decoder in float16, which fails.
    """
    import torch

    vae = pipeline.vae
    if vae.dtype == torch.float16 and vae.config.force_upcast:
        vae.to(torch.float32)
        vae.post_quant_conv.register_forward_pre_hook(lambda module, given: (given[0].to(module.weight.dtype),))


FAMILY = Family(
    name="animatediff-sdxl",
    title="AnimateDiff-SDXL",
    pipelines=("AnimateDiffSDXLPipeline",),
    layout="one batch, unconditional first",
    prediction="ε",
    frames_most=32,
    denoisers=("unet",),
    image_model="StableDiffusionXLPipeline",
    setup=_setup,
)
