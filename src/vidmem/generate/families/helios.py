"""Helios: makes a video in windows of 33 frames, each denoised from noise on, with the earlier ones as history.

The steps of all windows are recorded one after the other; the first window's first step has no history. The pipeline
makes whole windows and gives 4k + 1 frames of them: 132 asked for are 129 given.
"""

from __future__ import annotations

from vidmem.generate.families.base import Family

WINDOW = 33  # frames: 9 latent ones

FAMILY = Family(
    name="helios",
    title="Helios",
    pipelines=("HeliosPipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=WINDOW,
    frames_offset=WINDOW,
    size_multiple=16,
)
