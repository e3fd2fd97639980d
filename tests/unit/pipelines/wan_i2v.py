from __future__ import annotations

from diffusers import WanImageToVideoPipeline
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

from pipelines import wan
from pipelines.common import flow, tokenizer, umt5, wan_vae

FRAMES = 9
GIVEN = 36  # channels: 16 of the latents, 16 of the first frame's, 4 of the mask


def build() -> WanImageToVideoPipeline:
    """As Wan 2.1's: the first frame also goes through an image encoder."""
    config = CLIPVisionConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )
    return WanImageToVideoPipeline(
        vae=wan_vae(),
        text_encoder=umt5(),
        tokenizer=tokenizer(512),
        transformer=wan.transformer(in_channels=GIVEN, image_dim=8, added_kv_proj_dim=24),
        scheduler=flow(3.0),
        image_encoder=CLIPVisionModel(config).eval(),
        image_processor=CLIPImageProcessor(size=32, crop_size=32),
    )


def two_transformers() -> WanImageToVideoPipeline:
    """As Wan 2.2's: two transformers and no image encoder."""
    return WanImageToVideoPipeline(
        vae=wan_vae(),
        text_encoder=umt5(),
        tokenizer=tokenizer(512),
        transformer=wan.transformer(in_channels=GIVEN),
        transformer_2=wan.transformer(in_channels=GIVEN),
        scheduler=flow(3.0),
        boundary_ratio=0.9,
    )


def first_frame_in_latents() -> WanImageToVideoPipeline:
    """As Wan 2.2's 5B: the first frame is put into the latents at every step."""
    return WanImageToVideoPipeline(
        vae=wan_vae(),
        text_encoder=umt5(),
        tokenizer=tokenizer(512),
        transformer=wan.transformer(),
        scheduler=flow(3.0),
        expand_timesteps=True,
    )


VARIANTS = {"2.2": two_transformers, "2.2 5B": first_frame_in_latents}
