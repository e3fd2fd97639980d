"""Motion adapters: weights that make a video model of an image model, in a folder or repository of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from httpx2 import HTTPError
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from vidmem.generate.families import FAMILIES, Family, family_of
from vidmem.generate.fetch import WeightsError, explain, fetch, sweep
from vidmem.generate.redact import without_tokens

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
# The noise levels that the adapters were trained with, as their cards say; those of image models are others.
LEVELS = {"beta_schedule": "linear", "clip_sample": False, "timestep_spacing": "linspace", "steps_offset": 1}


def family_over(image_model: str) -> Family:
    """The family that puts a motion adapter over a pipeline of this class. Raises `WeightsError` if there is none."""
    for family in FAMILIES.values():
        if family.image_model == image_model:
            return family
    own = family_of(image_model)
    if own is not None and own.image_model is not None:
        raise WeightsError(f"the model is {image_model}, which holds a motion adapter: set `motion_adapter: null`")
    over = " or ".join(family.image_model for family in FAMILIES.values() if family.image_model)
    raise WeightsError(f"a motion adapter goes over an image model ({over}), and the model is {image_model}")


def adapter_folder(source: str, revision: str | None) -> Path:
    """The folder of an adapter: a local one, or in the hub's cache at a commit, fetched if it isn't there.

    With HF_HUB_OFFLINE nothing is fetched. Raises `WeightsError`.
    """
    local = Path(source).expanduser()
    if local.is_dir():
        lacks = [name for name in (CONFIG, WEIGHTS) if not (local / name).is_file()]
        if lacks:
            raise WeightsError(_refusal(source, None, lacks[0]))
        return local
    if revision is None:
        raise WeightsError(f"motion adapter {source!r} is no folder; for a hub id pin its `motion_adapter_revision`")
    try:
        config = Path(hf_hub_download(source, CONFIG, revision=revision))
        hf_hub_download(source, WEIGHTS, revision=revision)
        sweep(config.parent)
    except LocalEntryNotFoundError:
        raise WeightsError(_unreachable(source, revision)) from None
    except EntryNotFoundError as error:
        raise WeightsError(_refusal(source, revision, WEIGHTS if WEIGHTS in str(error) else CONFIG)) from None
    except HfHubHTTPError as error:
        raise WeightsError(explain(error, source, revision)) from None
    except (HTTPError, OSError):
        raise WeightsError(_unreachable(source, revision)) from None
    return config.parent


def _unreachable(source: str, revision: str) -> str:
    return (
        f"motion adapter {source} at {revision} is not in the local cache, and the hub can't be reached: unset "
        "HF_HUB_OFFLINE where there is a network, or give a folder as `motion_adapter`"
    )


def _refusal(source: str, revision: str | None, lacks: str) -> str:
    pin = f", revision='{revision}'" if revision else ""
    return (
        f"motion adapter {source} has no {lacks}; if it holds pickle (.bin, .ckpt), which can run code, convert it "
        'once, where you trust its authors, and give FOLDER as `motion_adapter`: python -c "from diffusers import '
        f"MotionAdapter as M; M.from_pretrained('{source}'{pin}, use_safetensors=False)"
        ".save_pretrained('FOLDER', safe_serialization=True)\""
    )


def fetch_model(source: str, revision: str | None, adapter: str | None, adapter_revision: str | None) -> dict[str, Any]:
    """Fetch what of a pipeline and its motion adapter is on the hub: `fetch`'s record, with one of the adapter in it.

    A `source` that is a folder is recorded with `revision` null and no files. Raises `WeightsError`.
    """
    local = Path(source).is_dir()
    record = {"source": source, "revision": None, "files": []} if local else fetch(source, str(revision))
    if adapter is None or Path(adapter).expanduser().is_dir():
        return record
    folder = adapter_folder(adapter, adapter_revision)
    files = [{"path": name, "bytes": (folder / name).stat().st_size} for name in (CONFIG, WEIGHTS)]
    return {**record, "motion_adapter": {"source": adapter, "revision": adapter_revision, "files": files}}


def load_parts(image_model: Path, source: str, revision: str | None, dtype: Any) -> dict[str, Any]:
    """Components of a pipeline: the image model's `unet`, and the `motion_adapter` of a folder or hub id.

    Raises `WeightsError`.
    """
    from diffusers import MotionAdapter, UNet2DConditionModel

    folder, found = adapter_folder(source, revision), {}
    for name, kind, where in (
        ("unet", UNet2DConditionModel, image_model / "unet"),
        ("motion_adapter", MotionAdapter, folder),
    ):
        try:
            found[name] = kind.from_pretrained(str(where), dtype=dtype, use_safetensors=True, local_files_only=True)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            said = without_tokens(" ".join(str(error).split()))[:500]
            raise WeightsError(f"the {name} in {where} can't be loaded: {said}") from error
    return found


def complete(unet: Any, image_unet: Any) -> None:
    """Give a motion `unet` all weights of the image model that it was made of, in place.

    diffusers 0.42 leaves the embedding of sizes and pooled text (SDXL's) as random as it was made: other in each job.
    Raises `WeightsError` where a weight of the image model has no place.
    """
    lost = unet.load_state_dict(image_unet.state_dict(), strict=False).unexpected_keys
    if lost:
        raise WeightsError(f"the motion adapter does not fit the image model: there is no place for {lost[0]}")
    unet.eval()


def at_its_levels(scheduler: Any) -> Any:
    """A DDIM scheduler made of the image model's `scheduler`, with the noise levels that adapters are trained with."""
    from diffusers import DDIMScheduler

    config: Mapping[str, Any] = {**scheduler.config, **LEVELS}
    made: Any = DDIMScheduler
    return made.from_config(config)
