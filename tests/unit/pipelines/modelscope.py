from __future__ import annotations

from typing import Any

from diffusers import TextToVideoSDPipeline, UNet3DConditionModel

from pipelines.common import clip_text, ddim, image_vae, tokenizer


def build(**scheduler: Any) -> TextToVideoSDPipeline:
    unet = UNet3DConditionModel(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=4,
        attention_head_dim=4,
        norm_num_groups=2,
    )
    return TextToVideoSDPipeline(
        vae=image_vae(), text_encoder=clip_text(4), tokenizer=tokenizer(77), unet=unet, scheduler=ddim(**scheduler)
    )
