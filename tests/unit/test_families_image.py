"""Models that start from an image and models without prompts: what is theirs beside what every family must show."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pipelines
import pytest
import torch

from vidmem.generate.families import FAMILIES
from vidmem.generate.load import Frames, load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames

MODULES = pipelines.families()
FROM_IMAGES = sorted(name for name in MODULES if FAMILIES[name].condition == "image")
ONE_AT_A_TIME = sorted(name for name in FROM_IMAGES if FAMILIES[name].at_once == 1)
SCALE = 4.0


@cache
def loaded(name: str) -> Any:
    """A family's tiny pipeline, saved and loaded again."""
    with torch.random.fork_rng(), warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        MODULES[name].build().save_pretrained(folder, safe_serialization=True)
        return load_pipeline(Path(folder), device="cpu", family=name)


def settings(name: str) -> dict[str, Any]:
    size = getattr(MODULES[name], "SIZE", 32)
    frames = getattr(MODULES[name], "FRAMES", 1)
    return {"steps": 2, "guidance_scale": SCALE, "frames": frames, "width": size, "height": size, "fps": 8.0}


def picture(seed: int) -> Frames:
    """Blocks of colour, uint8 (40, 48, 3)."""
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


def made(name: str, seeds: list[int], **given: Any) -> tuple[Recorder, list[Frames]]:
    """Videos of these seeds, and the recorder that listened."""
    pipeline, asked = loaded(name), settings(name)
    frames = latent_frames(pipeline, asked["frames"])
    with (
        warnings.catch_warnings(),
        Recorder(pipeline, videos=len(seeds), guidance_scale=SCALE, latent_frames=frames) as recorder,
    ):
        warnings.simplefilter("ignore")
        videos = sample(pipeline, ["a dog runs"] * len(seeds), seeds, asked, **given)
    return recorder, videos


@pytest.mark.parametrize("name", FROM_IMAGES)
def test_another_image_gives_another_video_and_other_signals(name: str) -> None:
    (one, (video,)), (other, (elsewhere,)) = (made(name, [0], images=[picture(i)]) for i in (1, 2))
    assert video.shape == elsewhere.shape and not np.array_equal(video, elsewhere)
    assert one.rows[0][0]["content_magnitude"] != other.rows[0][0]["content_magnitude"]


@pytest.mark.parametrize("name", ONE_AT_A_TIME)
def test_several_images_in_one_call_are_refused_with_what_to_set(name: str) -> None:
    with pytest.raises(ValueError, match="batch_size: 1"):
        made(name, [0, 1], images=[picture(1), picture(2)])


def test_videos_of_a_batch_start_from_their_own_images() -> None:
    both, videos = made("stable-video-diffusion", [0, 5], images=[picture(1), picture(2)])
    alone, (video,) = made("stable-video-diffusion", [5], images=[picture(2)])
    assert np.abs(videos[1].astype(int) - video.astype(int)).max() <= 2
    expected = alone.rows[0][0]["content_magnitude"]
    assert both.rows[1][0]["content_magnitude"] == pytest.approx(expected, rel=1e-3)


def test_stable_video_diffusion_guides_every_frame_at_a_scale_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded is held against what a hook and a scheduler of our own see."""
    name = "stable-video-diffusion"
    pipeline, seen, step = loaded(name), [], loaded(name).scheduler.step
    hook = pipeline.unet.register_forward_hook(lambda module, args, output: seen.append(output[0]))

    def watched(handed: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        seen.append(handed)
        return step(handed, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.scheduler, "step", watched, raising=False)
        sample(pipeline, [""], [0], settings(name), [picture(1)])
    hook.remove()
    u, c = seen[0].chunk(2)
    scales = torch.linspace(1.0, SCALE, u.shape[1]).reshape(1, -1, 1, 1, 1)
    assert torch.equal(seen[1], u + scales * (c - u))
    recorder, _ = made(name, [0], images=[picture(1)])
    assert recorder.error is not None and recorder.error <= 1e-6
    sigma = float(pipeline.scheduler.sigmas[0])
    expected = float((c - u).square().mean().sqrt()) / (1 + sigma**2) ** 0.5  # v-prediction: sqrt(abar) dv
    assert recorder.rows[0][0]["content_magnitude"] == pytest.approx(expected, rel=1e-4)


def test_i2vgen_xl_depends_on_its_seed_and_on_no_other_generator() -> None:
    videos = []
    for elsewhere in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(elsewhere)
            videos.append(made("i2vgen-xl", [0], images=[picture(1)])[1][0])
    assert np.array_equal(*videos)


def test_an_unconditional_model_is_asked_by_seeds_alone_and_says_why_it_has_no_signals() -> None:
    both, images = made("ddpm", [0, 5])
    _, (image,) = made("ddpm", [5])
    assert images[0].shape == (1, 16, 16, 3) and not np.array_equal(images[0], images[1])
    assert np.abs(images[1].astype(int) - image.astype(int)).max() <= 1
    assert {row["status"] for rows in both.rows for row in rows} == {"skipped"}
    assert "the model has no condition" in both.rows[0][0]["reason"]


def test_a_class_conditional_model_is_asked_by_label_and_seed() -> None:
    both, images = made("dit", [0, 0], labels=[3, 7])
    alone, (image,) = made("dit", [0], labels=[7])
    assert both.layout == "one batch, conditional first" and both.error is not None and both.error <= 1e-6
    assert not np.array_equal(images[0], images[1])
    assert np.abs(images[1].astype(int) - image.astype(int)).max() <= 1
    expected = alone.rows[0][0]["content_magnitude"]
    assert both.rows[1][0]["content_magnitude"] == pytest.approx(expected, rel=1e-3)
