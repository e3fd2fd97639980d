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

import diffusers
import numpy as np
import numpy.typing as npt
import torch
from huggingface_hub.constants import HF_HUB_OFFLINE
from PIL import Image
from safetensors import SafetensorError

from vidmem.generate.adapter import at_its_levels, complete, family_over, load_parts
from vidmem.generate.families import FAMILIES, family_of, nearest
from vidmem.generate.fetch import GUARDRAIL, WeightsError, select
from vidmem.generate.guardrail import COMPONENT, HINT, NoGuardrail, unnamed
from vidmem.generate.redact import without_tokens
from vidmem.gpu import own_gpu

Frames = npt.NDArray[np.uint8]
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
LIBRARIES = ("diffusers", "transformers")
OWN = {  # our pipelines, which diffusers doesn't know by name
    "PlantedPipeline": "vidmem.generate.known.planted",
    "OraclePipeline": "vidmem.generate.known.oracle",
}


class ModelError(ValueError):
    """A model that can't be loaded; the message says what to do."""


def load_pipeline(
    source: str | Path,
    revision: str | None = None,
    dtype: str = "float32",
    device: str = "auto",
    *,
    family: str | None = None,
    scheduler: str | None = None,
    offload: str = "none",
    vae_tiling: bool = False,
    vae_slicing: bool = False,
    motion_adapter: str | None = None,
    motion_adapter_revision: str | None = None,
    guardrail: bool = True,
) -> Any:
    """The pipeline in a local folder, or of a hub id (`revision`: a commit of it).

    `dtype` is float32, float16 or bfloat16; `device` auto, cpu or cuda. auto is a GPU if there is one, but the CPU for
    our own pipelines, whose jobs ask for no GPU. `family` is the family that it is said to be of, `scheduler` the class
    name of a diffusers scheduler to sample with in place of its own. `offload` (GPU only) is none, model or sequential;
    `vae_tiling` and `vae_slicing` decode in parts.
    `motion_adapter`, a folder or a hub id at `motion_adapter_revision`, makes a video model of the image model in a
    folder. Without `guardrail` Cosmos is loaded without NVIDIA's. Raises `ModelError`.
    """
    folder = Path(source)
    index = _read_index(folder) if folder.is_dir() else {}
    name = str(index.get("_class_name"))
    where = _device("cpu" if name in OWN and device == "auto" else device)
    if name in OWN:
        own: Any = getattr(import_module(OWN[name]), name)
        pipeline = own.from_pretrained(folder)
    elif index and motion_adapter:
        pipeline = _with_adapter(folder, name, dtype, motion_adapter, motion_adapter_revision)
    elif index:
        pipeline = _from_folder(folder, index, dtype, guardrail)
    elif HUB_ID.match(str(source)) and not folder.exists():
        pipeline = _from_hub(str(source), revision, dtype)
    else:
        raise ModelError(f"model directory {source} doesn't exist, and it is no hub id of the form owner/name")
    _check_family(pipeline, family)
    if scheduler:
        pipeline.scheduler = _scheduler(scheduler, pipeline.scheduler)
    _set_up(pipeline, vae_tiling, vae_slicing)
    return _place(pipeline, where, offload)


def _check_family(pipeline: Any, said: str | None) -> None:
    """Raise where the pipeline is not of the family that the config says it is of."""
    if said is None:
        return
    if said not in FAMILIES:
        raise ModelError(f"unknown family {said!r}: did you mean {nearest(said)!r}? There are {', '.join(FAMILIES)}")
    name = type(pipeline).__name__
    if name == FAMILIES[said].image_model:
        raise ModelError(
            f"the model's pipeline is {name}, an image model, which {FAMILIES[said].title} needs a motion adapter for: "
            "give `motion_adapter`, a folder or a hub id"
        )
    if name not in FAMILIES[said].pipelines:
        found = family_of(name)
        what = f"which is of the family {found.name!r}" if found else "which is of no family that vidmem knows"
        raise ModelError(f"the model's pipeline is {name}, {what}, and not of {said!r}: correct or drop `family`")


