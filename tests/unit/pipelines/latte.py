from __future__ import annotations

from diffusers import LattePipeline, LatteTransformer3DModel

from pipelines.common import TEXT_WIDTH, ddim, image_vae, t5, tokenizer

FRAMES = 16


def build() -> LattePipeline:
    transformer = LatteTransformer3DModel(
        sample_size=8,
        num_layers=1,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=TEXT_WIDTH,
        in_channels=4,
        cross_attention_dim=24,
        out_channels=8,
        attention_bias=True,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_single",
        norm_elementwise_affine=False,
        norm_eps=1e-6,
        video_length=16,
    )
    return LattePipeline(
        vae=image_vae(), text_encoder=t5(), tokenizer=tokenizer(120), transformer=transformer, scheduler=ddim()
    )
