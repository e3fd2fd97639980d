"""Real diffusers pipelines, tiny and with random weights: one module a family, whose `build()` gives the pipeline.

A module is named like the family in `vidmem.generate.families` (dashes as underscores). It may hold more:
`FRAMES` and `SIZE` (what the tests sample; `SIZE` in pixels, for width and height), `ARGUMENTS` (settings
beside the common ones), `LOADING` (arguments of `load_pipeline`), `VARIANTS` (further builders by name, each of the
same family).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any


def families() -> dict[str, Any]:
    """Builder modules by their family's name."""
    names = sorted(m.name for m in iter_modules(__path__) if m.name != "common")
    return {name.replace("_", "-"): import_module(f"{__name__}.{name}") for name in names}


def save(build: Callable[[], Any], folder: Path) -> Path:
    """Save what `build` gives, with the weights of one seed, in `folder`, and give that back."""
    import torch

    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        build().save_pretrained(str(folder), safe_serialization=True)
    return folder
