"""Kandinsky 5's text-to-video models. Those whose guidance is distilled ("nocfg", "distilled16steps") are run at 1."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="kandinsky5",
    title="Kandinsky 5",
    pipelines=("Kandinsky5T2VPipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
    frames_first=True,  # (B, F, H, W, C)
)
