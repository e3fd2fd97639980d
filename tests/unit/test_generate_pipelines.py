"""The recorder and the loader on real diffusers pipelines: tiny, with random weights, saved and loaded as a user's.

What holds for every family is in test_families.py.
"""

from __future__ import annotations

import copy
import itertools
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import LTXPipeline, StableDiffusionPAGPipeline, UniPCMultistepScheduler, WanTransformer3DModel
from pipelines import cogvideox, ltx, modelscope, stable_diffusion, wan

from vidmem.generate.guidance import GuidanceMismatch
from vidmem.generate.load import ModelError, call_arguments, load_pipeline, sample
from vidmem.generate.noise import noise_level
from vidmem.generate.recorder import Recorder, Stopped, latent_frames

PIPELINES = {"modelscope": modelscope, "stable-diffusion": stable_diffusion, "wan": wan, "ltx": ltx}
SETTINGS = {"steps": 3, "guidance_scale": 4.0, "width": 32, "height": 32, "frames": 9}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root, made = tmp_path_factory.mktemp("pipelines"), {}
    for name, module in PIPELINES.items():
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(3)
            module.build().save_pretrained(str(root / name), safe_serialization=True)
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


def plain_signals(u: torch.Tensor, c: torch.Tensor, factor: float, base: torch.Tensor) -> dict[str, float]:
    """The signals of one video from u and c (C, F, H, W), in float64 and one frame after the other."""
    delta = [factor * (c[:, f].double() - u[:, f].double()) for f in range(u.shape[1])]
    moved = [later - earlier for earlier, later in itertools.pairwise(delta)]

    def magnitude(frames: list[torch.Tensor]) -> float:
        return (sum(float((frame**2).sum()) for frame in frames) / sum(frame.numel() for frame in frames)) ** 0.5

    plain = [base[:, f].double() for f in range(u.shape[1])]
    product = sum(float((d * b).sum()) for d, b in zip(delta, plain, strict=True))
    return {
        "content_magnitude": magnitude(delta),
        "motion_magnitude": magnitude(moved),
        "uncond_norm": magnitude(plain),
        "cosine": product / (magnitude(delta) * magnitude(plain) * base.numel()),
        "profile": [magnitude([frame]) for frame in delta],  # type: ignore[dict-item]
    }


def agree(row: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-3, abs=1e-9 if name != "cosine" else 1e-5), name


def test_a_unets_signals_are_those_of_two_plain_calls(folders: dict[str, Path]) -> None:
    """ModelScope (epsilon, one batch): u and c from a call each, at every step of a sampler written out here."""
    pipeline = load_pipeline(folders["modelscope"], device="cpu")
    recorder, _ = recorded(pipeline, ["a dog runs"], [7])
    latents = torch.randn(1, 4, 9, 32, 32, generator=torch.Generator().manual_seed(7))
    pipeline.scheduler.set_timesteps(3)
    with torch.inference_mode():
        conditions = [pipeline.encode_prompt(prompt, "cpu", 1, False)[0] for prompt in ("", "a dog runs")]
        for step, t in enumerate(pipeline.scheduler.timesteps):
            u, c = (pipeline.unet(latents, t, encoder_hidden_states=x).sample for x in conditions)
            agree(recorder.rows[0][step], plain_signals(u[0], c[0], 1.0, u[0]))
            latents = pipeline.scheduler.step(u + 4.0 * (c - u), t, latents).prev_sample


def test_a_transformers_signals_are_those_of_two_plain_calls(folders: dict[str, Path]) -> None:
    """Wan (flow velocity, two calls): the Euler sampler and the conversion to epsilon are written out here."""
    pipeline = load_pipeline(folders["wan"], device="cpu")
    recorder, _ = recorded(pipeline, ["a dog runs"], [7])
    x = torch.randn(1, 16, 3, 4, 4, generator=torch.Generator().manual_seed(7))
    pipeline.scheduler.set_timesteps(3)
    sigmas = [float(sigma) for sigma in pipeline.scheduler.sigmas]
    with torch.inference_mode():
        c_text, u_text = pipeline.encode_prompt("a dog runs", "", True, max_sequence_length=512, device="cpu")
        for step, t in enumerate(pipeline.scheduler.timesteps):
            u, c = (
                pipeline.transformer(x, t.expand(1), encoder_hidden_states=text, return_dict=False)[0]
                for text in (u_text, c_text)
            )
            factor = max(1 - sigmas[step], 1 / 1000)
            agree(recorder.rows[0][step], plain_signals(u[0], c[0], factor, (x + (1 - sigmas[step]) * u)[0]))
            x = x + (sigmas[step + 1] - sigmas[step]) * (u + 4.0 * (c - u))


def test_wan_with_its_own_multistep_scheduler_is_recorded() -> None:
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    recorder, _ = recorded(wan.build(scheduler), ["a dog runs"], [0])
    assert {row["status"] for row in recorder.rows[0]} == {"ok"}
    assert recorder.rows[0][0]["sigma"] > 0.9


def test_two_transformers_with_a_guidance_scale_each_are_recorded() -> None:
    pipeline = wan.two_transformers()
    with Recorder(pipeline, guidance_scale=4.0, latent_frames=3) as recorder:
        pipeline("a dog runs", guidance_scale=4.0, guidance_scale_2=2.5, num_inference_steps=6, width=32, height=32,
                 num_frames=9)  # fmt: skip
    boundary = 0.875 * 1000
    noisy = [row["timestep"] >= boundary for row in recorder.rows[0]]
    assert any(noisy) and not all(noisy)
    assert {row["status"] for row in recorder.rows[0]} == {"ok"}


