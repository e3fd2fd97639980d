from __future__ import annotations

from typing import Any

import torch
from diffusers import Kandinsky5T2VPipeline, Kandinsky5Transformer3DModel
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from pipelines.common import WORDS, clip_text, flow, tokenizer
from pipelines.hunyuanvideo import vae

FRAMES = 9


def qwen() -> Qwen2_5_VLForConditionalGeneration:
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": WORDS,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_parameters": {"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6},
        },
        vision_config={"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16},
    )
    return Qwen2_5_VLForConditionalGeneration(config).eval()


def processor() -> Any:
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(),
        tokenizer=tokenizer(2048),
        video_processor=Qwen2VLVideoProcessor(),
    )


def build(visual_cond: bool = False) -> Kandinsky5T2VPipeline:
    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=4,
        in_text_dim=16,
        in_text_dim2=8,
        time_dim=16,
        out_visual_dim=4,
        model_dim=24,
        ff_dim=32,
        num_text_blocks=1,
        num_visual_blocks=1,
        axes_dims=(4, 4, 4),
        visual_cond=visual_cond,
    )
    for name, parameter in transformer.named_parameters():
        if "modulation" in name:  # they start at zero, and blocks that are switched off say the same of any prompt
            torch.nn.init.normal_(parameter, std=0.5)
    return Kandinsky5T2VPipeline(
        transformer=transformer,
        vae=vae(),
        text_encoder=qwen(),
        tokenizer=processor(),
        text_encoder_2=clip_text(8),
        tokenizer_2=tokenizer(77),
        scheduler=flow(5.0),
    )


def with_visual_condition() -> Kandinsky5T2VPipeline:
    """As the published models are: a (here empty) first frame and its mask stand beside the latents."""
    return build(visual_cond=True)


VARIANTS = {"visual condition": with_visual_condition}
