"""Lies in every environment of the stand-in as `sitecustomize`, and makes it be alone.

Snakemake hands its own search path to each script, behind that of the script's environment, since the script is given
an object of Snakemake's. A package that an environment lacks would so be taken from Snakemake's, where that has it, and
be missing where it has not. From the moment at which a script imports vidmem, what lies in another environment is out
of reach, and what was imported from there is forgotten, but for Snakemake's own modules, which that object needs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


def elsewhere(path: str | None) -> bool:
    """Whether a path belongs to another environment than the Python that runs."""
    return path is not None and "site-packages" in Path(path).parts and not Path(path).is_relative_to(sys.prefix)


def leave() -> None:
    """Put other environments out of reach."""
    if "snakemake" in sys.modules:
        import_module("snakemake.io")  # which its object asks for late
    sys.path[:] = [entry for entry in sys.path if not elsewhere(entry)]
    for name, module in list(sys.modules.items()):
        if elsewhere(getattr(module, "__file__", None)) and name.partition(".")[0] != "snakemake":
            del sys.modules[name]


class Alone(MetaPathFinder):
    """Finds nothing itself, but notices when a script comes to vidmem."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "vidmem":
            sys.meta_path.remove(self)
            leave()
        return None


sys.meta_path.insert(0, Alone())
