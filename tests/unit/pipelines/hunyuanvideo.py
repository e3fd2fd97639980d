from __future__ import annotations

from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoPipeline, HunyuanVideoTransformer3DModel
from transformers import LlamaConfig, LlamaModel

from pipelines.common import WORDS, clip_text, flow, tokenizer

FRAMES = 9
ARGUMENTS = {"unconditional_pass": True}


def vae() -> AutoencoderKLHunyuanVideo:
    """4 latent channels; 8 times smaller in space, 4 times in time."""
    return AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    )


def build() -> HunyuanVideoPipeline:
    transformer = HunyuanVideoTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=10,
        num_layers=1,
        num_single_layers=1,
        num_refiner_layers=1,
        patch_size=1,
        text_embed_dim=16,
        pooled_projection_dim=8,
        rope_axes_dim=(2, 4, 4),
    )
    llama = LlamaConfig(
        hidden_size=16, intermediate_size=16, num_attention_heads=2, num_hidden_layers=3, vocab_size=WORDS
    )
    return HunyuanVideoPipeline(
        text_encoder=LlamaModel(llama).eval(),
        tokenizer=tokenizer(512),
        transformer=transformer,
        vae=vae(),
        scheduler=flow(7.0),
        text_encoder_2=clip_text(8),
        tokenizer_2=tokenizer(77),
    )
