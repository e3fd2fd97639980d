"""Loading pipelines, and calling them with no more than they accept.

Weights come from outside: safetensors only, no code from a model's folder or repository, and components only
from the two libraries whose classes they are. Network use follows HF_HUB_OFFLINE.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import DiffusionPipeline
from huggingface_hub.constants import HF_HUB_OFFLINE

Frames = npt.NDArray[np.uint8]
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
LIBRARIES = ("diffusers", "transformers")
OWN = {  # our pipelines, which diffusers doesn't know by name
    "PlantedPipeline": "vidmem.generate.known.planted",
    "OraclePipeline": "vidmem.generate.known.oracle",
}


class ModelError(ValueError):
    """A model that can't be loaded; the message says what to do."""


def load_pipeline(source: str | Path, revision: str | None = None, dtype: str = "float32", device: str = "auto") -> Any:
    """The pipeline in a local folder, or of a hub id (`revision`: a commit of it).

    `dtype` is float32, float16 or bfloat16; `device` auto (a GPU if there is one), cpu or cuda.
    Raises `ModelError`.
    """
    where = _device(device)
    folder = Path(source)
    if folder.is_dir():
        index = _read_index(folder)
        name = str(index["_class_name"])
        if name in OWN:
            own: Any = getattr(import_module(OWN[name]), name)
            pipeline = own.from_pretrained(folder)
        else:
            pipeline = _from_pretrained(str(folder), None, dtype)
    elif HUB_ID.match(str(source)) and not folder.exists():
        pipeline = _from_hub(str(source), revision, dtype)
    else:
        raise ModelError(f"model directory {source} doesn't exist, and it is no hub id of the form owner/name")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(where)


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ModelError("device is 'cuda', but torch sees no GPU: set device to 'auto' or 'cpu'")
    return device


def _read_index(folder: Path) -> dict[str, Any]:
    """model_index.json, checked: it may name no code but that of the two libraries."""
    path = folder / "model_index.json"
    if not path.is_file():
        hint = ""
        if (folder / "config.json").is_file():
            hint = " (it holds a config.json: is it one component of a pipeline? give the folder above it)"
        raise ModelError(f"{folder} has no model_index.json: give the folder that save_pretrained() wrote{hint}")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise ModelError(f"{path}: `_class_name` must be a diffusers pipeline's name; code in the folder is never run")
    if index["_class_name"] not in OWN:
        _check_components(index, path)
    return index


def _check_components(index: Mapping[str, Any], path: Path) -> None:
    from diffusers import pipelines

    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or not value or value[0] is None:
            continue
        library = str(value[0])
        if library.split(".")[0] not in LIBRARIES and not hasattr(pipelines, library):
            raise ModelError(f"{path}: component {name!r} wants code of {library!r}; only diffusers and transformers")


def _from_pretrained(source: str, revision: str | None, dtype: str) -> Any:
    try:
        return DiffusionPipeline.from_pretrained(
            source,
            revision=revision,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=bool(HF_HUB_OFFLINE) or Path(source).is_dir(),
        )
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise ModelError(f"model {source} can't be loaded: {' '.join(str(error).split())[:500]}") from error


def _from_hub(source: str, revision: str | None, dtype: str) -> Any:
    try:
        return _from_pretrained(source, revision, dtype)
    except ModelError as error:
        if HF_HUB_OFFLINE:
            raise ModelError(
                f"model {source} is not in the local cache, and HF_HUB_OFFLINE forbids the network: unset it, "
                f"or download the model first (hf download {source}), or give a local folder"
            ) from error
        raise


def sample(pipeline: Any, texts: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any]) -> list[Frames]:
    """Sample one video a text: a list of uint8 arrays of shape (N, H, W, 3). Image pipelines give N = 1.

    Used of `settings`: steps, guidance_scale, frames, width, height (null or missing: the pipeline's default).
    Every video has a CPU generator of its own, so that it doesn't depend on what else is in the batch.
    """
    arguments = call_arguments(pipeline, texts, seeds, settings)
    with torch.inference_mode():
        result = pipeline(**arguments)
    videos = result.frames if hasattr(result, "frames") else [[image] for image in result.images]
    return [to_frames(video) for video in videos]


def call_arguments(
    pipeline: Any, texts: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of `pipeline.__call__`, only such as its signature names."""
    accepted = inspect.signature(type(pipeline).__call__).parameters
    frames = settings.get("frames")
    wanted = {
        "prompt": list(texts),
        "negative_prompt": [""] * len(texts),  # the null condition is the empty caption, not a pipeline's default
        "num_frames": frames,
        "video_length": frames,
        "width": settings.get("width"),
        "height": settings.get("height"),
        "num_inference_steps": settings.get("steps"),
        "guidance_scale": settings.get("guidance_scale"),
        "generator": [torch.Generator("cpu").manual_seed(int(seed)) for seed in seeds],
        "output_type": "np",
    }
    return {name: value for name, value in wanted.items() if name in accepted and value is not None}


def to_frames(video: Any) -> Frames:
    """uint8 (N, H, W, 3) of a pipeline's video: floats in [0, 1], uint8, or a list of PIL images.

    Raises `ValueError` for numbers that are not finite and for shapes that are no video.
    """
    array = np.stack([np.asarray(frame) for frame in video]) if isinstance(video, (list, tuple)) else np.asarray(video)
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[-1] not in (3, 4):
        raise ValueError(f"the pipeline gave an array of shape {array.shape}, which is no video")
    array = array[..., :3]
    if array.dtype == np.uint8:
        return array
    if not np.isfinite(array).all():
        raise ValueError("frames hold numbers that are not finite (NaN): try dtype float32")
    frames: Frames = (array.astype(np.float64) * 255).round().clip(0, 255).astype(np.uint8)
    return frames
