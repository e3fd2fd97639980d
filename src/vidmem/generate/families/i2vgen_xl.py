"""I2VGen-XL: videos from an image and a caption. Both predictions see the image's latents."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from vidmem.generate.families.base import Family


def _setup(pipeline: Any) -> None:
    """Let the pipeline find the text encoder's last norm where it stood before transformers 5."""
    encoder = pipeline.text_encoder
    if not hasattr(encoder, "text_model"):
        encoder.text_model = SimpleNamespace(final_layer_norm=encoder.final_layer_norm)


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """One video a call, from its own seed: the pipeline draws the image's latents from torch's global generator.

    The frame rate is a condition of this model.
    """
    import torch

    images, fps = settings["images"], settings.get("fps")
    if images is not None and len(images) != 1:
        raise ValueError("I2VGen-XL is sampled one video at a time: set `batch_size: 1`")
    torch.manual_seed(int(settings["seeds"][0]))
    return {"target_fps": None if fps is None else round(fps)}


FAMILY = Family(
    name="i2vgen-xl",
    title="I2VGen-XL",
    pipelines=("I2VGenXLPipeline",),
    layout="one batch, unconditional first",
    prediction="ε",
    condition="image",
    denoisers=("unet",),
    setup=_setup,
    at_once=1,
    arguments=_arguments,
)