def _scheduler(name: str, own: Any) -> Any:
    from diffusers import SchedulerMixin

    kind: Any = getattr(diffusers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, SchedulerMixin)):
        raise ModelError(f"diffusers {diffusers.__version__} has no scheduler {name!r}")
    made: Any = kind
    return made.from_config(own.config)


def _set_up(pipeline: Any, tiling: bool, slicing: bool) -> None:
    family, vae = family_of(type(pipeline).__name__), getattr(pipeline, "vae", None)
    if family and family.setup:
        family.setup(pipeline)
    for wanted, method in ((tiling, "enable_tiling"), (slicing, "enable_slicing")):
        if wanted:
            if not hasattr(vae, method):
                raise ModelError(f"the VAE of {type(pipeline).__name__} has no {method}()")
            getattr(vae, method)()


def _place(pipeline: Any, where: str, offload: str) -> Any:
    if offload == "none" or where == "cpu":
        return pipeline.to(where)
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=where)
    elif offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=where)
    else:
        raise ModelError(f"offload {offload!r} is none of none, model, sequential")
    return pipeline


def _device(device: str) -> str:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cuda":
        return device
    if not torch.cuda.is_available():
        raise ModelError("device is 'cuda', but torch sees no GPU: set device to 'auto' or 'cpu'")
    return own_gpu()


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
        _check_weights(folder, index)
    return index


def _check_components(index: Mapping[str, Any], path: Path) -> None:
    from diffusers import pipelines

    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or not value or value[0] is None:
            continue
        library, family = str(value[0]), family_of(str(index["_class_name"]))
        if (name, library) == (COMPONENT, GUARDRAIL) and family and family.guarded:
            continue  # not followed: see `guardrail`
        if library.split(".")[0] not in LIBRARIES and not hasattr(pipelines, library):
            raise ModelError(f"{path}: component {name!r} wants code of {library!r}; only diffusers and transformers")


