"""Pixels as files have them, and as models take them."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch


def to_unit(frames: torch.Tensor) -> torch.Tensor:
    """uint8 (..., H, W, 3) to float32 (..., 3, H, W) in [-1, 1]."""
    return frames.movedim(-1, -3).float() / 127.5 - 1


def to_uint8(frames: torch.Tensor) -> npt.NDArray[Any]:
    """Float (..., 3, H, W) in [-1, 1] to uint8 (..., H, W, 3)."""
    scaled = ((frames.float() + 1) * 127.5).round().clamp(0, 255)
    array: npt.NDArray[Any] = scaled.movedim(-3, -1).to(torch.uint8).cpu().numpy()
    return array
