from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKLHunyuanVideo15, HunyuanVideo15Pipeline, HunyuanVideo15Transformer3DModel
from diffusers.guiders import ClassifierFreeGuidance
from transformers import ByT5Tokenizer, Qwen2_5_VLTextConfig, Qwen2_5_VLTextModel, T5Config, T5EncoderModel

from pipelines.common import TEXT_WIDTH, WORDS, flow, tokenizer

FRAMES = 5
SIZE = 16
# The pipeline cuts off the first 108 tokens, Qwen's count of the system message; with this tokenizer they are fewer.
CHAT = "{{ 'system ' * 60 }}{% for message in messages %}{{ message['role'] + ' ' + message['content'] }} {% endfor %}"


def qwen_text() -> Qwen2_5_VLTextModel:
    config = Qwen2_5_VLTextConfig(
        vocab_size=WORDS,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        rope_parameters={"mrope_section": [1, 1, 2], "rope_type": "default", "rope_theta": 1e6},
    )
    return Qwen2_5_VLTextModel(config).eval()


def chat_tokenizer() -> Any:
    made = tokenizer(2048)
    made.chat_template = CHAT
    return made


def build(guider: Any = None) -> HunyuanVideo15Pipeline:
    transformer = HunyuanVideo15Transformer3DModel(
        in_channels=9,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=1,
        num_refiner_layers=1,
        mlp_ratio=2.0,
        text_embed_dim=16,
        text_embed_2_dim=TEXT_WIDTH,
        image_embed_dim=8,
        rope_axes_dim=(2, 2, 4),
        target_size=16,
        task_type="t2v",
    )
    vae = AutoencoderKLHunyuanVideo15(
        latent_channels=4,
        block_out_channels=(16, 16),
        layers_per_block=1,
        spatial_compression_ratio=4,
        temporal_compression_ratio=2,
        downsample_match_channel=False,
        upsample_match_channel=False,
    )
    glyphs = T5Config(vocab_size=384, d_model=TEXT_WIDTH, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return HunyuanVideo15Pipeline(
        text_encoder=qwen_text(),
        tokenizer=chat_tokenizer(),
        transformer=transformer,
        vae=vae,
        scheduler=flow(7.0),
        text_encoder_2=T5EncoderModel(glyphs).eval(),
        tokenizer_2=ByT5Tokenizer(),
        guider=guider or ClassifierFreeGuidance(guidance_scale=6.0),
    )
