from __future__ import annotations

from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline, CogVideoXTransformer3DModel

from pipelines.common import TEXT_WIDTH, ddim, t5, tokenizer

FRAMES = 9


def build() -> CogVideoXPipeline:
    blocks = {f"{way}_block_types": (f"CogVideoX{way.title()}Block3D",) * 4 for way in ("down", "up")}
    vae = AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2, **blocks
    )
    transformer = CogVideoXTransformer3DModel(
        num_attention_heads=4,
        attention_head_dim=8,
        in_channels=4,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=TEXT_WIDTH,
        num_layers=1,
        sample_width=4,
        sample_height=4,
        sample_frames=9,
    )
    return CogVideoXPipeline(
        vae=vae,
        text_encoder=t5(),
        tokenizer=tokenizer(226),
        transformer=transformer,
        scheduler=ddim(prediction_type="v_prediction"),
    )
