"""Faults of a model's settings that show before anything runs: what is not pinned, not there, or not valid.

Nothing is loaded and no hub is asked: a family's rules come from its description, a folder's from its index.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from vidmem.config import ConfigError
from vidmem.config.models import Command, Diffusers
from vidmem.generate.families import FAMILIES, Family, family_of, nearest

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
SCRIPTS = (".py", ".sh", ".pl", ".rb", ".jl", ".js")


def is_hub_id(section: Diffusers) -> bool:
    """Whether the pipeline is fetched from the hub: its source is no folder here."""
    return not Path(str(section.source)).expanduser().is_dir()


def is_fetched(section: Diffusers) -> bool:
    """Whether anything is fetched from the hub: the pipeline, or the motion adapter that is put over it."""
    return is_hub_id(section) or _is_hub_adapter(section)


def _is_hub_adapter(section: Diffusers) -> bool:
    return section.motion_adapter is not None and not Path(section.motion_adapter).expanduser().is_dir()


def check_pipeline(name: str, section: Diffusers) -> None:
    """Check where a diffusers model comes from, and that its family can make what is asked of it."""
    if section.family is not None and section.family not in FAMILIES:
        raise ConfigError(
            f"models.{name}.family: {section.family!r} is no family; did you mean {nearest(section.family)!r}? "
            f"There are {', '.join(FAMILIES)}"
        )
    family = family_in(section)
    if is_hub_id(section):
        _check_hub(name, section)
    elif not (Path(str(section.source)).expanduser() / "model_index.json").is_file():
        raise ConfigError(
            f"models.{name}.source: {section.source!r} has no model_index.json: it is not a diffusers pipeline"
        )
    _check_adapter(name, section, family)
    if family is not None:
        _check_condition(name, section, family)
        _check_own_keys(name, section, family)
        _check_frames(name, section, family)
        _check_size(name, section, family)


def family_in(section: Diffusers) -> Family | None:
    """The family that the config names, or the one of the pipeline in the folder; None where neither is known.

    With a motion adapter it is the family that the folder's image model becomes.
    """
    if section.family is not None:
        return FAMILIES.get(section.family)
    name = _pipeline_in(section)
    if section.motion_adapter is not None:
        return next((family for family in FAMILIES.values() if name and family.image_model == name), None)
    return family_of(name) if name else None


def _pipeline_in(section: Diffusers) -> str | None:
    """Class name of the pipeline in the folder; None where there is no folder, or an index that can't be read."""
    try:
        path = Path(str(section.source)).expanduser() / "model_index.json"
        index = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(index.get("_class_name")) if isinstance(index, Mapping) else None


def _check_hub(name: str, section: Diffusers) -> None:
    source = str(section.source)
    if Path(source).expanduser().is_file():
        raise ConfigError(
            f"models.{name}.source: {source!r} is a single file; a diffusers folder is loaded, with its weights as "
            "safetensors. Pickled weights (.ckpt, .bin, .pt, .pkl) can run code, and are not read"
        )
    if not HUB_ID.match(source) or section.revision is None:
        raise ConfigError(
            f"models.{name}.{'revision' if HUB_ID.match(source) else 'source'}: {source!r} is not a folder"
            f"{nearest_folder(Path(source).expanduser())}; for a hub id (owner/name) pin its commit with `revision`: "
            f"`git ls-remote https://huggingface.co/{source} HEAD` prints today's"
        )
    if section.gated and not _has_token() and not _in_cache(source, section.revision):
        raise ConfigError(
            f"models.{name}.source: {source!r} is gated: accept its terms on https://huggingface.co/{source}, then log "
            "in with `hf auth login` or set HF_TOKEN"
        )


