"""AnimateDiff as it is published: a motion adapter here, an image model there, put together when they are loaded."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pipelines
import pytest
import torch
from diffusers import DDIMScheduler, EulerDiscreteScheduler
from hubstandin import COMMIT, Hub
from pipelines.animatediff import adapter
from test_generate_fetch import ask

from vidmem.generate.families import FAMILIES
from vidmem.generate.load import ModelError, load_pipeline, sample
from vidmem.generate.recorder import Recorder

MODULES = pipelines.families()
OVER = {"animatediff": "stable-diffusion", "animatediff-sdxl": "sdxl"}
SETTINGS = {"steps": 3, "guidance_scale": 4.0, "frames": 3, "width": 32, "height": 32}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of an adapter and of image models, saved each by itself."""
    root = tmp_path_factory.mktemp("parts")
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        motion = adapter()
        for parameter in motion.parameters():  # some start at zero: a motion module that does nothing
            torch.nn.init.normal_(parameter, std=0.2)
        motion.save_pretrained(str(root / "adapter"), safe_serialization=True)
        for image in OVER.values():
            MODULES[image].build().save_pretrained(str(root / image), safe_serialization=True)
    return root


@pytest.mark.parametrize("name", sorted(OVER))
def test_both_parts_are_put_together_at_the_adapters_noise_levels(name: str, parts: Path) -> None:
    image = parts / OVER[name]
    pipeline = load_pipeline(image, device="cpu", family=name, motion_adapter=str(parts / "adapter"))
    assert type(pipeline).__name__ == FAMILIES[name].pipelines[0]
    assert isinstance(pipeline.scheduler, DDIMScheduler)
    assert pipeline.scheduler.config.beta_schedule == "linear" and not pipeline.scheduler.config.clip_sample
    with Recorder(pipeline, guidance_scale=4.0) as recorder:
        (video,) = sample(pipeline, ["a dog runs"], [0], SETTINGS)
    assert recorder.error == 0 and {row["status"] for row in recorder.rows[0]} == {"ok"}

    by_hand = getattr(diffusers, FAMILIES[name].pipelines[0]).from_pretrained(
        image,
        motion_adapter=diffusers.MotionAdapter.from_pretrained(parts / "adapter"),
        scheduler=DDIMScheduler.from_pretrained(
            image, subfolder="scheduler", beta_schedule="linear", clip_sample=False, timestep_spacing="linspace",
            steps_offset=1,
        ),
    )  # fmt: skip
    if name == "animatediff-sdxl":  # diffusers leaves it random
        image_unet = diffusers.UNet2DConditionModel.from_pretrained(image / "unet")
        by_hand.unet.add_embedding.load_state_dict(image_unet.add_embedding.state_dict())
    by_hand.set_progress_bar_config(disable=True)
    (expected,) = sample(by_hand, ["a dog runs"], [0], SETTINGS)
    assert np.array_equal(video, expected)


@pytest.mark.parametrize("name", sorted(OVER))
def test_no_weight_of_either_part_is_lost(name: str, parts: Path) -> None:
    image = parts / OVER[name]
    made = load_pipeline(image, device="cpu", motion_adapter=str(parts / "adapter")).unet.state_dict()
    given = diffusers.UNet2DConditionModel.from_pretrained(image / "unet").state_dict()
    given |= {k: v for k, v in diffusers.MotionAdapter.from_pretrained(parts / "adapter").state_dict().items()}
    assert set(given) == set(made) and all(torch.equal(made[key], given[key]) for key in given)


def test_another_scheduler_keeps_the_adapters_noise_levels(parts: Path) -> None:
    pipeline = load_pipeline(
        parts / "stable-diffusion",
        device="cpu",
        motion_adapter=str(parts / "adapter"),
        scheduler="EulerDiscreteScheduler",
    )
    assert isinstance(pipeline.scheduler, EulerDiscreteScheduler)
    assert pipeline.scheduler.config.beta_schedule == "linear"


def test_what_is_missing_or_too_much_is_one_line(parts: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    MODULES["animatediff"].build().save_pretrained(str(whole), safe_serialization=True)
    for folder, given, expected in (
        (
            parts / "stable-diffusion",
            {"family": "animatediff"},
            "an image model, which AnimateDiff needs a motion adap",
        ),
        (whole, {"motion_adapter": str(parts / "adapter")}, "holds a motion adapter: set `motion_adapter: null`"),
        (parts / "adapter", {}, r"no model_index\.json"),
        (parts / "sdxl", {"motion_adapter": str(tmp_path)}, r"has no config\.json; if it holds pickle"),
        (parts / "sdxl", {"motion_adapter": "owner/name"}, "pin its `motion_adapter_revision`"),
    ):
        with pytest.raises(ModelError, match=expected) as caught:
            load_pipeline(folder, device="cpu", **given)
        assert "\n" not in str(caught.value)
    assert load_pipeline(whole, device="cpu", family="animatediff")  # put together once and saved, it needs none


@pytest.fixture
def hub(parts: Path) -> Iterator[Hub]:
    files = {path.name: path.read_bytes() for path in (parts / "adapter").iterdir()}
    server = Hub({**files, "diffusion_pytorch_model.fp16.safetensors": b"half", "mm.ckpt": b"pickle"})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetched(hub: Hub, home: Path, parts: Path, **environment: str) -> Any:
    call = f"fetch_model({str(parts / 'stable-diffusion')!r}, None, 'owner/name', '{COMMIT}')"
    return ask(hub, home, call, **environment)


def test_an_adapter_is_fetched_at_its_pin_and_found_again_without_the_network(
    hub: Hub, parts: Path, tmp_path: Path
) -> None:
    record = fetched(hub, tmp_path, parts)
    names = ["config.json", "diffusion_pytorch_model.safetensors"]
    assert (record["revision"], record["files"]) == (None, [])
    assert record["motion_adapter"]["revision"] == COMMIT
    assert [file["path"] for file in record["motion_adapter"]["files"]] == names
    assert sorted(hub.served) == names
    hub.served.clear()
    assert fetched(hub, tmp_path, parts, HF_HUB_OFFLINE="1") == record and not hub.served
    written = tmp_path / "weights.json"
    written.write_text(json.dumps(record))
    assert ask(hub, tmp_path, f"locate('/an/image/model', [{str(written)!r}])") == "/an/image/model"


def test_an_adapter_that_cant_be_had_says_what_to_do(hub: Hub, parts: Path, tmp_path: Path) -> None:
    said = fetched(hub, tmp_path, parts, HF_HUB_OFFLINE="1")
    assert said.startswith(f"motion adapter owner/name at {COMMIT} is not in the local cache")
    del hub.files["diffusion_pytorch_model.safetensors"]
    said = fetched(hub, tmp_path, parts)
    assert said.startswith("motion adapter owner/name has no diffusion_pytorch_model.safetensors; if it holds pickle")
    assert f"M.from_pretrained('owner/name', revision='{COMMIT}', use_safetensors=False)" in said
    hub.gated = True
    said = fetched(hub, tmp_path / "other", parts, **{"HF_TOKEN": "hf_secretsecret"})
    assert said.startswith("owner/name is gated: accept its terms on https://huggingface.co/owner/name, then log in")
