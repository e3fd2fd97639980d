"""Flow engines and their units: shares of the frame's width per second, whatever the resolution and frame rate."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vidmem.config.features import Flow as FlowSettings
from vidmem.features.flow import FlowEngine, cell_means, flow_engine, velocity_fields
from vidmem.features.preprocess import Frames
from vidmem.features.weights import WeightsError
from vidmem.similarity.motion import resample
from vidmem.userfiles import sha256_of

RAFT_WEIGHTS = os.environ.get("VIDMEM_RAFT_WEIGHTS")


def sliding(vx: float, vy: float, *, width: int, height: int, fps: float, count: int) -> Frames:
    """A textured plane that moves at (vx, vy) shares of the width per second."""
    rng = np.random.default_rng(0)
    world = cv2.GaussianBlur(rng.random((96, 96, 3)), (0, 0), 1.2)
    world = cv2.resize(
        (world - world.min()) / np.ptp(world) * 255, (4 * width, 4 * width), interpolation=cv2.INTER_CUBIC
    )
    frames = []
    for t in np.arange(count) / fps:
        shift = np.array([[1, 0, vx * width * t - 1.5 * width], [0, 1, vy * width * t - 1.5 * width]])
        frames.append(np.clip(cv2.warpAffine(world, shift, (width, height)), 0, 255).astype(np.uint8))
    return np.stack(frames)


def dis(size: int = 128) -> FlowEngine:
    return flow_engine(FlowSettings(size=size).model_dump(), threads=1)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (192, 144), (320, 180), (90, 160)])
@pytest.mark.parametrize("fps", [8.0, 12.0, 24.0])
def test_a_known_translation_in_shares_of_the_width_per_second(width: int, height: int, fps: float) -> None:
    frames = sliding(0.3, -0.2, width=width, height=height, fps=fps, count=4)
    fields = velocity_fields(dis(), frames, np.arange(4) / fps, 16)
    assert fields.shape == (3, 2, 16, 16)
    middle = np.median(fields[:, :, 4:12, 4:12], axis=(0, 2, 3))
    assert middle == pytest.approx([0.3, -0.2], abs=0.03)


def test_a_still_scene_has_no_flow() -> None:
    frames = np.repeat(sliding(0, 0, width=64, height=64, fps=8, count=1), 4, axis=0)
    assert np.abs(velocity_fields(dis(), frames, np.arange(4) / 8, 8)).max() < 1e-3


def test_one_frame_has_no_flow() -> None:
    frames = sliding(0, 0, width=64, height=64, fps=8, count=1)
    assert velocity_fields(dis(), frames, np.zeros(1), 16).shape == (0, 2, 16, 16)


def test_the_same_frames_give_the_same_bytes() -> None:
    frames = sliding(0.2, 0.1, width=96, height=96, fps=8, count=4)
    one, two = (velocity_fields(dis(), frames, np.arange(4) / 8, 16) for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_times_that_do_not_increase_are_refused() -> None:
    frames = sliding(0, 0, width=64, height=64, fps=8, count=2)
    with pytest.raises(ValueError, match="times"):
        velocity_fields(dis(), frames, np.zeros(2), 16)


@pytest.mark.parametrize(("height", "width", "grid"), [(8, 8, 4), (9, 7, 4), (3, 5, 4), (16, 12, 16)])
def test_cell_averages_agree_with_a_fine_subdivision(height: int, width: int, grid: int) -> None:
    flow = np.random.default_rng(1).normal(size=(2, height, width)).astype(np.float32)
    fine = flow.repeat(grid, axis=1).repeat(grid, axis=2)  # every pixel in grid x grid parts: cells are whole then
    expected = fine.reshape(2, grid, height, grid, width).mean(axis=(2, 4))
    assert cell_means(flow, grid) == pytest.approx(expected, abs=1e-5)
    assert cell_means(flow, grid).mean() == pytest.approx(flow.mean(), abs=1e-5)


def test_resampling_at_the_own_rate_changes_nothing() -> None:
    fields = np.random.default_rng(2).normal(size=(6, 2, 4, 4)).astype(np.float32)
    assert resample(fields, np.arange(7) / 8, 8.0, 64) == pytest.approx(fields, abs=1e-6)
    assert len(resample(fields, np.arange(7) / 8, 8.0, 4)) == 4


def test_resampling_averages_over_time_by_overlap() -> None:
    fields = np.ones((2, 2, 1, 1), np.float32) * np.array([1, 4], np.float32).reshape(2, 1, 1, 1)
    # velocity 1 for 0.1 s, then 4 for 0.3 s; steps of 0.2 s: half 1 and half 4, then 4
    out = resample(fields, np.array([0, 0.1, 0.4]), 5.0, 64)
    assert out[:, 0, 0, 0] == pytest.approx([2.5, 4])


def test_a_slow_frame_rate_keeps_the_speed() -> None:
    fields = np.full((3, 2, 2, 2), 0.5, np.float32)
    out = resample(fields, np.arange(4) / 4, 8.0, 64)
    assert out == pytest.approx(np.full((6, 2, 2, 2), 0.5))


@pytest.mark.parametrize("name", ["raft_small", "raft_large"])
def test_raft_runs_on_any_size_with_weights_from_a_file(name: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torchvision.models import optical_flow

    torch.manual_seed(0)
    state = getattr(optical_flow, name)(weights=None).state_dict()
    save_file(state, str(tmp_path / "w.safetensors"))
    torch.save(state, tmp_path / "w.pth")
    frames = sliding(0.2, 0.1, width=50, height=34, fps=8, count=3)
    settings = FlowSettings(engine=name, weights=str(tmp_path / "w.safetensors")).model_dump()
    engine = flow_engine(settings, threads=1)
    fields = velocity_fields(engine, frames, np.arange(3) / 8, 16)
    assert fields.shape == (2, 2, 16, 16)
    assert np.isfinite(fields).all()
    assert engine.weights_sha256 == sha256_of(tmp_path / "w.safetensors")
    pickled = flow_engine({**settings, "weights": str(tmp_path / "w.pth")}, threads=1)
    assert np.array_equal(velocity_fields(pickled, frames, np.arange(3) / 8, 16), fields)


def test_threads_that_share_raft_get_the_flow_of_their_own_frames(tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torchvision.models import optical_flow

    torch.manual_seed(0)
    save_file(optical_flow.raft_small(weights=None).state_dict(), tmp_path / "w.safetensors")
    engine = flow_engine(FlowSettings(engine="raft_small", weights=str(tmp_path / "w.safetensors")).model_dump(), 1)
    clips = [sliding(0.1 * n, 0.1, width=128, height=128, fps=8, count=n + 2) for n in range(3)]

    def flow(frames: Frames) -> bytes:
        return np.stack(list(engine.flows(frames))).tobytes()

    alone = [flow(frames) for frames in clips]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(flow, clips * 2)) == alone * 2


def test_missing_raft_weights_are_one_clear_line(tmp_path: Path) -> None:
    settings = FlowSettings(engine="raft_small", weights=str(tmp_path / "none.pth")).model_dump()
    with pytest.raises(WeightsError, match="no such file"):
        flow_engine(settings, threads=1)


@pytest.mark.skipif(not RAFT_WEIGHTS, reason="RAFT's accuracy needs its weights: set VIDMEM_RAFT_WEIGHTS to their path")
def test_raft_recovers_a_known_translation() -> None:
    name = "raft_small" if "small" in Path(str(RAFT_WEIGHTS)).name else "raft_large"
    engine = flow_engine(FlowSettings(engine=name, weights=RAFT_WEIGHTS).model_dump(), threads=2)
    frames = sliding(0.3, -0.2, width=192, height=144, fps=8, count=3)
    fields = velocity_fields(engine, frames, np.arange(3) / 8, 16)
    assert np.median(fields[:, :, 4:12, 4:12], axis=(0, 2, 3)) == pytest.approx([0.3, -0.2], abs=0.03)
