from __future__ import annotations

from diffusers import SkyReelsV2DiffusionForcingPipeline

from pipelines import skyreels_v2

FRAMES = 9


def build() -> SkyReelsV2DiffusionForcingPipeline:
    return SkyReelsV2DiffusionForcingPipeline(**skyreels_v2.build().components)
