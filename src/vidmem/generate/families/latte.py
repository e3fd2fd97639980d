"""Latte: a diffusion transformer with factorised attention in space and time, which also predicts variances.

Its places in time are a table of 16. The pipeline cuts a caption's padding off where there is one caption, and in
a batch leaves it there as zeros, which attention sees: other videos. So they are made one at a time, as its authors do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidmem.generate.families.base import Family


def _arguments(pipeline: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Captions as they are: cleaning them needs packages that may be missing, and changes what was asked."""
    return {"clean_caption": False}


FAMILY = Family(
    name="latte",
    title="Latte",
    pipelines=("LattePipeline",),
    layout="one batch, unconditional first",
    prediction="ε, with variances",
    frames_offset=16,
    frames_most=16,
    size_multiple=16,
    learned_variance=True,
    at_once=1,
    arguments=_arguments,
)
