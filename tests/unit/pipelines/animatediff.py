from __future__ import annotations

from diffusers import AnimateDiffPipeline, MotionAdapter

from pipelines.common import clip_text, ddim, image_vae, tokenizer
from pipelines.stable_diffusion import unet


def adapter() -> MotionAdapter:
    return MotionAdapter(
        block_out_channels=(4, 8),
        motion_layers_per_block=1,
        motion_norm_num_groups=2,
        motion_num_attention_heads=2,
        use_motion_mid_block=False,
    )


def build() -> AnimateDiffPipeline:
    return AnimateDiffPipeline(
        vae=image_vae(),
        text_encoder=clip_text(4),
        tokenizer=tokenizer(77),
        unet=unet(),
        motion_adapter=adapter(),
        scheduler=ddim(),
    )
