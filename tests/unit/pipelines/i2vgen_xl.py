from __future__ import annotations

from diffusers import I2VGenXLPipeline
from diffusers.models.unets import I2VGenXLUNet
from transformers import CLIPImageProcessor

from pipelines.common import clip_text, ddim, image_vae, tokenizer
from pipelines.stable_video_diffusion import clip_vision

FRAMES = 4
SIZE = 16


def build() -> I2VGenXLPipeline:
    unet = I2VGenXLUNet(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=4,
        attention_head_dim=4,
        norm_num_groups=2,
    )
    return I2VGenXLPipeline(
        vae=image_vae(),
        text_encoder=clip_text(4),
        tokenizer=tokenizer(77),
        image_encoder=clip_vision(4, 32),
        feature_extractor=CLIPImageProcessor(size=32, crop_size=32),
        unet=unet,
        scheduler=ddim(),
    )
