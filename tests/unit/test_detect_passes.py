"""Passes over pure noise, on real tiny pipelines: the curvature against autograd, and against a plain transcription."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from pipelines import ddpm, modelscope, wan
from torch.nn.attention import SDPBackend, sdpa_kernel

from vidmem import tables
from vidmem.generate.extra_passes import NoEntry, find_entry, first_step, make_passes, write_passes
from vidmem.generate.known.codec import PatchCodec
from vidmem.generate.known.planted import CaptionCondition, PlantedPipeline, _transformer, scheduler
from vidmem.generate.load import load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames

SETTINGS = {"steps": 3, "guidance_scale": 4.0, "width": 32, "height": 32, "frames": 9, "batch_size": 2}
PROMPTS = [{"prompt_id": "p0", "text": "a dog runs"}, {"prompt_id": "p1", "text": "two boats at sea"}]


def built(name: str) -> Any:
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        made = {"modelscope": modelscope.build, "wan": wan.build, "planted": planted}[name]()
    made.set_progress_bar_config(disable=True)
    return made


def planted() -> PlantedPipeline:
    codec = PatchCodec(channels=32, frames=4, side=16)
    network = _transformer(codec.latent_shape[1:])
    torch.nn.init.normal_(network.proj_out.weight, std=0.1)
    return PlantedPipeline(codec, CaptionCondition(codec.latent_shape[1:]), network, scheduler())


class Denoiser:
    """The denoiser of a pipeline as a function of the scheduler's sample: its call of the first step, replayed."""

    def __init__(self, pipeline: Any, name: str, noises: Any) -> None:
        self.module = getattr(pipeline, name)
        self.calls: list[tuple[Any, Any]] = []
        hook = self.module.register_forward_pre_hook(
            lambda module, args, kwargs: self.calls.append((args, kwargs)), with_kwargs=True
        )
        self.first = first_step(pipeline, noises, SETTINGS)
        hook.remove()
        self.calls = [(self.plain(args), self.plain(kwargs)) for args, kwargs in self.calls]

    def plain(self, value: Any) -> Any:
        """Copies that autograd may see: tensors of inference mode it may not."""
        if isinstance(value, dict):
            return {k: self.plain(v) for k, v in value.items()}
        if isinstance(value, tuple | list):
            return type(value)(self.plain(v) for v in value)
        return value.clone() if isinstance(value, torch.Tensor) else value

    def __call__(self, number: int, x: torch.Tensor) -> torch.Tensor:
        args, kwargs = self.calls[number]
        output = self.module(x, *args[1:], **kwargs) if args else self.module(**{**kwargs, "hidden_states": x})
        return output if isinstance(output, torch.Tensor) else output[0]


def jacobian_product(name: str, noises: Any) -> tuple[Any, torch.Tensor]:
    """The first step that was recorded, and ||J_delta delta|| / sqrt(numel) of one video by autograd."""
    pipeline = built(name)
    denoiser = Denoiser(pipeline, "unet" if name == "modelscope" else "transformer", noises)
    sample, delta = denoiser.first.sample, denoiser.first.delta
    assert sample is not None
    assert delta is not None
    sample, delta = sample.clone(), delta.clone()
    level = denoiser.first.rows[0][0]

    def difference(x: torch.Tensor) -> torch.Tensor:
        if name == "wan":  # two calls, conditional first; d_eps = (1 - sigma) dv with 1 - sigma held at 1 / 1000
            return max(1 - level["sigma"], 1e-3) * (denoiser(0, x) - denoiser(1, x))
        if name == "modelscope":  # one batch, unconditional first; frames were flattened into the scheduler's batch
            video = x.reshape(1, -1, *x.shape[1:]).movedim(2, 1)
            u, c = denoiser(0, torch.cat([video, video])).chunk(2)
            return (c - u).movedim(1, 2).reshape(x.shape)
        args = denoiser.calls[0][0]  # planted: places and caption stand in channels beside the sample
        channels = args[0][:, x.shape[1] :]
        u, c = denoiser(0, torch.cat([torch.cat([x, x]), channels], 1)).chunk(2)
        return -max(1 - level["sigma"], 1e-3) / level["sigma"] * (c - u)

    torch.testing.assert_close(difference(sample).detach(), delta, rtol=1e-3, atol=1e-6)
    with sdpa_kernel(SDPBackend.MATH):  # the others have no forward derivative
        _, product = torch.func.jvp(difference, (sample,), (delta,))
    return denoiser.first, product.detach().norm() / product.numel() ** 0.5


