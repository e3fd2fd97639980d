"""Networks of the features on the GPU: near the CPU's numbers, the same from any thread, and the same tables' bytes."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from films import write_network
from gpuroom import DEVICE, whole_float32
from safetensors.torch import save_file
from torchvision.models import optical_flow

from vidmem import tables
from vidmem.config.features import Features, Flow
from vidmem.config.features import Frames as FrameSettings
from vidmem.config.media import Limits
from vidmem.corpus.made.render import render_clip
from vidmem.features import extract_features
from vidmem.features.engines import TorchSscd, frame_engine
from vidmem.features.flow import RaftFlow, flow_engine
from vidmem.media import write_video

CONTENTS = ("rug", "glass", "rug", "glass", "rug", "glass", "rug")
RAFTS = ("raft_small", "raft_large")


def clip(number: int, side: int = 128, seconds: float = 1.5) -> np.ndarray:
    """uint8 (frames, side, side, 3) at 8 frames a second."""
    motion = ("orbit", "zigzag", "pendulum")[number % 3]
    return render_clip(
        CONTENTS[number], motion, "still", width=side, height=side, fps=8.0, seconds=seconds, seed=number
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths of files of random weights, by engine: a network of SSCD's shape, and RAFTs."""
    root = tmp_path_factory.mktemp("weights")
    write_network(root / "sscd.pt")
    for name in RAFTS:
        torch.manual_seed(0)
        save_file(getattr(optical_flow, name)(weights=None).state_dict(), root / f"{name}.safetensors")
    return {"sscd": str(root / "sscd.pt"), **{name: str(root / f"{name}.safetensors") for name in RAFTS}}


