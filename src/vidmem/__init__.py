"""vidmem: an audit of video diffusion models for memorised training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidmem.cli.check import check as check
    from vidmem.cli.compare import compare as compare
    from vidmem.cli.find import find as find

__all__ = ["__version__", "check", "compare", "find"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What the command does, as functions: imported when first asked for, since jobs of the workflow need none."""
    if name not in ("check", "compare", "find"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"vidmem.cli.{name}"), name)
