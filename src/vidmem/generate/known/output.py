"""What our own pipelines return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.utils import BaseOutput

from vidmem.generate.known.pixels import to_uint8


@dataclass
class VideoOutput(BaseOutput):  # type: ignore[misc]
    """`frames`: array of shape (B, F, H, W, 3), float32 in [0, 1] or uint8."""

    frames: Any

    @classmethod
    def of(cls, frames: torch.Tensor, output_type: str) -> VideoOutput:
        """Of float frames (B, F, 3, H, W) in [-1, 1]; `output_type` is "np", "uint8" or "latent" (as they are)."""
        if output_type == "np":
            scaled = ((frames.float() + 1) / 2).clamp(0, 1)
            return cls(frames=scaled.movedim(2, 4).cpu().numpy())
        if output_type == "uint8":
            return cls(frames=to_uint8(frames))
        if output_type == "latent":
            return cls(frames=frames)
        raise ValueError(f"output_type {output_type!r} is not one of np, uint8, latent")


def one_each(generator: torch.Generator | Sequence[torch.Generator] | None, count: int) -> list[torch.Generator | None]:
    """A generator for each of `count` videos: diffusers pipelines take one, a list, or none."""
    if generator is None or isinstance(generator, torch.Generator):
        return [generator] * count
    return list(generator)
