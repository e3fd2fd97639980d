from __future__ import annotations

from diffusers import HeliosPipeline, HeliosScheduler, HeliosTransformer3DModel

from pipelines.common import TEXT_WIDTH, tokenizer, umt5, wan_vae

FRAMES = 33
SIZE = 16


def build() -> HeliosPipeline:
    transformer = HeliosTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, text_dim=TEXT_WIDTH, ffn_dim=32, num_layers=2, rope_dim=(4, 4, 4)
    )
    return HeliosPipeline(
        tokenizer=tokenizer(512),
        text_encoder=umt5(),
        vae=wan_vae(),
        scheduler=HeliosScheduler(stages=1, stage_range=[0, 1], use_dynamic_shifting=True),
        transformer=transformer,
    )