def sscd_settings(weights: dict[str, str], device: str, **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(Path(weights["sscd"]).read_bytes()).hexdigest()
    given = {"engine": "sscd", "weights": weights["sscd"], "sha256": digest, "device": device, **changes}
    return FrameSettings.model_validate(given).model_dump()


def flow_settings(weights: dict[str, str], name: str, device: str) -> dict[str, Any]:
    return Flow.model_validate({"engine": name, "weights": weights[name], "device": device}).model_dump()


@pytest.fixture(scope="module")
def batches() -> list[np.ndarray]:
    """Four batches of frames, 288 by 288 as SSCD is shown them."""
    return [clip(number, side=288, seconds=1.0) for number in range(4)]


def least_cosines(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The least cosine of the same frame's vectors, and of what tells them from the mean of all.

    Weights are random, and so all vectors are nearly the same: what counts is in the difference. Rounding weights to
    TF32 takes the latter to .99985 on the CPU, and changing them by a millionth leaves it at .9999999.
    """
    mean = one.mean(0)
    a, b = one - mean, other - mean
    apart = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return float((one * other).sum(1).min()), float(apart.min())


def test_frame_vectors_are_the_cpus(weights: dict[str, str], batches: list[np.ndarray]) -> None:
    engine = frame_engine(sscd_settings(weights, DEVICE), 1)
    assert isinstance(engine, TorchSscd) and engine.device.split(":")[0] == DEVICE
    expected = np.concatenate([frame_engine(sscd_settings(weights, "cpu"), 1).embed(batch) for batch in batches])
    rounded = np.concatenate([engine.embed(batch) for batch in batches])
    with whole_float32():
        whole = np.concatenate([engine.embed(batch) for batch in batches])
    found = {"float32": least_cosines(expected, whole), "TF32": least_cosines(expected, rounded)}
    said = f"least cosine with the CPU's, and of the difference to the mean: {found}"
    assert found["float32"][0] > 0.9999 and found["float32"][1] > 0.998, said
    assert found["TF32"][0] > 0.9999 and found["TF32"][1] > 0.998, said
    assert np.linalg.norm(rounded, axis=1) == pytest.approx(np.ones(len(rounded)), abs=1e-5)


def test_frame_vectors_do_not_depend_on_what_was_embedded_before_nor_on_the_thread(
    weights: dict[str, str], batches: list[np.ndarray]
) -> None:
    engine = frame_engine(sscd_settings(weights, DEVICE), 1)
    rounds = [[engine.embed(batch) for batch in batches] for _ in range(4)]
    changed = [n for n, found in enumerate(rounds) if not all(map(np.array_equal, rounds[0], found))]
    assert not changed, f"rounds {changed} of 4 gave other vectors than the first"
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(engine.embed, batches * 4))
    wrong = [n for n, vectors in enumerate(threaded) if not np.array_equal(vectors, rounds[0][n % 4])]
    assert not wrong, f"{len(wrong)} of 16 batches of four threads have other vectors"


@pytest.mark.parametrize("name", RAFTS)
def test_flow_is_the_cpus_in_any_thread(name: str, weights: dict[str, str]) -> None:
    """Pixels. Weights changed by a millionth move this flow by up to 2e-4 on the CPU, and rounded to TF32 by .03."""
    engine, cpu = (flow_engine(flow_settings(weights, name, device), 1) for device in (DEVICE, "cpu"))
    assert isinstance(engine, RaftFlow)
    clips = [clip(number, seconds=0.5) for number in range(3)]
    expected = [np.stack(list(cpu.flows(frames))) for frames in clips]
    rounded = [np.stack(list(engine.flows(frames))) for frames in clips]
    with whole_float32():
        whole = [np.stack(list(engine.flows(frames))) for frames in clips]
    size = max(float(np.abs(flow).max()) for flow in expected)
    off, off_tf32 = (
        max(float(np.abs(a - b).max()) for a, b in zip(expected, found, strict=True)) for found in (whole, rounded)
    )
    said = f"largest flow {size:.3g} pixels; off by {off:.2g} in float32, by {off_tf32:.2g} with TF32"
    assert np.isfinite(size) and off <= 5e-3 and off_tf32 <= 0.3, said
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda frames: np.stack(list(engine.flows(frames))), clips * 4))
    wrong = [n for n, flow in enumerate(threaded) if not np.array_equal(flow, rounded[n % 3])]
    assert not wrong, f"{len(wrong)} of 12 clips of four threads have another flow"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    for number in range(len(CONTENTS)):
        write_video(root / f"{number}.mp4", clip(number), 8.0)
    (root / "broken.mp4").write_text("this is no video")
    return root


def tables_of(folder: Path, out: Path, settings: dict[str, Any], threads: int) -> dict[str, Path]:
    out.mkdir()
    rows = [{"video_id": p.stem, "path": p.name, "offset": None, "size": None} for p in sorted(folder.iterdir())]
    files = {f"out_{name}": out / f"{name}.parquet" for name in ("frames", "flow", "items")}
    items = pl.DataFrame(rows, schema_overrides={"offset": pl.Int64, "size": pl.Int64})
    extract_features(items, folder, settings, limits=Limits(), threads=threads, **files)
    return files


@pytest.mark.parametrize("flow", ["dis", "raft_small"])
def test_tables_are_the_same_bytes_whatever_the_number_of_threads(
    flow: str, weights: dict[str, str], folder: Path, tmp_path: Path
) -> None:
    moved = {"engine": "dis"} if flow == "dis" else flow_settings(weights, flow, DEVICE)
    given = {"frames": sscd_settings(weights, DEVICE, batch_size=5), "flow": moved, "max_loss": 1.0}
    settings = Features.model_validate(given).model_dump()
    one, four = (tables_of(folder, tmp_path / str(threads), settings, threads) for threads in (1, 4))
    items = tables.read_table(one["out_items"])
    assert sorted(items["status"]) == ["ok"] * len(CONTENTS) + ["skipped"], items["reason"].to_list()
    other = [name for name in one if one[name].read_bytes() != four[name].read_bytes()]
    assert not other, f"other bytes with four threads: {other}"
    _, fields = tables.read_vectors(one["out_flow"])
    _, vectors = tables.read_vectors(one["out_frames"])
    assert np.isfinite(fields).all() and np.isfinite(vectors).all() and fields.std() > 0
