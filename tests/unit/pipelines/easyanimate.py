from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKLMagvit, EasyAnimatePipeline, EasyAnimateTransformer3DModel
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

from pipelines.common import TEXT_WIDTH, WORDS, flow, tokenizer

FRAMES = 5


def qwen2_vl() -> Qwen2VLForConditionalGeneration:
    text = {
        "vocab_size": WORDS,
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
    }
    vision = {"depth": 1, "embed_dim": 16, "hidden_size": TEXT_WIDTH, "num_heads": 2, "mlp_ratio": 1}
    return Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision)).eval()


def chat_tokenizer() -> Any:
    made = tokenizer(256)
    made.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'][0]['text'] }}{% endfor %}"
    return made


def build() -> EasyAnimatePipeline:
    transformer = EasyAnimateTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        in_channels=4,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=TEXT_WIDTH,
        num_layers=1,
        sample_width=16,
        sample_height=16,
        patch_size=2,
    )
    blocks = {
        f"{way}_block_types": (f"Spatial{way.title()}Block3D", *(f"SpatialTemporal{way.title()}Block3D",) * 3)
        for way in ("down", "up")
    }
    vae = AutoencoderKLMagvit(
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        spatial_group_norm=False,
        **blocks,
    )
    return EasyAnimatePipeline(
        vae=vae, text_encoder=qwen2_vl(), tokenizer=chat_tokenizer(), transformer=transformer, scheduler=flow()
    )
