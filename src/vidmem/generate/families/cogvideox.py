"""CogVideoX 2B, 5B and 1.5."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="cogvideox",
    title="CogVideoX",
    pipelines=("CogVideoXPipeline",),
    layout="one batch, unconditional first",
    prediction="v",
    frames_multiple=4,
    size_multiple=16,
    frames_first=True,
)
