"""What changes the results of a stage, as plain sorted built-in types for its rules' `params`.

Snakemake reruns a job when its params change, and these are all that a job is told: so a change of a setting reruns
the stages that it changes and no other. Each stage's version is among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmem.config import STAGE_VERSIONS, Audit
from vidmem.config.corpus import FolderSource, Source, WebDatasetSource, WebVidSource
from vidmem.config.models import Command, Diffusers, Replay, Videos
from vidmem.plan.branches import Branch
from vidmem.plan.checks import sources_of
from vidmem.userfiles import files_fingerprint, find_shards, fingerprint

DUPLICATE_FROM = 0.9  # SSCD similarity of corpus clips that are the same for all purposes: no null of each other
PATHS = {"folder", "captions", "table"}  # keys of a source
REPORT_CODE = Path(__file__).parents[1] / "report"


class Settings:
    """Settings of every stage of one audit."""

    def __init__(
        self, audit: Audit, *, sampled: bool, corpus_is_null: bool, branches: Mapping[str, Branch] | None = None
    ) -> None:
        self._audit = audit
        self._branches = branches or {}
        self._sampled = sampled
        self._corpus_is_null = corpus_is_null
        self._listed: dict[str, dict[str, Any]] = {}
        self._fingerprints: dict[tuple[str, str | None], str] = {}

    def of(self, stage: str, subject: str | None = None) -> dict[str, Any]:
        """Settings of a stage for a subject (a side of the corpus, a model or a branch of one), with its version."""
        made = getattr(self, f"_{stage}")(subject)
        return {"version": STAGE_VERSIONS[stage], **_sorted(made)}

    def _corpus(self, side: str | None) -> dict[str, Any]:
        corpus = self._audit.corpus
        common = {"limits": corpus.limits.model_dump(), "max_loss": corpus.max_loss}
        if side is None:
            return common
        return {**common, "sources": self._sources(side)}

    def _sources(self, side: str) -> dict[str, Any]:
        """What a side of the corpus is read from, by name, each with a mark of the files that there are."""
        if self._audit.corpus.kind == "made":
            made = f"results/{self._audit.audit}/corpus/made/{side}"
            return {side: FolderSource(folder=made).model_dump()}
        if side not in self._listed:
            self._listed[side] = {name: self._source(source) for name, source in sources_of(self._audit, side).items()}
        return self._listed[side]

    def _source(self, source: Source) -> dict[str, Any]:
        """A source with its paths as they are, and a mark of its files. Only a plain folder is walked.

        A corpus of millions has a table or shards, whose sizes and times are the mark: videos that are added to a
        `webvid` folder are seen when its table is touched.
        """
        paths = {k: str(Path(v).expanduser()) for k, v in source.model_dump(include=PATHS).items() if v is not None}
        dump = {**source.model_dump(), **paths}
        if isinstance(source, FolderSource):
            return {**dump, "fingerprint": self._fingerprint(source.folder, source.captions)}
        if isinstance(source, WebVidSource):
            table = Path(paths["table"])
            return {**dump, "fingerprint": files_fingerprint(table.parent, [table.name])}
        suffix = ".tar" if isinstance(source, WebDatasetSource) else ".parquet"
        return {**dump, "fingerprint": files_fingerprint(paths["folder"], find_shards(paths["folder"], suffix))}

    def _prompts(self, _: str | None) -> dict[str, Any]:
        prompts = self._audit.prompts
        return {
            **prompts.model_dump(),
            "chunk_size": self._audit.generate.chunk_size,
            "required": self._sampled,
            "imported_file": _file_mark(prompts.imported) if prompts.imported else None,
        }

    def _duplicates(self, _: str | None) -> dict[str, Any]:
        metrics, flow = self._audit.metrics, self._audit.features.flow
        return {
            **self._audit.duplicates.model_dump(),
            "still_floor": metrics.still_floor,
            "camera_explained": metrics.camera_explained,
            "grid": flow.grid,
        }

    def _generate(self, model: str | None) -> dict[str, Any]:
        assert model is not None
        if model in self._branches:
            return self._remedied(self._branches[model])
        generate, section = self._audit.generate, self._audit.models[model]
        common = {"model": section.model_dump(), "max_loss": generate.max_loss, "chunk_size": generate.chunk_size}
        if isinstance(section, Videos):
            mark = self._fingerprint(section.folder, section.prompts)
            return {**common, "fingerprint": mark, "limits": generate.limits.model_dump()}
        if isinstance(section, Replay | Command):
            return {**common, "limits": generate.limits.model_dump()}
        own = section.batch_size if isinstance(section, Diffusers) else None  # a planted model's is that of training
        sampled: dict[str, Any] = {"batch_size": own or generate.batch_size}
        sampled |= {"crf": generate.crf, "signals": generate.signals}
        if isinstance(section, Diffusers) and section.condition == "image":
            sampled["limits"] = self._audit.corpus.limits.model_dump()
        return {**common, **sampled}

    def _remedied(self, branch: Branch) -> dict[str, Any]:
        """The model's own settings with the remedy. A remedy that ruins every video is a result and not a fault."""
        own = self._generate(branch.model)
        model = own["model"] if branch.rewords else {**own["model"], "remedy": branch.settings}
        return {**own, "model": model, "max_loss": 1.0}

    def _features(self, subject: str | None) -> dict[str, Any]:
        """What is as before there was a choice is left out, so that features of then are not made again."""
        limits = (self._audit.corpus if subject in ("corpus", "null") else self._audit.generate).limits
        usual = {"sampling"} if self._audit.features.sampling == "rate" else set()
        dump = self._audit.features.model_dump(exclude={"corpus_chunks", *usual})
        for part in ("frames", "flow"):
            if dump[part]["device"] == "cpu":
                del dump[part]["device"]
        chosen = {**dump, "limits": limits.model_dump()}
        return {**chosen, "max_loss": 1.0} if subject in self._branches else chosen

    def _retrieve(self, _: str | None) -> dict[str, Any]:
        flow, retrieve = self._audit.features.flow, self._audit.retrieve
        lists = retrieve.index in ("ivf", "ivfpq")
        return {
            **retrieve.model_dump(),
            "nprobe": retrieve.nprobe if lists else 0,  # else it changes nothing, and a change reruns nothing
            "corpus_is_null": self._corpus_is_null,
            "duplicate_from": DUPLICATE_FROM,
            "match_from": self._audit.metrics.customary_content,
            "moves_from": self._audit.metrics.customary_motion,
            "frame_rate_hz": self._audit.features.frames.rate_hz,
            "floor": self._audit.metrics.still_floor,
            "grid": flow.grid,
            "rate_hz": flow.rate_hz,
        }

    def _metrics(self, _: str | None) -> dict[str, Any]:
        return {
            **self._audit.metrics.model_dump(exclude={"bootstrap"}),
            "grid": self._audit.features.flow.grid,
            "window": self._audit.retrieve.window,
        }

    def _detect(self, model: str | None) -> dict[str, Any]:
        """Of judging the detectors; of a model: of the passes that it makes for them."""
        detect = self._audit.detect
        if model is None:
            return detect.model_dump(exclude={"extra"})
        sampled = {key: self._generate(model)[key] for key in ("model", "batch_size")}
        return {**sampled, "extra": detect.extra.model_dump()}

    def _truth(self, model: str | None) -> dict[str, Any]:
        assert model is not None
        return {**self._audit.truth.model_dump(), "model": self._audit.models[model].model_dump()}

    def _mitigate(self, model: str | None) -> dict[str, Any]:
        """Of a model: which prompts are asked again. Of a branch that rewords: how."""
        section = self._audit.mitigate
        assert section is not None and model is not None
        if model in self._branches:
            return {"seed": section.seed, "rewordings": int(self._branches[model].settings["strength"])}
        sizes = {"flagged": section.flagged, "unflagged": section.unflagged}
        return {**sizes, "seed": section.seed, "chunk_size": self._audit.generate.chunk_size}

    def _compare(self, model: str | None) -> dict[str, Any]:
        branches = [branch.describe() for branch in self._branches.values() if branch.model == model]
        limits = self._audit.generate.limits.model_dump()
        return {"branches": branches, "bootstrap": self._audit.metrics.bootstrap, "limits": limits}

    def _report(self, _: str | None) -> dict[str, Any]:
        """The report is cheap, so it follows its own code: an edit there reruns it, and it alone."""
        return {
            **self._audit.report.model_dump(),
            "code": _code_hash(REPORT_CODE),
            "config": self._audit.model_dump(mode="json"),
        }

    def _fingerprint(self, folder: str, table: str | None) -> str:
        """Which files lie in a user's folder; listed once, for every job asks."""
        key = (folder, table)
        if key not in self._fingerprints:
            path = Path(table).expanduser() if table else None
            self._fingerprints[key] = fingerprint(Path(folder).expanduser(), path)
        return self._fingerprints[key]


def _code_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _file_mark(path: str) -> list[int]:
    found = Path(path).expanduser().stat()
    return [found.st_size, found.st_mtime_ns]


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _sorted(value[k]) for k in sorted(value)}
    return [_sorted(v) for v in value] if isinstance(value, list | tuple) else value
