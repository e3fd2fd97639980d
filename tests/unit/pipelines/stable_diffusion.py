from __future__ import annotations

from diffusers import StableDiffusionPipeline, UNet2DConditionModel

from pipelines.common import clip_text, ddim, image_vae, tokenizer


def unet(**changes: object) -> UNet2DConditionModel:
    config: dict[str, object] = {
        "block_out_channels": (4, 8),
        "layers_per_block": 1,
        "sample_size": 32,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 4,
        "attention_head_dim": 2,
        "norm_num_groups": 2,
    }
    return UNet2DConditionModel(**{**config, **changes})


def build() -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        vae=image_vae(),
        text_encoder=clip_text(4),
        tokenizer=tokenizer(77),
        unet=unet(),
        scheduler=ddim(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
