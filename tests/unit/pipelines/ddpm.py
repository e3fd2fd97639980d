from __future__ import annotations

from diffusers import DDIMPipeline, DDPMPipeline, DDPMScheduler, UNet2DModel

from pipelines.common import ddim


def unet() -> UNet2DModel:
    return UNet2DModel(
        sample_size=16,
        block_out_channels=(4, 8),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        norm_num_groups=2,
    )


def build() -> DDPMPipeline:
    return DDPMPipeline(unet=unet(), scheduler=DDPMScheduler())


def implicit() -> DDIMPipeline:
    return DDIMPipeline(unet=unet(), scheduler=ddim())


VARIANTS = {"DDIM": implicit}
