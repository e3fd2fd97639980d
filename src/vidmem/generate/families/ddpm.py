"""Unconditional image models, as models of one-frame videos.

Diffusers has no pipeline for an unconditional *video* model. Such models are run by a command of their own
(`kind: command`).
"""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="ddpm",
    title="unconditional image models",
    pipelines=("DDPMPipeline", "DDIMPipeline"),
    layout=None,
    why="the model has no condition, and so no difference between a conditional and an unconditional prediction",
    prediction="ε",
    condition="none",
    denoisers=("unet",),
    image=True,
)
