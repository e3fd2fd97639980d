"""The families of models that vidmem knows: every module here that holds a `FAMILY` is one.

Imports neither torch nor diffusers, so that the config can be read with it.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from pkgutil import iter_modules

from vidmem.generate.families.base import Family, Heard

__all__ = ["FAMILIES", "Family", "Heard", "family_of", "nearest"]


def _collect() -> dict[str, Family]:
    found: dict[str, Family] = {}
    owners: dict[str, str] = {}
    for module in iter_modules(__path__):
        family = getattr(import_module(f"{__name__}.{module.name}"), "FAMILY", None)
        if not isinstance(family, Family):
            continue
        for pipeline in family.pipelines:
            if owners.setdefault(pipeline, family.name) != family.name:
                raise ValueError(f"{pipeline} belongs to two families: {owners[pipeline]} and {family.name}")
        if found.setdefault(family.name, family) is not family:
            raise ValueError(f"two families are called {family.name}")
    return dict(sorted(found.items()))


FAMILIES: dict[str, Family] = _collect()
_BY_PIPELINE = {pipeline: family for family in FAMILIES.values() for pipeline in family.pipelines}


def family_of(pipeline: str) -> Family | None:
    """The family of a diffusers pipeline, by its class name; None where none is known."""
    return _BY_PIPELINE.get(pipeline)


def nearest(name: str) -> str:
    """The family whose name, title or pipeline looks most like `name`: what to offer where a name is unknown."""
    spellings = {
        spelling.casefold(): family.name
        for family in FAMILIES.values()
        for spelling in (*family.pipelines, family.title, family.name)
    }
    return spellings[difflib.get_close_matches(name.casefold(), spellings, n=1, cutoff=0.0)[0]]
