from __future__ import annotations

from typing import Any

from diffusers import MotifVideoPipeline, MotifVideoTransformer3DModel
from diffusers.guiders import AdaptiveProjectedGuidance, ClassifierFreeGuidance
from transformers import T5Gemma2Encoder, T5Gemma2EncoderConfig, T5Gemma2TextConfig

from pipelines.common import WORDS, flow, tokenizer, wan_vae

FRAMES = 9


def gemma() -> T5Gemma2Encoder:
    text = T5Gemma2TextConfig(
        vocab_size=WORDS,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=512,
        dropout_rate=0.0,
    )
    vision = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 28,
        "patch_size": 14,
    }
    return T5Gemma2Encoder(T5Gemma2EncoderConfig(text_config=text, vision_config=vision)).eval()


def build(guider: Any = None) -> MotifVideoPipeline:
    transformer = MotifVideoTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=1,
        num_single_layers=1,
        patch_size=1,
        text_embed_dim=16,
        rope_axes_dim=(4, 4, 4),
    )
    return MotifVideoPipeline(
        scheduler=flow(7.0),
        vae=wan_vae(),
        text_encoder=gemma(),
        tokenizer=tokenizer(512),
        transformer=transformer,
        guider=guider or ClassifierFreeGuidance(guidance_scale=6.0),
    )


def projected() -> MotifVideoPipeline:
    """With adaptive projected guidance, which is no u + s (c - u)."""
    return build(AdaptiveProjectedGuidance(guidance_scale=6.0, adaptive_projected_guidance_rescale=1.0, eta=0.5))


def projected_with_momentum() -> MotifVideoPipeline:
    return build(AdaptiveProjectedGuidance(guidance_scale=6.0, adaptive_projected_guidance_momentum=-0.5))


VARIANTS = {"projected": projected, "projected with momentum": projected_with_momentum}
