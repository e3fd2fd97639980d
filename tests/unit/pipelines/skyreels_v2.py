from __future__ import annotations

from diffusers import SkyReelsV2Pipeline, SkyReelsV2Transformer3DModel, UniPCMultistepScheduler

from pipelines.common import TEXT_WIDTH, tokenizer, umt5, wan_vae

FRAMES = 9


def transformer() -> SkyReelsV2Transformer3DModel:
    return SkyReelsV2Transformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=TEXT_WIDTH,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
    )


def build() -> SkyReelsV2Pipeline:
    return SkyReelsV2Pipeline(
        vae=wan_vae(),
        text_encoder=umt5(),
        tokenizer=tokenizer(512),
        transformer=transformer(),
        scheduler=UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=8.0),
    )
