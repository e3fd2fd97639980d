"""What the rules ask: an audit's subjects, chunks and files, their settings, and what a job needs of the machine.

Each module of what there is stands on the one before it: `subjects`, `chunks`, `files`, `readings`, `resources`; the
plan on all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidmem.config import load_config
from vidmem.plan.checks import check_files
from vidmem.plan.resources import Resources
from vidmem.plan.settings import Settings


class Plan(Resources):
    """What the rules ask while the workflow is parsed. Raises `ConfigError`, one line, for a config that can't run."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        audit = load_config(config)
        super().__init__(audit, check_files(audit))
        self._settings = Settings(
            self.audit,
            sampled=bool(self.prompted or not self.models),
            corpus_is_null=self.null_side == "corpus",
            branches=self.branches,
        )

    # ---- settings

    def settings(self, stage: str, subject: str | None = None) -> dict[str, Any]:
        """What changes the results of a stage, for its rules' `params`."""
        return self._settings.of(stage, subject)

    def features_settings(self, model: str) -> dict[str, Any]:
        """Settings of the features of a model's videos; those of a branch may all be lost."""
        return self.settings("features", model if model in self.branches else None)

    def build_settings(self, model: str) -> dict[str, Any]:
        """What changes a model or folder that the workflow makes itself: not how its videos are sampled and stored."""
        settings = self.settings("generate", model)
        return {name: settings[name] for name in ("model", "version")}

    def dataset_settings(self) -> dict[str, Any]:
        """What changes this audit's rows of the table model x dataset, beside its verdicts."""
        return {
            "bootstrap": self.audit.metrics.bootstrap,
            "dataset": self.audit.report.dataset or self.name,
            "version": self.settings("report")["version"],
        }
