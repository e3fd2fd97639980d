"""A chunk of videos: whole in spite of failures, the same bytes twice, and recorded with how each was made."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pipelines.ltx
import pipelines.sdxl
import pipelines.stable_video_diffusion
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDIMPipeline,
    DDIMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    UNet2DModel,
)
from PIL import Image
from pipelines.common import image_vae
from pipelines.modelscope import build as modelscope

from vidmem import text
from vidmem.config import load_config
from vidmem.config.media import Limits
from vidmem.generate import run
from vidmem.generate.asked import unprompted
from vidmem.generate.batch import _problem
from vidmem.generate.clip import shows_nothing
from vidmem.generate.guidance import GuidanceMismatch
from vidmem.generate.images import conditioned, distinct_items, first_frames, with_conditions
from vidmem.generate.known.oracle import OraclePipeline, build_oracle
from vidmem.generate.load import Frames, load_pipeline
from vidmem.generate.recorder import Recorder
from vidmem.generate.tokens import is_truncated
from vidmem.media import MediaRef, read_clip, write_video
from vidmem.plan.settings import Settings
from vidmem.tables import MANIFEST, TooManyLost, read_made_by, read_table, write_table

TEXTS = ["a red disc moves right", "a blue disc moves left", "a 'quoted' 🦊\n<script>"]
PROMPTS = [{"prompt_id": text.prompt_id(t), "text": t} for t in TEXTS]
SETTINGS = {"kind": "oracle", "seeds": 2, "steps": 4, "guidance_scale": 3.0, "fps": 8.0, "crf": 12, "batch_size": 1}


def clips() -> Frames:
    rng = np.random.default_rng(0)
    coarse = rng.integers(20, 235, (len(TEXTS), 4, 4, 4, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, 8, axis=2), 8, axis=3)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oracle")
    support = [(p["prompt_id"], p["text"], [i]) for i, p in enumerate(PROMPTS)]
    build_oracle(support, clips(), {"bandwidth": 0.0}, folder)
    return folder


def generate(source: Path, out: Path, prompts: list[dict[str, Any]] = PROMPTS, **changes: Any) -> dict[str, Path]:
    limit, images = changes.pop("max_loss", 1.0), changes.pop("images", None)
    out.mkdir(exist_ok=True)
    files = {"tar": out / "c.tar", "videos": out / "c.videos.parquet", "signals": out / "c.signals.parquet"}
    run.generate_chunk(
        prompts, "oracle", {**SETTINGS, **changes}, source, files["tar"], files["videos"], files["signals"],
        out / "c.partial", threads=1, made_by={"stage": "generate"}, max_loss=limit,
        images=images,
    )  # fmt: skip
    return files


def test_a_chunk_is_a_tar_whose_videos_are_read_in_place(source: Path, tmp_path: Path) -> None:
    files = generate(source, tmp_path)
    videos = read_table(files["videos"])
    assert videos["status"].to_list() == ["ok"] * 6
    assert videos["seed"].to_list() == [0, 1] * 3
    assert videos["video_id"].n_unique() == 6
    assert read_made_by(files["videos"]) == {"stage": "generate"}
    for number, row in enumerate(videos.to_dicts()):
        assert row["path"] == "c.tar"
        ref = MediaRef(tmp_path / row["path"], row["offset"], row["size"])
        clip = read_clip(ref, rate_hz=None, max_frames=99, limits=Limits())
        assert (clip.info.frames, clip.info.width, clip.info.height, clip.info.fps) == (4, 32, 32, 8.0)
        assert np.abs(clip.frames.astype(int) - clips()[number // 2]).mean() < 6
    with tarfile.open(files["tar"]) as tar:
        assert tar.getnames() == [f"{n:06d}.mp4" for n in range(6)]
        assert {(m.mtime, m.uid, m.gid, m.uname) for m in tar.getmembers()} == {(0, 0, 0, "")}
    signals = read_table(files["signals"])
    assert signals.height == 6 * 4
    assert set(signals["status"]) == {"ok"}
    assert signals["step"].to_list()[:4] == [0, 1, 2, 3]
    assert not (tmp_path / "c.partial").exists()


def test_the_same_chunk_twice_is_the_same_bytes(source: Path, tmp_path: Path) -> None:
    one, two = (generate(source, tmp_path / name) for name in ("one", "two"))
    for name in one:
        assert one[name].read_bytes() == two[name].read_bytes(), name


def break_one(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The second prompt's videos go wrong inside the pipeline itself."""
    original = OraclePipeline.__call__

    def call(self: Any, prompt: Any, **kwargs: Any) -> Any:
        result = original(self, prompt, **kwargs)
        for number, caption in enumerate(prompt):
            if caption == TEXTS[1]:
                if how == "exception":
                    raise RuntimeError("out of paint, said hf_AbCdEf123456")
                result.frames[number] = np.nan if how == "nan" else 0.5
        return result

    call.__signature__ = __import__("inspect").signature(original)  # type: ignore[attr-defined]
    monkeypatch.setattr(OraclePipeline, "__call__", call)


