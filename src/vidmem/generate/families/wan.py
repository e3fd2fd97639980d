"""Wan 2.1 and 2.2: both predictions come one after the other.

Wan 2.2 has a transformer for the noisy steps and another for the later ones, with a guidance scale each.
"""

from __future__ import annotations

from vidmem.generate.families.base import Family, Heard

DENOISERS = ("transformer", "transformer_2")


def scale_in_force(heard: Heard) -> float:
    """The scale of the transformer which made both predictions of this step."""
    later = heard.denoiser == DENOISERS[1]
    return float(heard.pipeline._guidance_scale_2 if later else heard.pipeline._guidance_scale)


FAMILY = Family(
    name="wan",
    title="Wan 2.1 and 2.2",
    pipelines=("WanPipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
    denoisers=DENOISERS,
    second_scale=True,
    scale=scale_in_force,
)
