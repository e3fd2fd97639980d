"""What is read across subjects: by the report, by the comparison of models, and by that of remedies.

What is a param is plain data: its paths have the audit's name, where inputs have the wildcard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidmem.plan.files import ROOT, Files


class Readings(Files):
    """What the last stages read of each model, each branch and other audits."""

    def report_files(self) -> dict[str, Any]:
        """What the report reads of each model, as plain data: paths, and the folders that videos lie in."""
        return {
            "benchmarks": f"results/{self.name}/benchmarks",
            "corpus_root": self.media_roots("corpus"),
            "corpus_features": {s: self._real(self.corpus_tables(s)) for s in ("frames", "flow", "items")},
            "models": {name: self._model_files(name) for name in self.models},
            "effective_size": next(iter(self.effective_size()), None),
            "duplicates": next(iter(self._real(self.duplicates)), None),
            "datasets": self._datasets(),
            "transfer": next(iter(self._real(self.transfer())), None),
            "mitigate": {name: self.mitigate_files(name) for name in self.mitigated},
            "compare": self.compared_audits(),
        }

    def _model_files(self, model: str) -> dict[str, Any]:
        single = {s: f"results/{self.name}/{s}/{model}.parquet" for s in ("retrieve", "metrics", "detect", "truth")}
        return {
            **single,
            "truth": single["truth"] if model in self.known else None,
            "videos": self._real(self.tables("generate", model, "videos")),
            "signals": self._real(self.tables("generate", model, "signals")),
            "root": self.videos_folder(model),
            "features": {s: self._real(self.tables("features", model, s)) for s in ("frames", "flow", "items")},
        }

    def beside(self) -> list[str]:
        """Rows of other audits that stand beside this one's, of those that were run already."""
        return [path for name, path in self._datasets().items() if name != self.name and Path(path).is_file()]

    def _datasets(self) -> dict[str, str]:
        """By audit, this one first, the file of its rows of the table model x dataset."""
        return {name: f"results/{name}/dataset.parquet" for name in (self.name, *self.audit.report.beside)}

    def compared_audits(self) -> dict[str, Any]:
        """Of the two audits that are compared: the verdicts of their models, their videos' tables, and their prompts.

        Of branches nothing.

        Another audit's are those that lie there when the workflow is parsed.
        """
        return {name: self._judged(name) for name in self.audit.report.compare}

    def _judged(self, audit: str) -> dict[str, Any]:
        folder = Path("results") / audit / "metrics"
        names = self.models if audit == self.name else sorted(p.stem for p in folder.glob("*.parquet"))
        found = {name: (folder / f"{name}.parquet").as_posix() for name in names if "." not in name}
        return {
            "metrics": found,
            "videos": {name: self._shards(audit, name) for name in found},
            "prompts": f"results/{audit}/prompts/prompts.parquet",
        }

    def _shards(self, audit: str, model: str) -> list[str]:
        """The tables of a model's videos, of another audit those that lie there."""
        if audit == self.name:
            return self._real(self.tables("generate", model, "videos"))
        folder = Path("results") / audit / "generate" / model
        return sorted(p.as_posix() for p in folder.glob("*.videos.parquet"))

    def other_verdicts(self) -> list[str]:
        """The verdicts of other audits that the report compares."""
        return [
            p for name, found in self.compared_audits().items() if name != self.name for p in found["metrics"].values()
        ]

    def transfer_files(self) -> dict[str, Any]:
        """What the table of `transfer` is made of, by model."""
        return {
            name: {
                "metrics": f"results/{self.name}/metrics/{name}.parquet",
                "signals": self._real(self.tables("generate", name, "signals")),
            }
            for name in self.sampled
        }

    def mitigate_files(self, model: str) -> dict[str, Any]:
        """What a model and its branches under remedies are compared by, and what came of it: paths, as plain data."""
        return {
            "table": f"results/{self.name}/mitigate/{model}.parquet",
            "prompts": f"results/{self.name}/mitigate/{model}.prompts.parquet",
            "base": self._compared(model),
            "branches": {name: self._compared(name) for name in self.branches_of(model)},
        }

    def compared_tables(self, model: str) -> list[str]:
        """The tables of a model and its branches that `mitigate_files` names."""
        names = [model, *self.branches_of(model)]
        single = [f"{ROOT}/metrics/{name}.parquet" for name in names]
        stages = (("generate", "videos"), ("features", "frames"), ("features", "flow"))
        return [*single, *(p for name in names for stage, suffix in stages for p in self.tables(stage, name, suffix))]

    def _compared(self, name: str) -> dict[str, Any]:
        folder = f"results/{self.name}"
        return {
            "metrics": f"{folder}/metrics/{name}.parquet",
            "videos": self._real(self.tables("generate", name, "videos")),
            "root": self.videos_folder(name),
            "frames": self._real(self.tables("features", name, "frames")),
            "flow": self._real(self.tables("features", name, "flow")),
            "benchmarks": [f"{folder}/benchmarks/generate/{name}/{chunk}.tsv" for chunk in self.chunks(name)],
        }

    def _real(self, paths: list[str]) -> list[str]:
        return [path.format(audit=self.name) for path in paths]