@pytest.mark.parametrize(
    ("how", "reason"), [("exception", "out of paint"), ("nan", "not finite"), ("constant", "all pixels")]
)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_failing_video_is_a_row_and_the_others_go_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, reason: str, batch_size: int
) -> None:
    with monkeypatch.context() as patch:
        break_one(patch, how)
        files = generate(source, tmp_path, batch_size=batch_size)
        videos = read_table(files["videos"])
        assert videos["status"].to_list() == ["ok", "ok", "failed", "failed", "ok", "ok"]
        assert reason in videos["reason"][2] and "AbCdEf" not in videos["reason"][2]
        assert videos["path"][2] is None
        signals = read_table(files["signals"])
        assert set(signals.filter(signals["video_id"] == videos["video_id"][2])["status"]) == {"failed"}
        with pytest.raises(TooManyLost, match="stage generate: 2 of 6"):
            generate(source, tmp_path / "strict", max_loss=0.05)
    assert not (tmp_path / "strict" / "c.tar").exists()
    mended = generate(source, tmp_path / "strict", max_loss=0.05)  # the cause is gone: a rerun makes what is missing
    assert set(read_table(mended["videos"])["status"]) == {"ok"}


def test_no_prompts_give_an_empty_whole_shard(source: Path, tmp_path: Path) -> None:
    files = generate(source, tmp_path, [])
    assert read_table(files["videos"]).height == read_table(files["signals"]).height == 0
    with tarfile.open(files["tar"]) as tar:
        assert tar.getnames() == []


def test_ids_change_with_what_changes_pixels_and_with_nothing_else() -> None:
    def ids(**changes: Any) -> list[str]:
        return [task.video_id for task in run.plan(PROMPTS, "m", {**SETTINGS, **changes})]

    assert ids() == ids(batch_size=8, device="cpu", prompt_sets=["control"])
    assert not set(ids()) & set(ids(steps=5))
    assert ids(seeds=1) == ids()[::2]
    assert run.plan(PROMPTS[1:], "m", SETTINGS)[0] == run.plan(PROMPTS, "m", SETTINGS)[2]


def test_seeds_and_batches_leave_each_video_its_own_noise(source: Path, tmp_path: Path) -> None:
    torch.manual_seed(99)
    alone = read_table(generate(source, tmp_path / "1")["signals"])
    batched = read_table(generate(source, tmp_path / "4", batch_size=4)["signals"])
    assert alone["video_id"].to_list() == batched["video_id"].to_list()
    np.testing.assert_allclose(alone["content_magnitude"], batched["content_magnitude"], rtol=1e-4, atol=1e-6)


