"""Branches: a model under a remedy of one strength, which goes through the stages as a model of its own does.

A branch is named `<model>.<remedy>.<strength>`; names of models have no full stop, so the two can't clash. It is asked
the prompts that `mitigate` chooses, with the model's own pipeline and settings, and judged by the model's thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vidmem.config import Audit, ConfigError
from vidmem.config.models import Command, Diffusers, Oracle, Replay, Videos

GROUPS = ("flagged", "unflagged")


@dataclass(frozen=True)
class Branch:
    """A model under a remedy. `settings` is the remedy's section with the one strength."""

    name: str
    model: str
    remedy: str
    settings: dict[str, Any]

    @property
    def kind(self) -> str:
        """Kind of the remedy."""
        return str(self.settings["kind"])

    @property
    def rewords(self) -> bool:
        """Whether the model is asked in other words, and sampled as ever."""
        return self.kind == "reword"

    def describe(self) -> dict[str, Any]:
        """What the tables say of it, as plain data."""
        return {"branch": self.name, "remedy": self.remedy, "kind": self.kind, "strength": self.settings["strength"]}


def branches_of(audit: Audit) -> dict[str, Branch]:
    """All branches by name, in the order of the config: models, then remedies, then strengths.

    Raises `ConfigError` for a model that remedies can't be tried on.
    """
    section = audit.mitigate
    if section is None:
        return {}
    if audit.generate.signals != "full":
        raise ConfigError("mitigate: remedies are judged by videos, so it needs `generate.signals: full`")
    found = {}
    for model in section.models:
        for remedy in section.tried_on(model):
            for settings in section.swept(remedy):
                branch = Branch(f"{model}.{remedy}.{settings['strength']:.12g}", model, remedy, settings)
                _check(audit, branch)
                found[branch.name] = branch
    return found


def _check(audit: Audit, branch: Branch) -> None:
    model = audit.models.get(branch.model)
    if model is None:
        raise ConfigError(f"mitigate.models: there is no model {branch.model!r}; models are {', '.join(audit.models)}")
    where = f"mitigate.models: {branch.model!r}"
    if isinstance(model, Videos | Replay):
        raise ConfigError(f"{where} is a folder of videos: nothing is sampled that a remedy could change")
    if isinstance(model, Diffusers | Command) and not model.prompted:
        raise ConfigError(f"{where} takes no prompts, and prompts are what is flagged")
    if isinstance(model, Command) and not branch.rewords:
        raise ConfigError(f"{where} is a command, whose sampling nothing here can change: only `reword` can be tried")
    if isinstance(model, Oracle) and branch.rewords:
        raise ConfigError(f"{where} is an oracle, which knows its prompts to the letter: `reword` can't be tried")
    if not branch.rewords and isinstance(model, Diffusers) and model.guidance_scale <= 1:
        raise ConfigError(f"{where} is not guided (guidance_scale {model.guidance_scale:g}): remedies work on guidance")


def group_sizes(audit: Audit) -> dict[str, int]:
    """Most prompts of each group that are asked again, of each model."""
    section = audit.mitigate
    return {} if section is None else {"flagged": section.flagged, "unflagged": section.unflagged}