@pytest.mark.parametrize("name", ["modelscope", "wan", "planted"])
def test_the_curvature_is_that_of_autograd(name: str) -> None:
    _, expected = jacobian_product(name, [("p0", "a dog runs", 0)])
    rows = list(make_passes(built(name), PROMPTS[:1], SETTINGS, {"noises": 0, "curvature": 1}))
    assert [(r["prompt_id"], r["seed"], r["status"], r["calls"]) for r in rows] == [("p0", 0, "ok", 4)]
    assert rows[0]["curvature"] == pytest.approx(float(expected), rel=0.05)
    assert float(expected) > 0


@pytest.mark.parametrize("name", ["modelscope", "wan", "planted"])
def test_curvature_against_a_plain_transcription_of_its_equation(name: str) -> None:
    pipeline = built(name)
    noises = [("p0", "a dog runs", 0), ("p1", "two boats at sea", 0)]
    first = first_step(pipeline, noises, SETTINGS)
    assert first.sample is not None
    assert first.delta is not None
    entry = find_entry(pipeline, noises, SETTINGS, first)
    rows = list(make_passes(pipeline, PROMPTS, SETTINGS, {"noises": 1, "curvature": 1}))
    size = first.sample.shape[0] // 2  # rows of the scheduler's batch that are one video's
    for video, row in enumerate(rows):
        delta = first.delta[video * size : (video + 1) * size].double()
        length = sum(float(v) ** 2 for v in delta.flatten()) ** 0.5
        root = delta.numel() ** 0.5
        moved = first.sample.clone()
        moved[video * size : (video + 1) * size] += (0.003 * delta / length * root).float()  # the other one stays
        again = first_step(pipeline, noises, SETTINGS, entry(moved)).delta
        assert again is not None
        change = again[video * size : (video + 1) * size].double() - delta
        norm = sum(float(v) ** 2 for v in change.flatten()) ** 0.5
        assert row["curvature"] == pytest.approx(norm / (0.003 * root) * length / root, rel=2e-2)
        assert row["curvature_step"] == 0.003


@pytest.mark.parametrize("name", ["modelscope", "wan", "planted"])
def test_magnitudes_of_noise_are_those_of_the_first_step_and_cost_no_sampling(name: str) -> None:
    pipeline = built(name)
    calls = []
    denoiser = pipeline.unet if name == "modelscope" else pipeline.transformer
    hook = denoiser.register_forward_hook(lambda *_: calls.append(1))
    rows = list(make_passes(pipeline, PROMPTS, SETTINGS, {"noises": 2, "curvature": 0}))
    hook.remove()
    assert len(calls) == (4 if name == "wan" else 2)  # two batches of two, a guided pair each
    assert [(r["prompt_id"], r["seed"]) for r in rows] == [("p0", 0), ("p0", 1), ("p1", 0), ("p1", 1)]
    alone = first_step(pipeline, [("p1", "two boats at sea", 1)], SETTINGS).rows[0][0]
    assert rows[3]["content_magnitude"] == pytest.approx(alone["content_magnitude"], rel=1e-4)
    assert rows[3]["motion_magnitude"] == pytest.approx(alone["motion_magnitude"], rel=1e-4)
    assert "curvature" not in rows[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["modelscope", "wan"])
