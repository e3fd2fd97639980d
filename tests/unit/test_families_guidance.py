"""Families whose guidance is no plain u + s (c - u), each held against its pipeline's own arithmetic."""

from __future__ import annotations

import json
import sys
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pipelines
import pytest
import torch

from vidmem.generate.load import Frames, ModelError, load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames

MODULES = pipelines.families()
SCALE = 4.0
STEPS = 2


def loaded(name: str, variant: str = "") -> Any:
    """A family's tiny pipeline, saved and loaded again: the same one each time."""
    return _loaded(name, variant)


@cache
def _loaded(name: str, variant: str) -> Any:
    module = MODULES[name]
    build = module.VARIANTS[variant] if variant else module.build
    with torch.random.fork_rng(), warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        build().save_pretrained(folder, safe_serialization=True)
        return load_pipeline(Path(folder), device="cpu", family=name, **getattr(module, "LOADING", {}))


def settings(name: str, **changes: Any) -> dict[str, Any]:
    module = MODULES[name]
    size = getattr(module, "SIZE", 32)
    common = {"steps": STEPS, "guidance_scale": SCALE, "frames": module.FRAMES, "width": size, "height": size}
    return {**common, **changes}


def made(name: str, variant: str = "", **changes: Any) -> tuple[Recorder, Frames]:
    """The video of one prompt and seed, and the recorder that listened."""
    pipeline, asked = loaded(name, variant), settings(name, **changes)
    scale, frames = asked["guidance_scale"], latent_frames(pipeline, asked["frames"])
    with warnings.catch_warnings(), Recorder(pipeline, guidance_scale=scale, latent_frames=frames) as recorder:
        warnings.simplefilter("ignore")
        (video,) = sample(pipeline, ["a dog runs"], [0], asked)
    return recorder, video


def test_hunyuanvideo_has_no_signals_unless_asked_for_and_asking_leaves_the_video_alone() -> None:
    silent, video = made("hunyuanvideo")
    asked, same = made("hunyuanvideo", unconditional_pass=True)
    assert {row["status"] for row in silent.rows[0]} == {"skipped"}
    assert "unconditional_pass: true" in silent.rows[0][0]["reason"]
    assert {row["status"] for row in asked.rows[0]} == {"ok"}
    assert asked.error is not None and asked.error <= 1e-6
    assert np.abs(video.astype(int) - same.astype(int)).max() <= 1


def test_hunyuanvideo_guided_beside_its_distilled_guidance_is_recorded() -> None:
    recorder, video = made("hunyuanvideo", true_cfg_scale=3.0)
    assert recorder.error is not None and recorder.error <= 1e-6
    assert not np.array_equal(video, made("hunyuanvideo")[1])


@pytest.mark.parametrize("name", ["hunyuanvideo15", "motif-video"])
def test_the_scale_of_a_guider_is_the_one_asked_for(name: str) -> None:
    (weak, soft), (strong, hard) = (made(name, guidance_scale=scale) for scale in (2.0, 40.0))
    assert loaded(name).guider.guidance_scale == 40.0
    assert weak.rows[0][0] == strong.rows[0][0], "the first step's predictions don't depend on the scale"
    assert weak.rows[0][1]["content_magnitude"] != strong.rows[0][1]["content_magnitude"]
    assert soft.shape == hard.shape


