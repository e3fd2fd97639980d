"""Motif-Video: guided by a component of the pipeline, which may be adaptive projected guidance."""

from __future__ import annotations

from vidmem.generate.families import guiders
from vidmem.generate.families.base import Family

FAMILY = Family(
    name="motif-video",
    title="Motif-Video",
    pipelines=("MotifVideoPipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
    arguments=guiders.arguments,
    rebuild=guiders.rebuild,
)
