from __future__ import annotations

import torch
from diffusers import AutoencoderKLMochi, MochiPipeline, MochiTransformer3DModel

from pipelines.common import TEXT_WIDTH, flow, t5, tokenizer

FRAMES = 7


def build() -> MochiPipeline:
    transformer = MochiTransformer3DModel(
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        in_channels=12,
        qk_norm="rms_norm",
        text_embed_dim=TEXT_WIDTH,
        time_embed_dim=4,
        activation_fn="swiglu",
        max_sequence_length=16,
    )
    with torch.no_grad():
        transformer.pos_frequencies.normal_()  # the class leaves them to the checkpoint
    vae = AutoencoderKLMochi(
        latent_channels=12,
        out_channels=3,
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
    )
    return MochiPipeline(
        vae=vae, text_encoder=t5(), tokenizer=tokenizer(256), transformer=transformer, scheduler=flow()
    )
