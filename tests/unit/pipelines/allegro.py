from __future__ import annotations

from diffusers import AllegroPipeline, AllegroTransformer3DModel, AutoencoderKLAllegro

from pipelines.common import TEXT_WIDTH, ddim, t5, tokenizer

FRAMES = 24


def build() -> AllegroPipeline:
    transformer = AllegroTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=4,
        out_channels=4,
        num_layers=1,
        cross_attention_dim=24,
        sample_width=8,
        sample_height=8,
        sample_frames=8,
        caption_channels=TEXT_WIDTH,
    )
    blocks = {f"{way}_block_types": (f"Allegro{way.title()}Block3D",) * 4 for way in ("down", "up")}
    vae = AutoencoderKLAllegro(
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
        **blocks,
    )
    return AllegroPipeline(
        vae=vae, text_encoder=t5(), tokenizer=tokenizer(512), transformer=transformer, scheduler=ddim()
    )
