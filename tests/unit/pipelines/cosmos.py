from __future__ import annotations

from diffusers import AutoencoderKLCosmos, CosmosTextToWorldPipeline, CosmosTransformer3DModel, EDMEulerScheduler

from pipelines.common import TEXT_WIDTH, t5, tokenizer
from vidmem.generate.guardrail import NoGuardrail

FRAMES = 9


LOADING = {"guardrail": False}  # its package and weights must be fetched


def build() -> CosmosTextToWorldPipeline:
    transformer = CosmosTransformer3DModel(
        in_channels=4,
        out_channels=4,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=1,
        mlp_ratio=2,
        text_embed_dim=TEXT_WIDTH,
        adaln_lora_dim=4,
        max_size=(4, 32, 32),
    )
    vae = AutoencoderKLCosmos(
        latent_channels=4,
        encoder_block_out_channels=(8, 8, 8, 8),
        decode_block_out_channels=(8, 8, 8, 8),
        attention_resolutions=(8,),
        resolution=64,
        spatial_compression_ratio=4,
        temporal_compression_ratio=4,
    )
    pipeline = CosmosTextToWorldPipeline(
        text_encoder=t5(),
        tokenizer=tokenizer(512),
        transformer=transformer,
        vae=vae,
        scheduler=EDMEulerScheduler(sigma_max=80.0, sigma_data=0.5, final_sigmas_type="sigma_min"),
        safety_checker=NoGuardrail(),
    )
    pipeline.register_modules(safety_checker=None)  # not saved
    return pipeline
