from __future__ import annotations

from diffusers import DiTPipeline, DiTTransformer2DModel

from pipelines.common import ddim, image_vae


def build() -> DiTPipeline:
    transformer = DiTTransformer2DModel(
        sample_size=16,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=4,
        out_channels=8,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_zero",
        norm_elementwise_affine=False,
    )
    return DiTPipeline(transformer=transformer.eval(), vae=image_vae(), scheduler=ddim())
