"""What an audit is about: the sides of its corpus, its models by kind, and their branches under remedies."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vidmem.config import Audit
from vidmem.config.models import Command, Diffusers, Model, Planted, Replay, Videos
from vidmem.plan.branches import Branch, branches_of
from vidmem.plan.models import is_fetched


class Subjects:
    """The subjects of one audit by name; the ground that chunks and files are laid on.

    Raises `ConfigError` for a model that remedies can't be tried on.
    """

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        self.name = audit.audit
        self.models = sorted(audit.models)
        self.branches: dict[str, Branch] = branches_of(audit)

    # ---- the corpus

    @property
    def made(self) -> bool:
        """Whether the workflow makes the corpus itself."""
        return self.audit.corpus.kind == "made"

    @property
    def sides(self) -> list[str]:
        """Manifests of this audit: the corpus, and what it has beside it."""
        if self.made:
            return ["corpus", "heldout", "motion", "unrelated"]
        return ["corpus", "heldout"] if self.audit.corpus.heldout else ["corpus"]

    @property
    def null_side(self) -> str:
        """Whose clips give the null distribution: held-out ones, else the corpus' own."""
        return "heldout" if "heldout" in self.sides else "corpus"

    # ---- models

    def of_kind(self, *kinds: str) -> list[str]:
        """Names of the models of these kinds, sorted."""
        return [name for name in self.models if self.audit.models[name].kind in kinds]

    @property
    def sampled(self) -> list[str]:
        """Models that sample videos here."""
        return self.of_kind("diffusers", "planted", "oracle")

    @property
    def commands(self) -> list[str]:
        """Models that a command of the user's runs."""
        return self.of_kind("command")

    @property
    def prompted(self) -> list[str]:
        """Models that are asked with prompts."""
        return [name for name in (*self.sampled, *self.commands) if self.is_prompted(name)]

    def is_prompted(self, model: str) -> bool:
        """Whether a model, or a branch of one, is asked with prompts."""
        section = self.section(model)
        return (
            section.prompted if isinstance(section, Diffusers | Command) else not isinstance(section, Videos | Replay)
        )

    @property
    def fetched(self) -> list[str]:
        """Models of which weights come from the hub."""
        models = ((name, self.audit.models[name]) for name in self.models)
        return [name for name, section in models if isinstance(section, Diffusers) and is_fetched(section)]

    @property
    def passed(self) -> list[str]:
        """Models that make passes beside sampling, for detectors that sample no video: those that take text alone."""
        extra = self.audit.detect.extra
        if not (extra.noises or extra.curvature or extra.draft):
            return []
        return [name for name in self.sampled if self.is_prompted(name) and self.images_side(name) is None]

    def images_side(self, model: str) -> str | None:
        """The side of the corpus whose first frames the model's videos start from; None where they don't."""
        section = self.section(model)
        if not isinstance(section, Diffusers | Command) or section.condition != "image":
            return None
        return section.images

    @property
    def built(self) -> list[str]:
        """Models whose pipeline the workflow makes."""
        return self.of_kind("planted", "oracle")

    @property
    def folders(self) -> list[str]:
        """Models that are folders of videos."""
        return self.of_kind("videos", "replay")

    @property
    def known(self) -> list[str]:
        """Models whose memorisation is known. Only a made corpus comes with the truth about its clips."""
        return self.of_kind("planted", "oracle", "replay") if self.made else []

    @property
    def sized(self) -> dict[str, dict[int, str]]:
        """Of each planted model with `sizes`: the models by the number of clips that they were trained on."""
        planted = ((name, self.audit.models[name]) for name in self.models)
        return {name: m.sized(name) for name, m in planted if isinstance(m, Planted) and m.sizes}

    # ---- branches

    def base(self, name: str) -> str:
        """The model that a branch is one of; a model's own name."""
        return self.branches[name].model if name in self.branches else name

    def section(self, name: str) -> Model:
        """The config section of a model, or of the model that a branch is one of."""
        return self.audit.models[self.base(name)]

    def pattern(self, models: Iterable[str], *, branches: bool = False) -> str:
        """A wildcard's pattern: these models by name, and if asked for their branches too; nothing for none."""
        names = list(models)
        more = [name for name, branch in self.branches.items() if branch.model in names] if branches else []
        return "|".join(re.escape(name) for name in [*names, *more]) or "(?!)"

    @property
    def mitigated(self) -> list[str]:
        """Models that remedies are tried on."""
        return list(dict.fromkeys(branch.model for branch in self.branches.values()))

    def branches_of(self, model: str) -> list[str]:
        """Names of a model's branches, in the order of the config."""
        return [name for name, branch in self.branches.items() if branch.model == model]

    @property
    def reworded(self) -> list[str]:
        """Branches that are asked in other words."""
        return [name for name, branch in self.branches.items() if branch.rewords]
