"""Wan 2.1 and 2.2; the latter's second transformer takes the less noisy steps, with a guidance scale of its own."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="wan",
    title="Wan 2.1 and 2.2",
    pipelines=("WanPipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
    denoisers=("transformer", "transformer_2"),
)
