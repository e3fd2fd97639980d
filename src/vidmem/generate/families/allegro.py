"""Allegro, whose VAE decodes in overlapping tiles only, and one video at a time.

What no tile covers stays grey without a word, so numbers of frames and sizes must be such that tiles do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidmem.generate.families.base import Family


def _setup(pipeline: Any) -> None:
    pipeline.vae.enable_tiling()
    pipeline.vae.enable_slicing()


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Captions as they are: cleaning them needs packages that may be missing, and changes what was asked."""
    _tile(pipeline, settings)
    return {"clean_caption": False}


def _tile(pipeline: Any, settings: Mapping[str, Any]) -> None:
    """Fit the VAE's tiles to the video: one where it is no longer than a tile. Raise where they leave a rest."""
    vae, config, ratio = pipeline.vae, pipeline.transformer.config, pipeline.vae_scale_factor_spatial
    side = vae.config.sample_size
    asked = (
        ("frames", settings.get("frames") or config.sample_frames * pipeline.vae_scale_factor_temporal, 24, 8),
        ("height", settings.get("height") or config.sample_height * ratio, side, vae.tile_overlap_h),
        ("width", settings.get("width") or config.sample_width * ratio, side, vae.tile_overlap_w),
    )
    kernel, stride = [], []
    for name, size, tile, overlap in asked:
        step = tile - overlap
        if size > tile and (size - tile) % step:
            below = size - (size - tile) % step
            raise ValueError(f"{name} {size}: Allegro's VAE would leave a part grey; take {below} or {below + step}")
        kernel.append(min(size, tile))
        stride.append(step if size > tile else size)
    vae.kernel, vae.stride = tuple(kernel), tuple(stride)


FAMILY = Family(
    name="allegro",
    title="Allegro",
    pipelines=("AllegroPipeline",),
    layout="one batch, unconditional first",
    prediction="ε",
    frames_multiple=16,
    frames_offset=24,
    size_multiple=16,
    setup=_setup,
    arguments=_arguments,
)