def test_projected_guidance_is_rebuilt_though_it_is_no_multiple_of_the_difference() -> None:
    pipeline, seen, step = loaded("motif-video", "projected"), [], loaded("motif-video", "projected").scheduler.step
    hook = pipeline.transformer.register_forward_hook(lambda module, args, output: seen.append(output[0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.scheduler, "step", lambda x, *a, **k: seen.append(x) or step(x, *a, **k), raising=False)
        sample(pipeline, ["a dog runs"], [0], settings("motif-video"))
    hook.remove()
    c, u, handed = seen[:3]
    assert not torch.allclose(handed - u, SCALE * (c - u), rtol=1e-3, atol=0)
    recorder, _ = made("motif-video", "projected")
    assert recorder.error is not None and recorder.error <= 1e-6


def test_momentum_of_a_guider_is_left_as_it_would_be_without_a_recorder() -> None:
    name, variant = "motif-video", "projected with momentum"
    recorder, video = made(name, variant)
    assert {row["status"] for row in recorder.rows[0]} == {"ok"}
    (alone,) = sample(loaded(name, variant), ["a dog runs"], [0], settings(name))
    assert np.array_equal(video, alone)


def test_cosmos_signals_agree_with_edm_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """eps = (x - x0) / sigma with x0 as the scheduler itself makes it of either prediction."""
    pipeline, step, clean = loaded("cosmos"), loaded("cosmos").scheduler.step, []

    def watched(handed: torch.Tensor, timestep: Any, x: torch.Tensor, **kwargs: Any) -> Any:
        result = step(handed, timestep, x, **kwargs)
        if kwargs.get("pred_original_sample") is None:
            clean.append((x[:1], *result[1].chunk(2)))
        return result

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.scheduler, "step", watched, raising=False)
        sample(pipeline, ["a dog runs"], [0], settings("cosmos"))
    recorder, _ = made("cosmos")
    assert len(recorder.rows[0]) == len(clean) == STEPS
    for row, (x, x0_u, x0_c), sigma in zip(recorder.rows[0], clean, pipeline.scheduler.sigmas, strict=False):
        u, c = ((x - x0) / sigma for x0 in (x0_u, x0_c))
        expected = float((c - u).square().mean().sqrt())  # at the last sigma, .002, rounding of x0 is 1 % of it
        assert row["content_magnitude"] == pytest.approx(expected, rel=2e-2)
        assert row["uncond_norm"] == pytest.approx(float(u.square().mean().sqrt()), rel=1e-3)
        data = pipeline.scheduler.config.sigma_data
        assert row["alpha_bar"] == pytest.approx(data**2 / (data**2 + float(sigma) ** 2), rel=1e-5)


@pytest.mark.parametrize("name", ["cosmos", "cosmos2-5"])
def test_cosmos_is_loaded_without_its_guardrail_only_where_that_is_said(name: str, tmp_path: Path) -> None:
    """Also where the index names the guardrail, as published ones do: its package is not there, and is not missed."""
    MODULES[name].build().save_pretrained(str(tmp_path), safe_serialization=True)
    index = json.loads((tmp_path / "model_index.json").read_text())
    named = {**index, "safety_checker": ["cosmos_guardrail", "CosmosSafetyChecker"]}
    (tmp_path / "model_index.json").write_text(json.dumps(named))
    with pytest.raises(ModelError, match=r"pip install cosmos_guardrail.*set `guardrail: false`"):
        load_pipeline(tmp_path, device="cpu")
    pipeline = load_pipeline(tmp_path, device="cpu", guardrail=False)
    (video,) = sample(pipeline, ["a dog runs"], [0], settings(name))
    (same,) = sample(loaded(name), ["a dog runs"], [0], settings(name))
    assert video.shape == same.shape == (9, 32, 32, 3)
    assert "cosmos_guardrail" not in sys.modules
    assert json.loads((tmp_path / "model_index.json").read_text()) == named, "the model's folder is left as it is"


def test_the_guardrails_code_is_not_taken_from_a_model_of_another_family(tmp_path: Path) -> None:
    MODULES["ltx"].build().save_pretrained(str(tmp_path), safe_serialization=True)
    index = json.loads((tmp_path / "model_index.json").read_text())
    index["safety_checker"] = ["cosmos_guardrail", "CosmosSafetyChecker"]
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="'safety_checker' wants code of 'cosmos_guardrail'"):
        load_pipeline(tmp_path, device="cpu", guardrail=False)


def test_frames_with_schedulers_of_their_own_are_recorded_and_left_alone() -> None:
    recorder, video = made("skyreels-v2-forcing")
    assert [row["step"] for row in recorder.rows[0]] == list(range(STEPS))
    assert {row["status"] for row in recorder.rows[0]} == {"ok"}
    (alone,) = sample(loaded("skyreels-v2-forcing"), ["a dog runs"], [0], settings("skyreels-v2-forcing"))
    assert np.array_equal(video, alone)


def test_all_windows_of_helios_are_recorded() -> None:
    recorder, video = made("helios", frames=66)
    assert [row["step"] for row in recorder.rows[0]] == list(range(2 * STEPS))
    assert {row["status"] for row in recorder.rows[0]} == {"ok"}
    assert len(video) == 65


def heard_with_scales(pipeline: Any, first: float, second: float | None) -> list[tuple[str, list[float], bool]]:
    """Of every step of six: which transformer spoke, the scales held to be in force, and whether the identity holds."""
    seen: list[tuple[str, list[float], bool]] = []

    class Watching(Recorder):
        def _pair(self, heard: Any) -> Any:
            pair = super()._pair(heard)
            u, c = pair
            held = torch.equal(u + (heard.scales[0]) * (c - u), heard.handed)
            seen.append((heard.denoiser, heard.scales, held))
            return pair

    asked = settings("wan", guidance_scale=first, guidance_scale_2=second, steps=6)
    with Watching(pipeline, guidance_scale=first, latent_frames=3) as recorder:
        sample(pipeline, ["a dog runs"], [0], asked)
    assert [row["status"] for row in recorder.rows[0]] == ["ok"] * 6
    return seen


@pytest.mark.parametrize("second", [2.5, 1.0, None])
def test_each_step_of_wan_22_is_held_to_the_scale_of_the_transformer_that_made_it(second: float | None) -> None:
    pipeline = loaded("wan", "2.2")
    seen = heard_with_scales(pipeline, 4.0, second)
    timesteps = [float(t) for t in pipeline.scheduler.timesteps]
    early = [t >= pipeline.config.boundary_ratio * 1000 for t in timesteps]
    assert pipeline.config.boundary_ratio == 0.875, "the checkpoint's"
    assert any(early) and not all(early)
    later = 4.0 if second is None else second
    assert seen == [("transformer", [4.0], True) if e else ("transformer_2", [later], True) for e in early]


def test_a_second_scale_changes_the_video_and_not_the_first_step() -> None:
    (one, plain), (two, other) = (made("wan", "2.2", steps=6, guidance_scale_2=scale) for scale in (None, 9.0))
    assert one.rows[0][0] == two.rows[0][0] and not np.array_equal(plain, other)


def test_a_second_scale_of_a_pipeline_that_has_one_is_refused() -> None:
    with pytest.raises(ValueError, match="LTXPipeline has one guidance scale: drop `guidance_scale_2`"):
        made("ltx", guidance_scale_2=2.0)