def _check_adapter(name: str, section: Diffusers, family: Family | None) -> None:
    """Check that a motion adapter is there, pinned where it is on the hub, and given where one is needed."""
    adapter, key = section.motion_adapter, f"models.{name}.motion_adapter"
    if adapter is None:
        if family is not None and family.image_model and _pipeline_in(section) == family.image_model:
            raise ConfigError(
                f"{key}: is missing: {section.source!r} is an image model ({family.image_model}), and {family.title} "
                "needs a motion adapter over it, a folder or a hub id"
            )
        return
    if family is not None and family.image_model is None:
        raise ConfigError(f"{key}: {family.title} takes none; it is for AnimateDiff's image models")
    if not _is_hub_adapter(section):
        if not (Path(adapter).expanduser() / "config.json").is_file():
            raise ConfigError(f"{key}: {adapter!r} has no config.json: give the adapter's folder")
    elif not HUB_ID.match(adapter):
        raise ConfigError(f"{key}: {adapter!r} is no folder{nearest_folder(Path(adapter).expanduser())}")
    elif section.motion_adapter_revision is None:
        raise ConfigError(
            f"{key}_revision: {adapter!r} is not a folder; for a hub id (owner/name) pin its commit: "
            f"`git ls-remote https://huggingface.co/{adapter} HEAD` prints today's"
        )


def _check_own_keys(name: str, section: Diffusers, family: Family) -> None:
    """Refuse what only other families have, lest it be thought to have done something."""
    if not section.guardrail and not family.guarded:
        raise ConfigError(f"models.{name}.guardrail: {family.title} has none: drop it")
    if section.guidance_scale_2 is not None and not family.second_scale:
        raise ConfigError(f"models.{name}.guidance_scale_2: {family.title} has one guidance scale: drop it")


def _hub_home() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME", f"{cache}/huggingface")).expanduser()


def _has_token() -> bool:
    """Whether the hub's client will find a token. It is not read."""
    file = Path(os.environ.get("HF_TOKEN_PATH", _hub_home() / "token")).expanduser()
    return bool(os.environ.get("HF_TOKEN")) or file.is_file()


def _in_cache(source: str, revision: str) -> bool:
    cache = Path(os.environ.get("HF_HUB_CACHE", _hub_home() / "hub")).expanduser()
    return (cache / f"models--{source.replace('/', '--')}" / "snapshots" / revision).is_dir()


def _check_condition(name: str, section: Diffusers, family: Family) -> None:
    if family.condition != "text" and section.condition == "text":
        raise ConfigError(
            f"models.{name}.condition: {family.title} takes no prompts: set `condition: {family.condition}`"
        )


def _check_frames(name: str, section: Diffusers, family: Family) -> None:
    if section.frames is None or family.fits(section.frames):
        return
    lengths = f"{family.frames_offset} + {family.frames_multiple} k frames"
    valid = " or ".join(str(n) for n in family.near(section.frames))
    raise ConfigError(
        f"models.{name}.frames: {section.frames} does not fit {family.title}, whose videos have {lengths}; set {valid}"
    )


def _check_size(name: str, section: Diffusers, family: Family) -> None:
    step = family.size_multiple
    for key, size in (("width", section.width), ("height", section.height)):
        if size is not None and size % step:
            near = [str(n) for n in (size // step * step, (size // step + 1) * step) if n >= 16]
            raise ConfigError(
                f"models.{name}.{key}: {size} does not fit {family.title}, whose sides are multiples of {step}; "
                f"set {' or '.join(near)}"
            )


def check_command(name: str, section: Command) -> None:
    """Check that a command's program, its scripts and its working folder are there."""
    folder = Path(section.folder).expanduser() if section.folder else Path()
    if not folder.is_dir():
        raise ConfigError(f"models.{name}.folder: {section.folder!r} is not a folder{nearest_folder(folder)}")
    program = section.command[0]
    here = Path(program).is_file() if "/" in program else shutil.which(program)
    if not here:
        raise ConfigError(f"models.{name}.command: {program!r} is no program that is found here")
    for part in section.command[1:]:
        if part.endswith(SCRIPTS) and not part.startswith("-") and "{" not in part and not (folder / part).is_file():
            raise ConfigError(f"models.{name}.command: the script {part!r} is not in {str(folder.resolve())!r}")


def nearest_folder(path: Path) -> str:
    """A hint: what the parent folder holds that is spelt alike."""
    if not path.parent.is_dir():
        return ""
    near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir() if p.is_dir()], n=1)
    return f"; did you mean {str(path.parent / near[0])!r}?" if near else ""
