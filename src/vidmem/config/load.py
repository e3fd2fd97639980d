"""Reading a config file, with errors that say where, what was expected, and the nearest valid spelling."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from vidmem.config.audit import Audit
from vidmem.config.registry import PresetError, expand

# Where sections are of several kinds, and how many names stand between these keys and the kind that pydantic adds.
KINDS_UNDER = {("models",): 1, ("corpus", "sources"): 1, ("corpus", "heldout"): 0, ("mitigate", "remedies"): 1}


class ConfigError(ValueError):
    """A config that can't be used; the message is one line."""


def load_config(source: str | Path | Mapping[str, Any]) -> Audit:
    """Read and check a config file, or a mapping that was read already.

    Raises `ConfigError` with one line: which key, what was expected, the nearest valid spelling.
    """
    if isinstance(source, Mapping):
        name, data = "config", dict(source)
    else:
        name = str(source)
        try:
            data = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{name}: {error.strerror or error}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from None
        if not isinstance(data, dict):
            raise ConfigError(f"{name}: expected a mapping of keys, such as 'audit: my-audit'")
    data = _with_presets(name, data)
    try:
        return Audit.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{name}: " + "; ".join(_explain(e, data) for e in error.errors()[:3])) from None


def _with_presets(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """The config with the models' presets filled in."""
    models = data.get("models")
    if not isinstance(models, Mapping):
        return data
    filled = dict(models)
    for model, section in models.items():
        if isinstance(section, Mapping):
            try:
                filled[model] = expand(section)
            except PresetError as error:
                raise ConfigError(f"{name}: models.{model}.{error.key}: {error}") from None
            except ValueError as error:
                raise ConfigError(str(error)) from None
    return {**data, "models": filled}


def _explain(error: Any, data: Mapping[str, Any]) -> str:
    location = [str(p) for p in error["loc"]]
    shown = ".".join(_without_tags(location, data)) or "(top level)"
    kind = error["type"]
    if kind == "extra_forbidden":
        valid = _valid_keys(location[:-1])
        near = difflib.get_close_matches(location[-1], valid, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"valid keys: {', '.join(sorted(valid))}"
        return f"{shown}: unknown key; {hint}"
    if kind in ("literal_error", "union_tag_invalid"):
        context = error.get("ctx", {})
        expected = str(context.get("expected") or context.get("expected_tags"))
        choices = [c.strip().strip("'") for c in expected.replace(" or ", ", ").split(",")]
        value = error["input"].get("kind") if kind == "union_tag_invalid" else error["input"]
        where = f"{shown}.kind" if kind == "union_tag_invalid" else shown
        near = difflib.get_close_matches(str(value), choices, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{where}: {value!r} is not one of {', '.join(choices)}{hint}"
    if kind == "missing":
        return f"{shown}: is missing"
    if kind == "union_tag_not_found":
        preset = " (or give `preset`)" if location[0] == "models" else ""
        return f"{shown}.kind: is missing; one of {', '.join(_kinds(location))}{preset}"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error["input"]
    tail = f", not {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{shown}: {message[0].lower() + message[1:]}{tail}"


def _without_tags(location: list[str], data: Any) -> list[str]:
    """The location as the file shows it: pydantic adds the kind after a name of `KINDS_UNDER`, which is no key."""
    for above, names in KINDS_UNDER.items():
        at = len(above) + names
        if tuple(location[: len(above)]) == above and len(location) > at:
            section = data
            for part in location[:at]:
                section = section.get(part) if isinstance(section, Mapping) else None
            if isinstance(section, Mapping) and section.get("kind", "folder") == location[at]:
                return location[:at] + location[at + 1 :]
    return location


def _kinds(location: list[str]) -> list[str]:
    """The kinds that an entry under this location may have."""
    return [str(kind) for model in _sections(location) for kind in get_args(model.model_fields["kind"].annotation)]


def _valid_keys(location: list[str]) -> list[str]:
    """Keys of the config model at a pydantic error location (which names the tag of a union)."""
    return [name for model in _sections(location) for name in model.model_fields]


def _sections(location: list[str]) -> list[type[BaseModel]]:
    models: list[type[BaseModel]] = [Audit]
    for part in location:
        following = []
        for model in models:
            if part in model.model_fields:
                following += _models_in(model.model_fields[part].annotation)
            elif model.model_fields.get("kind") and part in get_args(model.model_fields["kind"].annotation):
                following.append(model)
        models = following or models
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for a in get_args(annotation) for m in _models_in(a)]