def test_recording_stops_after_the_steps_that_were_asked_for(folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders["wan"], device="cpu")
    whole, _ = recorded(pipeline, ["a dog runs"], [0])
    with pytest.raises(Stopped), Recorder(pipeline, guidance_scale=4.0, stop_after=1) as recorder:
        sample(pipeline, ["a dog runs"], [0], SETTINGS)
    assert recorder.rows[0] == whole.rows[0][:1]
    assert "step" not in vars(pipeline.scheduler) and not pipeline.transformer._forward_hooks


def test_a_copy_of_the_scheduler_keeps_its_own_steps(folders: dict[str, Path]) -> None:
    """Pipelines with sound copy the scheduler: its steps are no steps of the video."""
    pipeline = load_pipeline(folders["wan"], device="cpu")
    with Recorder(pipeline, guidance_scale=4.0) as recorder:
        other = copy.deepcopy(pipeline.scheduler)
        other.set_timesteps(2)
        other.step(torch.ones(1), other.timesteps[0], torch.zeros(1))
    assert recorder.rows == [[]]
    assert other.step_index == 1 and pipeline.scheduler.step_index is None


def test_a_schedule_that_ends_without_signal_still_has_one_at_its_first_step() -> None:
    """CogVideoX's ends at abar = 0, where a difference of velocities would be nothing in epsilon."""
    pipeline = cogvideox.build()
    own = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    pipeline.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config, **own)
    recorder, _ = recorded(pipeline, ["a dog runs"], [0])
    first = recorder.rows[0][0]
    assert first["alpha_bar"] == 0 and first["content_magnitude"] > 0
    assert noise_level(pipeline.scheduler, None, first["timestep"]).floor == pytest.approx(
        float(pipeline.scheduler.alphas_cumprod[-2]) ** 0.5
    )


def test_without_guidance_the_signal_is_skipped_with_the_reason(folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders["wan"], device="cpu")
    with pytest.warns(RuntimeWarning, match="no classifier-free guidance pair"):
        recorder, videos = recorded(pipeline, ["a dog runs"], [0], guidance_scale=1.0)
    assert {row["status"] for row in recorder.rows[0]} == {"skipped"}
    assert "no classifier-free guidance pair" in recorder.rows[0][0]["reason"]
    assert recorder.rows[0][0].get("content_magnitude") is None
    assert len(videos) == 1


RESCALED = {"guidance_scale": 4.0, "guidance_rescale": 0.9, "num_inference_steps": 2, "width": 32, "height": 32}


class SomebodysPipeline(LTXPipeline):
    """A pipeline that no family knows."""


def test_guidance_that_is_not_what_the_family_declares_is_an_error(folders: dict[str, Path]) -> None:
    """LTX can rescale the guided output: then it is no longer u + s (c - u)."""
    pipeline = load_pipeline(folders["ltx"], device="cpu")
    with (
        pytest.raises(GuidanceMismatch, match=r"family ltx \(LTXPipeline\).*relative error .*guidance_rescale.*report"),
        Recorder(pipeline, guidance_scale=4.0, latent_frames=2),
    ):
        pipeline("a dog runs", num_frames=9, **RESCALED)


def test_an_unknown_pipeline_is_found_out_or_not_guessed_at(folders: dict[str, Path]) -> None:
    pipeline = SomebodysPipeline(**load_pipeline(folders["ltx"], device="cpu").components)
    recorder, _ = recorded(pipeline, ["a dog runs"], [0])
    assert recorder.layout == "one batch, unconditional first" and recorder.error == 0
    with (
        pytest.warns(RuntimeWarning, match="is not what the scheduler was handed"),
        Recorder(pipeline, guidance_scale=4.0, latent_frames=2) as recorder,
    ):
        pipeline("a dog runs", num_frames=9, **RESCALED)
    assert {row["status"] for row in recorder.rows[0]} == {"skipped"}


def test_a_denoiser_asked_three_things_a_step_is_skipped_with_the_reason() -> None:
    """PAG's third part of the batch is neither u nor c."""
    own = stable_diffusion.build()
    pipeline = StableDiffusionPAGPipeline(**own.components, requires_safety_checker=False, pag_applied_layers=["mid"])
    with pytest.warns(RuntimeWarning, match="no classifier-free guidance pair"):
        recorder, images = recorded(pipeline, ["a dog runs"], [0])
    assert len(images) == 1 and {row["status"] for row in recorder.rows[0]} == {"skipped"}


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
    with pytest.raises(ModelError, match=r"transformer only as pickle .* convert it once.*safe_serialization=True"):
        load_pipeline(pickled)


def test_another_scheduler_can_be_put_in_and_a_missing_one_is_named(folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders["wan"], device="cpu", scheduler="UniPCMultistepScheduler", vae_slicing=True)
    assert isinstance(pipeline.scheduler, UniPCMultistepScheduler) and pipeline.vae.use_slicing
    with pytest.raises(ModelError, match="no scheduler 'NobodysScheduler'"):
        load_pipeline(folders["wan"], device="cpu", scheduler="NobodysScheduler")


def test_first_frames_are_cut_to_the_videos_shape_and_handed_over() -> None:
    class Pipeline:
        def __call__(self, image: Any = None, width: int = 0, height: int = 0) -> None: ...

    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 20:60] = 255
    given = call_arguments(Pipeline(), [""], [0], {"width": 16, "height": 16}, [picture])
    assert given["image"][0].size == (16, 16) and np.asarray(given["image"][0]).min() == 255
    assert "prompt" not in given
