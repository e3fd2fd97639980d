"""The registry `config/models.yaml`: open models by name, with the settings that they are meant to be run at."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from vidmem.config.base import Section
from vidmem.config.models import Condition, Pipeline

REGISTRY = Path(__file__).parents[3] / "config" / "models.yaml"
ABOUT = ("title", "note", "run_on_real_weights")  # what a preset says for people only


class RealRun(Section):
    """Whether an entry was ever run here on the real weights, and not on a tiny pipeline of its classes alone."""

    done: bool = Field(False, description="Whether the entry was run on the real weights.")
    when: str | None = Field(None, description="Date of that run.")
    where: str | None = Field(None, description="Device of that run.")


class Preset(Pipeline):
    """One open model at the settings that it is meant to be run at."""

    title: str = Field(description="The model's name as people write it.")
    steps: int = Field(ge=1, le=1000, description="Sampling steps.")
    guidance_scale: float = Field(ge=0, description="Classifier-free guidance scale.")
    condition: Condition = Field("text", description="What a video is asked for with; see `models.<name>.condition`.")
    note: str | None = Field(None, description="What a user must know or do first.")
    run_on_real_weights: RealRun = Field(default_factory=RealRun, description="Whether, when and where it was run.")

    def settings(self) -> dict[str, Any]:
        """What the entry says about the model, as keys of a `diffusers` model."""
        return {name: getattr(self, name) for name in self.model_fields_set if name not in ABOUT}


class PresetError(ValueError):
    """A preset that can't be used; `key` is the key of the model at fault."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


@cache
def read_registry(path: Path = REGISTRY) -> dict[str, Preset]:
    """The entries of the registry by name. Raises `ValueError`, one line, for a file that can't be used."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TypeAdapter(dict[str, Preset]).validate_python(data)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def expand(section: Mapping[str, Any], path: Path = REGISTRY) -> dict[str, Any]:
    """A model of the config with the settings of its `preset` filled in, where it names one.

    What the config says wins. A source or motion adapter of its own drops the preset's pin, which is of another
    repository.
    Raises `PresetError` for a name that the registry lacks, with the nearest that it has.
    """
    name = section.get("preset")
    if name is None:
        return dict(section)
    registry = read_registry(path)
    if name not in registry:
        near = difflib.get_close_matches(str(name), registry, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(registry))}"
        raise PresetError("preset", f"{name!r} is no preset of {path.name}; {hint}")
    preset = registry[name]
    settings = preset.settings()
    for key, pin in (("source", "revision"), ("motion_adapter", "motion_adapter_revision")):
        if section.get(key) not in (None, getattr(preset, key)):
            settings.pop(pin, None)
    filled = {"kind": "diffusers", **settings, **section}
    if filled["kind"] == "diffusers" and not filled.get("source"):
        raise PresetError("source", f"is missing, for the preset {name!r} has none: {preset.note}")
    return filled
