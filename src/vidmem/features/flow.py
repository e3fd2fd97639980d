"""Optical flow between neighbouring frames, as velocity fields on a small grid.

A field is (2, g, g): x then y component, averaged over each cell of a g x g grid, in shares of the frame's width per
second, so that it depends neither on the video's resolution nor on its frame rate. `dis` is OpenCV's dense inverse
search flow (Kroeger et al. 2016), which needs no weights; `raft_*` is torchvision's RAFT (Teed and Deng 2020).
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError  # raised by a reader that runs no code
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from vidmem.features.engines import network_device
from vidmem.features.preprocess import Frames, grey, resize, short_edge_size
from vidmem.features.weights import WeightsError
from vidmem.userfiles import sha256_of

Flows = npt.NDArray[np.float32]
RAFTS = ("raft_small", "raft_large")
RAFT_SIDE = 128  # smaller sides give NaN
RAFT_MULTIPLE = 8
RAFT_PAIRS = {"cpu": 4, "cuda": 64}  # pairs at once: bounds the memory of the correlation volumes


class FlowEngine(Protocol):
    """What turns frames into flow, in any thread. `weights_sha256` is empty for an engine without weights."""

    name: str
    weights_sha256: str

    def flows(self, frames: Frames) -> Iterator[Flows]:
        """Flow from each frame to the next, N - 1 arrays of float32 (2, h, w) in pixels of the working size."""
        ...


class DisFlow:
    """OpenCV's DIS flow, at a fixed short edge."""

    name = "dis"
    weights_sha256 = ""

    def __init__(self, size: int, threads: int) -> None:
        cv2.setNumThreads(threads)
        cv2.ocl.setUseOpenCL(False)
        self._size = size
        self._own = threading.local()  # of each thread: the algorithm keeps its pyramids in the object

    def flows(self, frames: Frames) -> Iterator[Flows]:
        """See `FlowEngine.flows`."""
        if not len(frames):
            return
        images = resize(grey(frames), *short_edge_size(frames.shape[2], frames.shape[1], self._size))
        if not hasattr(self._own, "dis"):
            self._own.dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        for one, two in pairwise(images):
            flow = self._own.dis.calc(one, two, None)
            yield np.ascontiguousarray(flow.transpose(2, 0, 1), np.float32)


class RaftFlow:
    """torchvision's RAFT, with sides of at least 128 that are divisible by 8; `device` is cpu or cuda."""

    def __init__(
        self, name: str, weights: str | None, size: int, threads: int, updates: int = 12, device: str = "cpu"
    ) -> None:
        self.name = name
        self._threads = threads
        self._size = max(size, RAFT_SIDE)
        self._updates = updates
        self._device = network_device(device)
        model, self.weights_sha256 = _raft(name, weights)
        self._model = model.eval().to(self._device)
        self._own = threading.local()  # of each thread: the network keeps the correlations of a call in itself

    def flows(self, frames: Frames) -> Iterator[Flows]:
        """See `FlowEngine.flows`."""
        import torch

        if not len(frames):
            return
        width, height = short_edge_size(frames.shape[2], frames.shape[1], self._size, RAFT_MULTIPLE)
        images = torch.from_numpy(resize(frames, width, height)).permute(0, 3, 1, 2)
        torch.set_num_threads(self._threads)  # of the calling thread
        pairs = RAFT_PAIRS[self._device.split(":")[0]]
        for start in range(0, len(images) - 1, pairs):
            part = images[start : start + pairs + 1].to(self._device).float().div(127.5).sub(1.0)
            with torch.inference_mode():
                out = self._network()(part[:-1], part[1:], num_flow_updates=self._updates)[-1]
            yield from out.float().cpu().numpy()

    def _network(self) -> Any:
        """The network as the calling thread may use it: with the same weights, and correlations of its own."""
        if not hasattr(self._own, "network"):
            self._own.network = copy.copy(self._model)
            self._own.network.__dict__["_modules"] = dict(self._model._modules)
            self._own.network.corr_block = copy.copy(self._model.corr_block)
        return self._own.network