def test_half_precision_has_a_curvature_of_the_same_size(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    """One of them keeps its noise in half precision, the other in float32."""
    built(name).save_pretrained(str(tmp_path), safe_serialization=True)
    kinds = (str(kind).removeprefix("torch.") for kind in (torch.float32, dtype))
    fine, coarse = (
        next(make_passes(load_pipeline(tmp_path, device="cpu", dtype=kind), PROMPTS[:1], SETTINGS, {"curvature": 1}))
        for kind in kinds
    )
    assert (coarse["status"], coarse["reason"], coarse["curvature_step"]) == ("ok", None, 0.1)
    assert coarse["curvature"] > 0 and fine["curvature_step"] == 0.003


def test_without_guidance_the_reason_is_a_row() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = list(
            make_passes(built("wan"), PROMPTS, {**SETTINGS, "guidance_scale": 1.0}, {"noises": 1, "curvature": 1})
        )
    assert {r["status"] for r in rows} == {"skipped"}
    assert all("no classifier-free guidance pair" in r["reason"] for r in rows)


def test_a_pipeline_that_cannot_be_started_from_a_noise_says_so() -> None:
    pipeline = ddpm.build()
    first = first_step(built("wan"), [("p0", "a dog runs", 0)], SETTINGS)
    with pytest.raises(NoEntry, match="DDPMPipeline takes no `latents`"):
        find_entry(pipeline, [("p0", "a dog runs", 0)], SETTINGS, first)


def test_a_batch_that_fails_is_rows_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = built("planted")
    prompts = [PROMPTS[0], {"prompt_id": "p1", "text": "breaks"}]
    whole = pipeline.captions.forward

    def forward(vectors: torch.Tensor) -> Any:
        if float(vectors.sum()) != float(good.sum()):
            raise RuntimeError("the text encoder gave\nup")
        return whole(vectors)

    from vidmem.sentences import embed_texts

    good = embed_texts(["a dog runs"])
    monkeypatch.setattr(pipeline.captions, "forward", forward)
    rows = list(make_passes(pipeline, prompts, {**SETTINGS, "batch_size": 1}, {"noises": 1, "curvature": 0}))
    assert [r["status"] for r in rows] == ["ok", "failed"]
    assert rows[1]["reason"] == "RuntimeError: the text encoder gave up"


def test_the_table_of_a_saved_pipeline_is_the_same_each_time(tmp_path: Path) -> None:
    built("planted").save_pretrained(str(tmp_path / "pipeline"))
    for name in ("a", "b"):
        write_passes(
            PROMPTS, "m", SETTINGS, {"noises": 2, "curvature": 1}, tmp_path / "pipeline", tmp_path / f"{name}.parquet"
        )
    table = tables.read_table(tmp_path / "a.parquet")
    assert table["curvature"].is_null().to_list() == [False, True, False, True]
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize("name", ["modelscope", "wan", "planted"])
def test_a_draft_looks_at_the_second_of_three_steps_and_makes_no_video(name: str) -> None:
    pipeline = built(name)
    calls = []
    denoiser = pipeline.unet if name == "modelscope" else pipeline.transformer
    hook = denoiser.register_forward_hook(lambda *_: calls.append(1))
    rows = list(make_passes(pipeline, PROMPTS, {**SETTINGS, "steps": 50}, {"noises": 0, "curvature": 0, "draft": 2}))
    hook.remove()
    assert len(calls) == (8 if name == "wan" else 4)  # two batches of two, two guided pairs each
    assert [(r["prompt_id"], r["seed"], r["calls"]) for r in rows] == [(p, s, 4) for p in ("p0", "p1") for s in (0, 1)]
    with Recorder(pipeline, videos=1, guidance_scale=4.0, latent_frames=latent_frames(pipeline, 9)) as recorder:
        sample(pipeline, ["two boats at sea"], [1], {**SETTINGS, "steps": 3})
    second = recorder.rows[0][1]
    for column in ("departure", "moved", "departure_motion", "moved_motion"):
        assert rows[3][column] == pytest.approx(second[column], rel=1e-3, abs=1e-6)
    assert rows[3]["draft_sigma"] == second["sigma"] and "content_magnitude" not in rows[3]


def test_a_draft_goes_beside_other_passes_and_only_where_it_is_asked_for() -> None:
    rows = list(make_passes(built("planted"), PROMPTS[:1], SETTINGS, {"noises": 3, "curvature": 1, "draft": 2}))
    assert [r["calls"] for r in sorted(rows, key=lambda r: r["seed"])] == [8, 6, 2]
    by_seed = {r["seed"]: r for r in rows}
    assert by_seed[0]["curvature"] > 0 and by_seed[0]["moved"] >= 0 and by_seed[0]["content_magnitude"] > 0
    assert "moved" in by_seed[1] and "curvature" not in by_seed[1] and "moved" not in by_seed[2]


def test_a_draft_without_guidance_says_why() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = list(make_passes(built("wan"), PROMPTS, {**SETTINGS, "guidance_scale": 1.0}, {"draft": 1}))
    assert {r["status"] for r in rows} == {"skipped"}
    assert all("no classifier-free guidance pair" in r["reason"] for r in rows)