def _check_weights(folder: Path, index: Mapping[str, Any]) -> None:
    """Raise where a component's weights are pickle only, with the line that converts them."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    try:
        select(names, index, str(folder), None)
    except WeightsError as error:
        raise ModelError(str(error)) from None


def _with_adapter(folder: Path, image_model: str, dtype: str, adapter: str, revision: str | None) -> Any:
    """The image model in a folder and a motion adapter, put together."""
    try:
        kind = getattr(diffusers, family_over(image_model).pipelines[0])
        parts = load_parts(folder, adapter, revision, getattr(torch, dtype))
        pipeline = _from_pretrained(str(folder), None, dtype, kind, **parts)
        complete(pipeline.unet, parts["unet"])
    except WeightsError as error:
        raise ModelError(str(error)) from None
    pipeline.scheduler = at_its_levels(pipeline.scheduler)
    return pipeline


def _from_folder(folder: Path, index: Mapping[str, Any], dtype: str, guardrail: bool) -> Any:
    family = family_of(str(index["_class_name"]))
    if family is None or not family.guarded:
        return _from_pretrained(str(folder), None, dtype)
    own: dict[str, Any] = {} if guardrail else {COMPONENT: NoGuardrail()}  # without one the pipeline makes its own
    with unnamed(folder, index) as bare:
        try:
            return _from_pretrained(str(bare), None, dtype, **own)
        except ModelError as error:
            if guardrail and GUARDRAIL in str(error):
                raise ModelError(f"{str(error).rstrip('.')}; {HINT}") from error
            raise


def _from_pretrained(source: str, revision: str | None, dtype: str, kind: Any = None, **components: Any) -> Any:
    """The pipeline of a folder or hub id, with `components` in place of its own; `kind`: its class, if not its own."""
    try:
        pipeline = (kind or diffusers.DiffusionPipeline).from_pretrained(
            source,
            **components,
            revision=revision,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=bool(HF_HUB_OFFLINE) or Path(source).is_dir(),
        )
    except (OSError, ValueError, AttributeError, ImportError, SafetensorError, RuntimeError) as error:
        said = without_tokens(" ".join(str(error).split()))[:500]
        raise ModelError(f"model {source} can't be loaded: {said}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


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


def after_stop(pipeline: Any) -> None:
    """Bring a pipeline that was left in the middle of a call to where it can be called again."""
    if hasattr(pipeline, "components"):  # a whole diffusers pipeline, as our own oracle is not
        pipeline.maybe_free_model_hooks()


def sample(
    pipeline: Any,
    texts: Sequence[str],
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    images: Sequence[Frames] | None = None,
    labels: Sequence[int] | None = None,
) -> list[Frames]:
    """Sample one video a seed: a list of uint8 arrays of shape (N, H, W, 3). Image pipelines give N = 1.

    Used of `settings`: steps, guidance_scale, guidance_scale_2, frames, width, height (null or missing: the pipeline's
    default), and what the pipeline's family asks for. `images` are the videos' first frames, uint8 (H, W, 3), and
    `labels` their classes, where the pipeline takes such.
    Every video has a CPU generator of its own, so that it doesn't depend on what else is in the batch.
    With a `remedy` in the settings tensors can take part in gradients, which those of inference mode can't.
    """
    arguments = call_arguments(pipeline, texts, seeds, settings, images, labels)
    with torch.no_grad() if settings.get("remedy") else torch.inference_mode():
        result = pipeline(**arguments)
    videos = result.frames if hasattr(result, "frames") else [[image] for image in result.images]
    return [to_frames(video) for video in videos]


def call_arguments(
    pipeline: Any,
    texts: Sequence[str],
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    images: Sequence[Frames] | None = None,
    labels: Sequence[int] | None = None,
) -> dict[str, Any]:
    """The arguments of `pipeline.__call__`, only such as its signature names.

    The family's `arguments` see `settings` with `images` (PIL, at the size asked for) and `seeds` in it.
    """
    accepted = inspect.signature(type(pipeline).__call__).parameters
    frames = settings.get("frames")
    first = None if images is None else [_fitted(image, settings) for image in images]
    wanted = {
        "prompt": list(texts),
        "negative_prompt": [""] * len(texts),  # the null condition is the empty caption, not a pipeline's default
        "image": first,
        "class_labels": None if labels is None else list(labels),
        "num_frames": frames,
        "video_length": frames,
        "frames": frames,
        "batch_size": len(seeds),
        "width": settings.get("width"),
        "height": settings.get("height"),
        "num_inference_steps": settings.get("steps"),
        "guidance_scale": settings.get("guidance_scale"),
        "guidance_scale_2": settings.get("guidance_scale_2"),
        "generator": [torch.Generator("cpu").manual_seed(int(seed)) for seed in seeds],
        "output_type": "np",
    }
    family = family_of(type(pipeline).__name__)
    if family and family.arguments:
        wanted |= family.arguments(pipeline, {**settings, "images": first, "seeds": list(seeds)})
    if wanted["guidance_scale_2"] is not None and "guidance_scale_2" not in accepted:
        raise ValueError(f"{type(pipeline).__name__} has one guidance scale: drop `guidance_scale_2`")
    return {name: value for name, value in wanted.items() if name in accepted and value is not None}


def _fitted(image: Frames, settings: Mapping[str, Any]) -> Image.Image:
    """The middle of the image, cut to the video's shape and scaled to its size."""
    whole = Image.fromarray(image)
    width, height = settings.get("width") or whole.width, settings.get("height") or whole.height
    wide = min(whole.width, round(whole.height * width / height))
    high = min(whole.height, round(whole.width * height / width))
    left, top = (whole.width - wide) // 2, (whole.height - high) // 2
    cut = whole.crop((left, top, left + wide, top + high))  # before scaling, or what is cut off would bleed in
    return cut.resize((width, height), Image.Resampling.LANCZOS)


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
