"""HunyuanVideo, whose guidance is distilled: the scale is an input of the transformer, and one call a step is all.

The pipeline can be asked for an unconditional prediction beside it. The setting `true_cfg_scale` guides with it,
which changes the videos. The setting `unconditional_pass` only asks for it, so that there are signals: the
scale is then the number next to 1, at which the pipeline calls the transformer twice and u + s (c - u) is c but for
rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from vidmem.generate.families.base import Family

NEXT_TO_ONE = math.nextafter(1.0, 2.0)


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The scale of the identity; the pipeline doesn't keep it, so it is put where the recorder looks for it."""
    least = NEXT_TO_ONE if settings.get("unconditional_pass") else 1.0
    pipeline._true_cfg_scale = max(float(settings.get("true_cfg_scale") or 1.0), least)
    return {"true_cfg_scale": pipeline._true_cfg_scale}


FAMILY = Family(
    name="hunyuanvideo",
    title="HunyuanVideo",
    pipelines=("HunyuanVideoPipeline",),
    layout="two calls, conditional first",
    why="guidance is distilled into the model, which makes no unconditional prediction; `unconditional_pass: true` "
    "asks for one, at one more pass a step",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
    arguments=_arguments,
)
