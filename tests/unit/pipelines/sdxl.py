from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextModelWithProjection

from pipelines.common import clip_text, ddim, image_vae, tokenizer
from pipelines.stable_diffusion import unet


def xl_unet() -> UNet2DConditionModel:
    """The second text encoder's pooled output and six sizes are conditions beside the text."""
    return unet(
        addition_embed_type="text_time",
        addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=6 * 4 + 4,
        cross_attention_dim=8,
        use_linear_projection=True,
    )


def xl_text() -> dict[str, Any]:
    return {
        "text_encoder": clip_text(4, projection_dim=4),
        "text_encoder_2": clip_text(4, CLIPTextModelWithProjection, projection_dim=4),
        "tokenizer": tokenizer(77),
        "tokenizer_2": tokenizer(77),
    }


def build() -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline(
        vae=image_vae(), unet=xl_unet(), scheduler=ddim(), add_watermarker=False, **xl_text()
    )
