from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from diffusers import AutoencoderKLCosmos, CosmosTextToWorldPipeline, CosmosTransformer3DModel, EDMEulerScheduler
from diffusers.pipelines.cosmos import pipeline_cosmos2_5_predict, pipeline_cosmos_text2world

from pipelines.common import TEXT_WIDTH, t5, tokenizer

FRAMES = 9


class Unguarded:
    """Stands in for NVIDIA's guardrail, whose weights must be fetched, and lets everything pass. For tests alone."""

    def to(self, device: Any) -> Unguarded:
        return self

    def check_text_safety(self, prompt: str) -> bool:
        return True

    def check_video_safety(self, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return frames


# A Cosmos pipeline that is given no guardrail makes one. Without the package `cosmos_guardrail` its class only raises.
GUARDRAIL: Any = pipeline_cosmos_text2world.CosmosSafetyChecker
for module in (pipeline_cosmos_text2world, pipeline_cosmos2_5_predict):
    module.CosmosSafetyChecker = Unguarded


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
    )
    pipeline.register_modules(safety_checker=None)  # not saved: whoever loads the pipeline brings one
    return pipeline
