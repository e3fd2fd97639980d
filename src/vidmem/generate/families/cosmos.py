"""Cosmos 1: guidance on clean samples, c + s (c - u), with EDM's preconditioning (Karras et al., arXiv 2206.00364).

The pipeline calls `scheduler.step` twice a step. From the first call, on both predictions, it only takes the clean
samples; the second is handed the guided clean sample. The pipeline can't be called without NVIDIA's guardrail, the
package `cosmos_guardrail`, which reads prompts and blurs faces: see `generate.guardrail`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidmem.generate.families.base import Family, Heard

if TYPE_CHECKING:
    import torch


def _prepare(heard: Heard) -> Heard | None:
    """Only the call that is handed the clean sample moves on."""
    return None if heard.arguments.get("pred_original_sample") is None else heard


def _rebuild(u: torch.Tensor, c: torch.Tensor, scale: Any, heard: Heard) -> torch.Tensor:
    scheduler = heard.pipeline.scheduler
    sigma = scheduler.sigmas[heard.index]
    clean_u, clean_c = (scheduler.precondition_outputs(heard.sample, x, sigma) for x in (u, c))
    guided: torch.Tensor = clean_c + scale * (clean_c - clean_u)
    return guided


FAMILY = Family(
    name="cosmos",
    title="Cosmos 1",
    pipelines=("CosmosTextToWorldPipeline",),
    layout="two calls, conditional first",
    prediction="velocity (EDM)",
    frames_multiple=8,
    size_multiple=16,
    guarded=True,
    prepare=_prepare,
    rebuild=_rebuild,
)
