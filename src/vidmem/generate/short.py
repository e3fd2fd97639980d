"""A call of a pipeline that is stopped after its first steps: what the denoiser says there, and no video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from vidmem.generate.load import after_stop, call_arguments
from vidmem.generate.recorder import Recorder, Stopped, latent_frames


def short_call[Kind: Recorder](
    kind: type[Kind],
    pipeline: Any,
    texts: Sequence[str],
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    *,
    stop_after: int,
    latents: torch.Tensor | None = None,
) -> Kind:
    """The recorder, of the class `kind`, of a call that ends after `stop_after` steps; `latents` is the noise."""
    arguments = call_arguments(pipeline, texts, seeds, settings)
    if latents is not None:
        arguments["latents"] = latents
    recorder = kind(
        pipeline,
        videos=len(texts),
        guidance_scale=settings.get("guidance_scale"),
        latent_frames=latent_frames(pipeline, settings.get("frames")),
        stop_after=stop_after,
    )
    with recorder:
        try:
            with torch.inference_mode():
                pipeline(**arguments)
        except Stopped:
            after_stop(pipeline)
    return recorder
