"""Signals and frames of real diffusers pipelines: tiny, with random weights, saved and loaded as a user's would be."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import UniPCMultistepScheduler, WanTransformer3DModel
from tinypipelines import PIPELINES, wan

from vidmem.generate.load import ModelError, call_arguments, load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames

SETTINGS = {"steps": 3, "guidance_scale": 4.0, "width": 32, "height": 32, "frames": 9}


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
