"""Weights that lie about themselves, pickles that the config names: refused in one line, none of their code runs."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mediafiles
import pytest
import torch
from pipelines import modelscope, save
from torchvision.models.optical_flow import raft_small

from vidmem.config.features import Flow
from vidmem.config.features import Frames as FramesSettings
from vidmem.features.engines import frame_engine
from vidmem.features.flow import flow_engine
from vidmem.features.weights import WeightsError
from vidmem.generate.load import ModelError, load_pipeline
from vidmem.plan import plan_or_exit
from vidmem.userfiles import sha256_of

Patch = Callable[[dict[str, Any], bytes], bytes]


def rewritten(path: Path, lie: Patch) -> Path:
    """A safetensors file whose header is what `lie` makes of it: given the parsed header and the tensors' bytes."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    path.write_bytes(lie(json.loads(data[8 : 8 + length]), data[8 + length :]))
    return path


def packed(header: dict[str, Any], body: bytes, length: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def _first(header: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(value for key, value in header.items() if key != "__metadata__")
    return found


def too_long(header: dict[str, Any], body: bytes) -> bytes:
    return packed(header, body, length=2**63)


def longer_than_the_file(header: dict[str, Any], body: bytes) -> bytes:
    return packed(header, body, length=len(body) + 10**7)


def past_the_end(header: dict[str, Any], body: bytes) -> bytes:
    _first(header)["data_offsets"] = [len(body) + 8, len(body) + 10**9]
    return packed(header, body)


def overlapping(header: dict[str, Any], body: bytes) -> bytes:
    entries = [value for key, value in header.items() if key != "__metadata__"]
    entries[1]["data_offsets"] = entries[0]["data_offsets"]
    return packed(header, body)


def enormous(header: dict[str, Any], body: bytes) -> bytes:
    _first(header)["shape"] = [2**40, 2**40]
    return packed(header, body)


def another_type(header: dict[str, Any], body: bytes) -> bytes:
    _first(header)["dtype"] = "F128"
    return packed(header, body)


def no_json(header: dict[str, Any], body: bytes) -> bytes:
    return struct.pack("<Q", 40) + b"{" * 40 + body


def cut(header: dict[str, Any], body: bytes) -> bytes:
    return packed(header, body[: len(body) // 2])


LIES: list[Patch] = [too_long, longer_than_the_file, past_the_end, overlapping, enormous, another_type, no_json, cut]


class Trap:
    """What a hostile pickle is: reading it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(modelscope.build, tmp_path_factory.mktemp("pipeline") / "modelscope")


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_ends_loading_with_the_models_name(pipeline: Path, tmp_path: Path, lie: Patch) -> None:
    folder = shutil.copytree(pipeline, tmp_path / "model")
    rewritten(next((folder / "unet").glob("*.safetensors")), lie)
    with pytest.raises(ModelError) as error:
        load_pipeline(folder, device="cpu")
    assert str(error.value).startswith(f"model {folder} can't be loaded: ")
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def raft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("raft") / "raft.safetensors"
    with torch.random.fork_rng():
        save_file(raft_small(weights=None).state_dict(), str(path))
    return path


@pytest.mark.parametrize("lie", [too_long, past_the_end, enormous, cut])
def test_a_header_that_lies_is_no_motion_engines_weights(raft: Path, tmp_path: Path, lie: Patch) -> None:
    path = rewritten(Path(shutil.copy2(raft, tmp_path / "w.safetensors")), lie)
    with pytest.raises(WeightsError, match=r"^weights .*w\.safetensors hold no state dict of raft_small \(") as error:
        flow_engine(Flow(engine="raft_small", weights=str(path)).model_dump(), threads=1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("how", ["plain", "torch"])
def test_a_hostile_pickle_of_motion_weights_runs_nothing(tmp_path: Path, how: str) -> None:
    path, sprung = tmp_path / "w.pth", tmp_path / "sprung"
    if how == "plain":
        path.write_bytes(pickle.dumps({"weight": Trap(sprung)}))
    else:
        torch.save({"weight": Trap(sprung)}, path)
    with pytest.raises(WeightsError, match="hold no state dict of raft_small") as error:
        flow_engine(Flow(engine="raft_small", weights=str(path)).model_dump(), threads=1)
    assert "\n" not in str(error.value) and "weights_only=False" not in str(error.value)
    assert not sprung.exists()


def test_a_hostile_pickle_of_copy_detection_weights_runs_nothing_even_when_pinned(tmp_path: Path) -> None:
    path, sprung = tmp_path / "w.pt", tmp_path / "sprung"
    torch.save({"weight": Trap(sprung)}, path)
    settings = FramesSettings(engine="sscd", weights=str(path), sha256=sha256_of(path)).model_dump()
    with pytest.raises(WeightsError, match=r"w\.pt are no TorchScript file"):
        frame_engine(settings, threads=1)
    assert not sprung.exists()


# ---- a config that names one


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    mediafiles.write(folder / "a.mp4", mediafiles.drifting(12))
    return folder


@pytest.mark.parametrize("suffix", [".pkl", ".ckpt", ".bin", ".pt"])
@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("models.m.source", r"is a single file; .* Pickled weights .* can run code"),
        ("models.m.prompts", r"tables are read from \.csv"),
        ("corpus.captions", r"tables are read from \.csv"),
        ("prompts.imported", r"prompts are read from \.csv"),
        ("features.flow.weights", r"neither \.safetensors nor \.pth"),
    ],
)
def test_a_config_that_names_a_pickle_is_refused_before_anything_runs(
    media: Path, tmp_path: Path, suffix: str, key: str, said: str
) -> None:
    path, sprung = tmp_path / f"w{suffix}", tmp_path / "sprung"
    path.write_bytes(pickle.dumps(Trap(sprung)))
    model = {"kind": "diffusers"} if key.endswith("source") else {"kind": "videos", "folder": str(media)}
    config: dict[str, Any] = {"audit": "a", "corpus": {"folder": str(media)}, "models": {"m": model}}
    *sections, name = key.split(".")
    section = config
    for part in sections:
        section = section.setdefault(part, {})
    section[name] = str(path)
    if key == "features.flow.weights":
        section["engine"] = "raft_small"
    with pytest.raises(SystemExit, match=said) as error:
        plan_or_exit(config)
    assert str(error.value).removeprefix("vidmem: ").removeprefix("config: ").startswith(f"{key}: ")
    assert "\n" not in str(error.value)
    assert not sprung.exists()