MODEL = {
    "kind": "diffusers", "seeds": 2, "steps": 2, "guidance_scale": 4.0, "frames": 2, "width": 32, "height": 32,
    "fps": 8.0, "crf": 12, "batch_size": 1, "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="module")
def unet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real pipeline, tiny and with random weights."""
    folder = tmp_path_factory.mktemp("modelscope")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        modelscope().save_pretrained(str(folder), safe_serialization=True)
    return folder


def load_with(monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None]) -> None:
    """Let the pipeline that the chunk loads be changed first."""

    def load(*args: Any, **kwargs: Any) -> Any:
        pipeline = load_pipeline(*args, **kwargs)
        change(pipeline)
        return pipeline

    monkeypatch.setattr(run, "load_pipeline", load)


def full_device() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def full_machine() -> None:
    torch.empty(1 << 52)  # what the CPU's allocator says is what it says


@pytest.mark.parametrize("fail", [full_device, full_machine])
@pytest.mark.parametrize(("batch_size", "fits", "used"), [(4, 2, [2, 2, 2, 2, 2, 2]), (5, 3, [2, 2, 2, 2, 1, 1])])
def test_out_of_memory_halves_the_batch_and_goes_on(
    unet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None], batch_size: int, fits: int,
    used: list[int],
) -> None:  # fmt: skip
    def limit(pipeline: Any) -> None:
        def refuse(_: Any, args: Any) -> None:
            if len(args[0]) > 2 * fits:  # each video with and without its prompt
                fail()

        pipeline.unet.register_forward_pre_hook(refuse)

    with monkeypatch.context() as patch:
        load_with(patch, limit)
        with pytest.warns(RuntimeWarning, match=f"out of memory with {batch_size} videos at once, going on with 2"):
            files = generate(unet, tmp_path / "full", **MODEL | {"batch_size": batch_size})
    videos = read_table(files["videos"])
    assert videos["batch_size"].to_list() == used
    assert set(videos["status"]) == {"ok"}
    if used == [2] * 6:
        ample = generate(unet, tmp_path / "ample", **MODEL | {"batch_size": 2})
        assert all(files[name].read_bytes() == ample[name].read_bytes() for name in files)


def test_libraries_that_find_no_room_mean_that_memory_ran_out() -> None:
    cudnn = "GET was unable to find an engine to execute this computation"
    assert _problem(RuntimeError(cudnn)).memory and _problem(torch.OutOfMemoryError("CUDA")).memory
    assert not _problem(ValueError("the pipeline gave 1 videos where 2 were asked for")).memory


def test_out_of_memory_with_one_video_fails_it_and_says_what_to_do(
    unet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(module: Any, args: Any) -> None:
        full_device()

    load_with(monkeypatch, lambda pipeline: pipeline.unet.register_forward_pre_hook(refuse))
    files = generate(unet, tmp_path, PROMPTS[:1], **MODEL)
    videos = read_table(files["videos"])
    assert videos["status"].to_list() == ["failed"] * 2
    assert videos["batch_size"].to_list() == [None] * 2
    for said in ("out of memory at batch size 1", "offload", "fewer", "Tried to allocate 20.00 GiB"):
        assert said in videos["reason"][0]


def nan_weights(pipeline: Any) -> None:
    pipeline.unet.conv_out.weight.data.fill_(float("nan"))


def decoding_to(value: float) -> Callable[[Any], None]:
    def change(pipeline: Any) -> None:
        pipeline.vae.decoder.register_forward_hook(lambda module, args, output: torch.full_like(output, value))

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (nan_weights, "not finite"),
        (decoding_to(-1.0), "all frames are black"),
        (decoding_to(0.0), "all pixels of all frames have the value 128"),
    ],
    ids=["NaN latents", "black", "grey"],
)
def test_output_that_shows_nothing_is_a_failed_video_with_the_reason(
    unet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], None], reason: str
) -> None:
    load_with(monkeypatch, change)
    files = generate(unet, tmp_path, PROMPTS[:1], **MODEL)
    videos, signals = read_table(files["videos"]), read_table(files["signals"])
    assert videos["status"].to_list() == ["failed"] * 2
    assert reason in videos["reason"][0]
    assert signals["status"].to_list() == ["failed"] * 2
    assert reason in signals["reason"][0]


def test_frames_of_one_colour_each_show_nothing_and_a_single_other_pixel_is_a_picture() -> None:
    frames = np.zeros((3, 4, 5, 3), np.uint8)
    frames[:] = np.array([[10, 20, 30], [200, 20, 30], [0, 0, 0]], np.uint8)[:, None, None]
    assert shows_nothing(frames) == "every frame is of one colour"
    frames[1, 2, 3, 0] += 1
    assert shows_nothing(frames) is None


def test_first_step_only_records_the_first_step_and_makes_no_video(
    unet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {**MODEL, "signals": "first-step-only", "max_loss": 0.0}
    full = generate(unet, tmp_path / "full", **MODEL)
    monkeypatch.delattr(AutoencoderKL, "decode")  # nothing is decoded
    screened = generate(unet, tmp_path / "screened", **only)
    videos, signals = read_table(screened["videos"]), read_table(screened["signals"])
    assert videos["video_id"].to_list() == read_table(full["videos"])["video_id"].to_list()
    assert set(zip(videos["status"], videos["reason"], strict=True)) == {
        ("skipped", "first step only: signals without a video")
    }
    assert videos["batch_size"].to_list() == [1] * 6
    all_steps = read_table(full["signals"])
    assert all_steps.height == 12
    assert signals.equals(all_steps.filter(all_steps["step"] == 0))
    with tarfile.open(screened["tar"]) as tar:
        assert tar.getnames() == []


def test_first_step_only_works_for_the_known_models_and_is_no_substitute_for_the_videos(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generate(source, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.delattr(run, "place")  # the run stops with its clips kept
        with pytest.raises(NameError):
            generate(source, tmp_path / "both", signals="first-step-only")
    both = generate(source, tmp_path / "both")
    assert all(whole[name].read_bytes() == both[name].read_bytes() for name in whole)
    screened = read_table(generate(source, tmp_path / "screened", signals="first-step-only")["signals"])
    assert screened["step"].to_list() == [0] * 6
    assert set(screened["status"]) == {"ok"}


def test_videos_that_fail_under_first_step_only_count_as_a_share_of_all(source: Path, tmp_path: Path) -> None:
    unknown = {"prompt_id": text.prompt_id("unknown"), "text": "unknown"}  # the oracle has no clips for it
    prompts, settings = [*PROMPTS, unknown], {"signals": "first-step-only"}
    videos = read_table(generate(source, tmp_path / "a", prompts, **settings, max_loss=0.25)["videos"])
    assert videos["status"].to_list() == ["skipped"] * 6 + ["failed"] * 2
    with pytest.raises(TooManyLost, match="2 of 8"):
        generate(source, tmp_path / "b", prompts, **settings, max_loss=0.2)


def test_a_guidance_that_is_not_what_it_should_be_stops_the_chunk(
    unet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Recorder._step

    def handed_less(self: Recorder, scheduler: Any, original: Any, args: Any, kwargs: Any) -> Any:
        return step(self, scheduler, original, (0.9 * args[0], *args[1:]), kwargs)

    monkeypatch.setattr(Recorder, "_step", handed_less)
    with pytest.raises(GuidanceMismatch):
        generate(unet, tmp_path, **MODEL)


def test_a_prompt_longer_than_the_tokenizers_limit_is_recorded_as_truncated(unet: Path, tmp_path: Path) -> None:
    texts = ["a dog", "a dog and " * 50, "dog " * 75, "dog " * 76]  # 77 tokens, of which 2 mark the ends
    prompts = [{"prompt_id": text.prompt_id(t), "text": t} for t in texts]
    videos = read_table(generate(unet, tmp_path, prompts, **MODEL | {"seeds": 1})["videos"])
    assert videos["truncated"].to_list() == [False, True, False, True]


def test_the_limit_is_the_least_that_the_pipeline_really_uses(source: Path) -> None:
    ltx = pipelines.ltx.build()  # its call keeps 128 tokens, whatever the tokenizer could take
    ltx.tokenizer.model_max_length = 512
    assert [is_truncated(ltx, "dog " * n) for n in (126, 127)] == [False, True]
    ltx.tokenizer.model_max_length = 10**30
    assert [is_truncated(ltx, "dog " * n) for n in (126, 127)] == [False, True]
    sdxl = pipelines.sdxl.build()
    sdxl.tokenizer_2.model_max_length = 40
    assert [is_truncated(sdxl, "dog " * n) for n in (38, 39)] == [False, True]
    assert is_truncated(load_pipeline(source), "dog " * 1000) is None  # it has no tokenizer
    assert is_truncated(ltx, None) is None


def image_model(folder: Path, build: Callable[[], Any]) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        build().save_pretrained(str(folder), safe_serialization=True)
    return folder


def unconditional() -> DDIMPipeline:
    unet = UNet2DModel(
        block_out_channels=(4, 8), layers_per_block=1, sample_size=16, norm_num_groups=2,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    return DDIMPipeline(unet=unet, scheduler=DDIMScheduler())


def class_conditional() -> DiTPipeline:
    transformer = DiTTransformer2DModel(
        sample_size=8, num_layers=1, patch_size=4, attention_head_dim=8, num_attention_heads=2, in_channels=4,
        out_channels=8, attention_bias=True, num_embeds_ada_norm=1000, norm_elementwise_affine=False,
    )  # fmt: skip
    return DiTPipeline(transformer=transformer.eval(), vae=image_vae(), scheduler=DDIMScheduler())


def test_models_without_prompts_make_n_videos_and_more_of_them_leave_the_first_alone(tmp_path: Path) -> None:
    model = image_model(tmp_path / "model", unconditional)
    settings = {**MODEL, "guidance_scale": None}
    first = read_table(generate(model, tmp_path / "0", unprompted(range(2)), **settings)["videos"])
    later = read_table(generate(model, tmp_path / "1", unprompted(range(2, 4)), **settings)["videos"])
    assert first["status"].to_list() + later["status"].to_list() == ["ok"] * 4
    assert first["seed"].to_list() + later["seed"].to_list() == [0, 1, 2, 3]
    assert first["prompt_id"].to_list() == first["truncated"].to_list() == [None, None]
    together = [task.video_id for task in run.plan(unprompted(range(4)), "oracle", {**settings, "videos": 4})]
    assert together == [*first["video_id"], *later["video_id"]]
    assert len(set(together)) == 4


def test_classes_are_asked_for_in_turn(tmp_path: Path) -> None:
    model = image_model(tmp_path / "model", class_conditional)
    prompts = unprompted(range(5), classes=[7, 3])
    videos = read_table(generate(model, tmp_path / "out", prompts, **MODEL)["videos"])
    assert videos["status"].to_list() == ["ok"] * 5
    assert videos["class_label"].to_list() == [7, 3, 7, 3, 7]
    assert videos["seed"].to_list() == [0, 0, 1, 1, 2]
    assert videos["video_id"].n_unique() == 5


@pytest.fixture
def clips_folder(tmp_path: Path) -> tuple[Path, Path]:
    """A manifest and its folder: two clips, one of them twice, an image, one that is gone, one that leads outside."""
    root = tmp_path / "clips"
    write_video(root / "a.mp4", np.repeat(clips()[0], 2, axis=2), 8.0)
    write_video(root / "b.mp4", clips()[1], 8.0)
    Image.fromarray(clips()[2][0]).save(root / "c.png")
    write_video(tmp_path / "secret.mp4", clips()[1], 8.0)
    common = {"kind": "video", "frames": 4, "fps": 8.0, "width": 32, "height": 32, "duration_s": 0.5, "status": "ok"}
    wide, image = {"width": 64}, {"kind": "image", "frames": 1, "fps": None, "duration_s": 0.0}
    rows = [
        {**common, "item_id": item, "path": path, "same_as": same, **changes}
        for item, path, same, changes in (
            ("a", "a.mp4", "a", wide),
            ("a2", "a.mp4", "a", wide),
            ("b", "b.mp4", "b", {}),
            ("c", "c.png", "c", image),
            ("gone", "gone.mp4", "gone", {}),
            ("out", "../secret.mp4", "out", {}),
        )
    ]
    rows.append({"item_id": "bad", "path": "bad.mp4", "status": "skipped", "reason": "damaged"})
    write_table(tmp_path / "m.parquet", rows, MANIFEST)
    return tmp_path / "m.parquet", root


def test_first_frames_are_read_at_the_size_asked_for(clips_folder: tuple[Path, Path]) -> None:
    found = first_frames(*clips_folder, ["a", "b", "c"], None, Limits())
    assert {item: frame.shape for item, frame in found.items()} == {
        "a": (32, 64, 3), "b": (32, 32, 3), "c": (32, 32, 3)
    }  # fmt: skip
    assert np.abs(found["b"].astype(int) - clips()[1][0]).mean() < 6
    assert np.array_equal(found["c"], clips()[2][0])
    square = first_frames(*clips_folder, ["a"], (16, 16), Limits())["a"]
    assert square.shape == (16, 16, 3) and square.dtype == np.uint8
    middle = found["a"][:, 16:48].reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(square - middle).max() <= 1


@pytest.mark.parametrize(
    ("item", "reason"),
    [("gone", "file not found"), ("out", "leaves the folder"), ("bad", "not ok"), ("none", "no such item")],
)
def test_an_image_that_cant_be_read_has_a_reason(clips_folder: tuple[Path, Path], item: str, reason: str) -> None:
    assert reason in first_frames(*clips_folder, [item], None, Limits())[item]


def test_each_prompt_gets_its_own_clip_or_one_that_is_drawn_for_it(clips_folder: tuple[Path, Path]) -> None:
    items = distinct_items(clips_folder[0])
    assert items == ["a", "b", "c", "gone", "out"]
    prompts = [{**p, "source_ids": ids} for p, ids in zip(PROMPTS, (["x", "b"], ["a", "c"], []), strict=True)]
    own = [row["condition"] for row in with_conditions(prompts, items, own=True)]
    drawn = [row["condition"] for row in with_conditions(prompts, items, own=False)]
    assert own == ["b", "a", drawn[2]]
    assert drawn == [row["condition"] for row in with_conditions(prompts[::-1], items[::-1], own=False)][::-1]
    others = [i for i in items if i not in drawn]
    assert drawn == [row["condition"] for row in with_conditions(prompts, [*drawn, *others[:1]], own=False)]
    with pytest.raises(ValueError, match="no item"):
        with_conditions(prompts, [], own=True)


def test_videos_start_from_the_image_and_name_it(clips_folder: tuple[Path, Path], tmp_path: Path) -> None:
    model = image_model(tmp_path / "model", pipelines.stable_video_diffusion.build)
    prompts = [{**PROMPTS[0], "source_ids": [item]} for item in ("a", "b", "gone")]
    rows, images = conditioned(prompts, *clips_folder, own=True, size=(64, 64), limits=Limits())
    files = generate(model, tmp_path / "out", rows, images=images, **MODEL | {"seeds": 1, "width": 64, "height": 64})
    videos = read_table(files["videos"])
    assert videos["condition"].to_list() == ["a", "b", "gone"]
    assert videos["status"].to_list() == ["ok", "ok", "failed"]
    assert videos["reason"][2] == "no image to start from: file not found"
    assert videos["video_id"].n_unique() == 3
    first, second = (
        read_clip(MediaRef(files["tar"], row["offset"], row["size"]), rate_hz=None, max_frames=9, limits=Limits())
        for row in videos.to_dicts()[:2]
    )
    assert (first.frames != second.frames).any()


def test_a_models_own_batch_size_wins_and_a_planted_models_is_that_of_its_training() -> None:
    config = {
        "audit": "a",
        "corpus": {"folder": "clips"},
        "generate": {"batch_size": 8, "signals": "first-step-only"},
        "models": {
            "own": {"kind": "diffusers", "source": "folder", "batch_size": 3},
            "common": {"kind": "diffusers", "source": "folder"},
            "trained": {"kind": "planted", "batch_size": 16},
        },
    }
    settings = Settings(load_config(config), sampled=True, corpus_is_null=True)
    of = {name: settings.of("generate", name) for name in config["models"]}
    assert {name: each["batch_size"] for name, each in of.items()} == {"own": 3, "common": 8, "trained": 8}
    assert {each["signals"] for each in of.values()} == {"first-step-only"}
    assert {each["crf"] for each in of.values()} == {12}
