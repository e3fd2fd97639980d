"""Mochi 1."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="mochi",
    title="Mochi 1",
    pipelines=("MochiPipeline",),
    layout="one batch, unconditional first",
    prediction="flow velocity",
    frames_multiple=6,
    size_multiple=16,
)
