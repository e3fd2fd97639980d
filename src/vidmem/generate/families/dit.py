"""DiT: class-conditional image models, as models of one-frame videos."""

from __future__ import annotations

from dataclasses import replace

from vidmem.generate.families.base import Family, Heard


def _prepare(heard: Heard) -> Heard:
    """With guidance the scheduler steps both halves of the batch, which are the same: the first will do."""
    if not any(scale > 1 for scale in heard.scales):
        return heard
    half = heard.handed.shape[0] // 2
    return replace(heard, handed=heard.handed[:half], sample=heard.sample[:half])


FAMILY = Family(
    name="dit",
    title="DiT",
    pipelines=("DiTPipeline",),
    layout="one batch, conditional first",
    prediction="ε, with variances",
    condition="class",
    learned_variance=True,
    image=True,
    prepare=_prepare,
)
