from __future__ import annotations

from typing import Any

from diffusers import WanPipeline, WanTransformer3DModel

from pipelines.common import TEXT_WIDTH, flow, tokenizer, umt5, wan_vae

FRAMES = 9


def transformer(**changes: Any) -> WanTransformer3DModel:
    config: dict[str, Any] = {
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "text_dim": TEXT_WIDTH,
        "ffn_dim": 32,
        "num_layers": 2,
        "rope_max_seq_len": 32,
    }
    return WanTransformer3DModel(**{**config, **changes})


def build(scheduler: Any = None) -> WanPipeline:
    return WanPipeline(
        vae=wan_vae(),
        text_encoder=umt5(),
        tokenizer=tokenizer(512),
        transformer=transformer(),
        scheduler=scheduler or flow(3.0),
    )


def two_transformers() -> WanPipeline:
    """As Wan 2.2's: one transformer for the noisy steps and one for the others, with a guidance scale of its own."""
    return WanPipeline(
        vae=wan_vae(),
        text_encoder=umt5(),
        tokenizer=tokenizer(512),
        transformer=transformer(),
        transformer_2=transformer(),
        scheduler=flow(3.0),
        boundary_ratio=0.875,
    )


VARIANTS = {"2.2": two_transformers}
