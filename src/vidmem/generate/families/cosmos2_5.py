"""Cosmos Predict 2.5 as a text-to-video model. Its guardrail is Cosmos 1's: see `cosmos`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidmem.generate.families.base import Family, Heard

if TYPE_CHECKING:
    import torch


def _rebuild(u: torch.Tensor, c: torch.Tensor, scale: Any, heard: Heard) -> torch.Tensor:
    """NVIDIA's scale counts from the conditional prediction: s here is s + 1 elsewhere."""
    guided: torch.Tensor = c + scale * (c - u)
    return guided


FAMILY = Family(
    name="cosmos2-5",
    title="Cosmos Predict 2.5",
    pipelines=("Cosmos2_5_PredictBasePipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
    guarded=True,
    rebuild=_rebuild,
)