def _raft(name: str, weights: str | None) -> tuple[Any, str]:
    """The network and its weights' hash: from a file, or by torchvision's own download (which checks a hash)."""
    import torch
    from safetensors import SafetensorError
    from torchvision.models import optical_flow

    make = {"raft_small": optical_flow.raft_small, "raft_large": optical_flow.raft_large}[name]
    if weights is None:
        known = {"raft_small": optical_flow.Raft_Small_Weights, "raft_large": optical_flow.Raft_Large_Weights}[name]
        try:
            model = make(weights=known.DEFAULT)
        except OSError as error:
            raise WeightsError(f"{name}: torchvision could not fetch its weights ({error}); give a path") from None
        return model, sha256_of(Path(torch.hub.get_dir()) / "checkpoints" / Path(known.DEFAULT.url).name)
    path = Path(weights)
    if not path.is_file():
        raise WeightsError(f"weights {weights}: no such file")
    model = make(weights=None)
    try:
        model.load_state_dict(_state_dict(path))
    except (SafetensorError, UnpicklingError, RuntimeError, ValueError, TypeError, EOFError) as error:
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        hint = "" if isinstance(error, SafetensorError) else "; only tensors are read of a .pth, and no code is run"
        raise WeightsError(f"weights {weights} hold no state dict of {name} ({said}){hint}") from error
    return model, sha256_of(path)


def _state_dict(path: Path) -> dict[str, Any]:
    import torch
    from safetensors.torch import load_file

    if path.suffix == ".safetensors":
        return dict(load_file(path))
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def working_edge(settings: Mapping[str, Any]) -> int:
    """Short edge in pixels at which the engine that the config's `features.flow` names computes."""
    size = int(settings["size"])
    return max(size, RAFT_SIDE) if settings["engine"] in RAFTS else size


def flow_engine(settings: Mapping[str, Any], threads: int) -> FlowEngine:
    """The engine that the config's `features.flow` names. Raises `WeightsError` or `ValueError`."""
    name, size = settings["engine"], working_edge(settings)
    if name == "dis":
        return DisFlow(size, threads)
    if name in RAFTS:
        return RaftFlow(name, settings.get("weights"), size, threads, device=settings.get("device", "cpu"))
    raise ValueError(f"unknown flow engine {name!r}: one of dis, raft_small, raft_large")


def velocity_fields(engine: FlowEngine, frames: Frames, times_s: npt.NDArray[np.float64], grid: int) -> Flows:
    """Velocity from each frame to the next, float32 (N - 1, 2, grid, grid) in shares of the width per second.

    `times_s` are the moments at which the frames are shown, strictly increasing.
    """
    fields = np.zeros((max(len(frames) - 1, 0), 2, grid, grid), np.float32)
    steps = np.diff(times_s)
    if (steps <= 0).any():
        raise ValueError("times of frames must increase")
    for n, flow in enumerate(engine.flows(frames)):
        fields[n] = cell_means(flow, grid) / (flow.shape[2] * steps[n])
    return fields


def cell_means(flow: Flows, grid: int) -> Flows:
    """Area averages of a flow (2, h, w) over a grid x grid partition of the frame: float32 (2, grid, grid).

    Cells need not be whole pixels: pixels on a cell's border count by their part inside (h, w >= 1).
    """
    rows, columns = _overlap(flow.shape[1], grid), _overlap(flow.shape[2], grid)
    return np.asarray(rows @ flow.astype(np.float64) @ columns.T, np.float32)


@cache
def _overlap(size: int, grid: int) -> npt.NDArray[np.float64]:
    edges = np.arange(grid + 1) * size / grid
    pixels = np.arange(size)
    inside = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(inside, 0.0, None) * (grid / size), np.float64)
