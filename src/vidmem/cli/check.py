"""What an audit would be: jobs, cost and what it lacks, before anything runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from vidmem.cli.dryrun import jobs_to_run
from vidmem.cli.errors import Failure, one_line
from vidmem.config import ConfigError, load_config
from vidmem.config.models import Diffusers
from vidmem.plan import Plan
from vidmem.plan.cost import ModelCost, corpus_bytes, cost
from vidmem.plan.models import is_hub_id


@dataclass(frozen=True)
class Checked:
    """What an audit would run and take.

    `jobs`: by stage, those that a run would start now (none: all is done), None where they were not asked for. Sums
    are upper bounds; `gpu_hours` counts the models whose `seconds_per_video` is known, `untimed` names the others that
    need a GPU. `corpus_bytes` is None until a corpus of tables or shards is listed. `missing`: what it needs and is
    not here; `notes`: what its reader should know.
    """

    config: str
    audit: str
    models: list[ModelCost]
    jobs: dict[str, int] | None
    videos: int
    gpu_hours: float | None
    untimed: list[str]
    video_bytes: int
    feature_bytes: int
    corpus_bytes: int | None
    free_bytes: int
    missing: list[str]
    notes: list[str]

    @property
    def disk_bytes(self) -> int:
        """Bytes that the audit adds at most, as far as they are known."""
        return self.video_bytes + self.feature_bytes + (self.corpus_bytes or 0)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {**asdict(self), "disk_bytes": self.disk_bytes}


def check(config: str | Path, *, jobs: bool = True) -> Checked:
    """Check the config file of an audit, and what it would run in the present folder.

    `jobs` False leaves the dry run out, which takes some seconds. Raises `ValueError`, one line, for a wrong config.

    In a checkout, the demo:

    >>> from vidmem import check
    >>> found = check("config/config.yaml", jobs=False)
    >>> found.audit, found.missing, found.gpu_hours  # no model of it needs a GPU
    ('demo', [], None)
    >>> found.videos == sum(model.videos for model in found.models)
    True
    >>> check("nowhere.yaml", jobs=False)
    Traceback (most recent call last):
    vidmem.cli.errors.Failure: nowhere.yaml: No such file or directory
    """
    path = Path(config).expanduser()
    plan = read_plan(path)
    models = cost(plan)
    timed = [m.gpu_hours for m in models if m.gpu_hours is not None]
    found = Checked(
        config=str(config),
        audit=plan.name,
        models=models,
        jobs=jobs_to_run(path) if jobs else None,
        videos=sum(m.videos for m in models),
        gpu_hours=sum(timed) if timed else None,
        untimed=[m.name for m in models if m.gpu_hours is None and plan.needs_gpu(m.name)],
        video_bytes=sum(m.video_bytes or 0 for m in models),
        feature_bytes=sum(m.feature_bytes for m in models),
        corpus_bytes=corpus_bytes(plan),
        free_bytes=shutil.disk_usage(Path.cwd()).free,
        missing=[],
        notes=_notes(plan, models),
    )
    found.missing.extend(_missing(plan, found))
    return found


def read_plan(path: Path) -> Plan:
    """The plan of a config file. Raises `Failure` with the one line that the workflow would give."""
    try:
        load_config(path)  # so that a fault of the file is told by the file's name
        return Plan(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ConfigError, ValueError) as error:
        raise Failure(one_line(error)) from None


def _missing(plan: Plan, found: Checked) -> list[str]:
    """What the audit needs and this machine lacks."""
    lacking = [*_weights(plan.audit.features.model_dump()), *_hub_weights(plan)]
    if found.disk_bytes > found.free_bytes:
        lacking.append(f"disk: {found.disk_bytes} bytes at most are needed, {found.free_bytes} are free here")
    return lacking


def _weights(features: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Weights that the config gives by a path where there is none."""
    given = {f"features.{name}.weights": features[name]["weights"] for name in ("frames", "flow")}
    return [
        f"{key}: {path!r} is not a file"
        for key, path in given.items()
        if path and "://" not in path and not Path(path).expanduser().is_file()
    ]


def _hub_weights(plan: Plan) -> list[str]:
    """Weights on the hub, where the hub is switched off."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    return [f"models.{name}.source: on the hub, and HF_HUB_OFFLINE is set" for name in plan.fetched] if offline else []


def _notes(plan: Plan, models: list[ModelCost]) -> list[str]:
    notes = [f"models.{name}: {_fetched(plan, name)} is fetched from the hub" for name in plan.fetched]
    gpus = [m.name for m in models if plan.needs_gpu(m.name)]
    if gpus and shutil.which("nvidia-smi") is None:
        notes.append(f"GPU: none is found here, and {', '.join(gpus)} ask for one (a cluster may give it)")
    if not plan.made and plan.audit.corpus.heldout is None and plan.models:
        notes.append(
            "corpus.heldout: is not given, so thresholds come from the corpus itself and err towards accusing nobody"
        )
    unsized = [m.name for m in models if m.video_bytes is None]
    if unsized:
        notes.append(f"disk: size and length of the videos of {', '.join(unsized)} are not known")
    if not plan.models:
        notes.append("models: there are none, so the audit ends with the prompts")
    return notes


def _fetched(plan: Plan, name: str) -> str:
    section = plan.audit.models[name]
    assert isinstance(section, Diffusers)
    return repr(section.source if is_hub_id(section) else section.motion_adapter)
