"""EasyAnimate 5.1."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="easyanimate",
    title="EasyAnimate",
    pipelines=("EasyAnimatePipeline",),
    layout="one batch, unconditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
)
