"""The plan of an audit: which files each stage reads and writes, cut into which chunks, with which settings.

The Snakefile and its rules hold no logic; what they need to know while they are parsed they ask here. So this module
is light (no torch, no tables read), and is tested like any other. Results-path grammar:

    results/<audit>/<stage>/<subject>/<chunk>.<ext>      subject = a model's name or `corpus`
    results/<audit>/<stage>/<subject>.parquet            a stage that is not cut into chunks
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmem.config import STAGE_VERSIONS, Audit, ConfigError, load_config
from vidmem.config.corpus import Folder
from vidmem.config.models import Diffusers, Oracle, Planted, Replay, Videos
from vidmem.userfiles import count_media, fingerprint, read_user_table

ROOT = "results/{audit}"
DUPLICATE_FROM = 0.9  # SSCD similarity of corpus clips that are the same for all purposes: no null of each other
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")


class Plan:
    """What the rules ask while the workflow is parsed. Raises `ConfigError`, one line, for a config that can't run."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.audit: Audit = load_config(config)
        self.name = self.audit.audit
        self.models = sorted(self.audit.models)
        self._counts: dict[str, int] = {}
        self._fingerprints: dict[tuple[str, str | None], str] = {}
        self._check_corpus()
        self._check_prompts()
        for name in self.models:
            self._check_model(name)

    # ---- what there is

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

    def of_kind(self, *kinds: str) -> list[str]:
        """Names of the models of these kinds, sorted."""
        return [name for name in self.models if self.audit.models[name].kind in kinds]

    @property
    def sampled(self) -> list[str]:
        """Models that sample videos here."""
        return self.of_kind("diffusers", "planted", "oracle")

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

    # ---- chunks

    def prompt_chunks(self) -> list[str]:
        """Names `<set>-<number>` of the chunks of prompts. Sizes come from the config, so a larger set adds chunks."""
        prompts, size = self.audit.prompts, self.audit.generate.chunk_size
        counts = {
            "video-duplicated": prompts.video_duplicated,
            "random-train": prompts.random_train,
            "control": prompts.control,
            "imported": self._counts.get("imported", 0),
        }
        return [f"{which}-{n:03d}" for which, count in counts.items() for n in range(-(-count // size))]

    def chunks(self, model: str) -> list[str]:
        """Chunks of a model's videos."""
        section = self.audit.models[model]
        if isinstance(section, Videos | Replay):
            count = self._counts[model] if isinstance(section, Videos) else section.copies + section.unrelated
            return [f"videos-{n:03d}" for n in range(max(1, -(-count // self.audit.generate.chunk_size)))]
        return [c for c in self.prompt_chunks() if c.rsplit("-", 1)[0] in section.prompt_sets]

    def corpus_chunks(self) -> list[str]:
        """Chunks of the corpus' features: hash buckets."""
        return [f"items-{n:03d}" for n in range(self.audit.features.corpus_chunks)]

    # ---- files

    def media_folder(self, side: str) -> str:
        """Folder that the paths in a manifest are relative to."""
        if self.made:
            return f"results/{self.name}/corpus/made/{side}"
        section = self._folder(side)
        return str(Path(section.folder).expanduser())

    def videos_folder(self, model: str) -> str:
        """Folder that the paths in a model's `videos` tables are relative to."""
        section = self.audit.models[model]
        if isinstance(section, Videos):
            return str(Path(section.folder).expanduser())
        return f"results/{self.name}/generate/{model}" + ("/folder" if isinstance(section, Replay) else "")

    def pipeline(self, model: str) -> str:
        """Folder or hub id that the model's pipeline is loaded from."""
        section = self.audit.models[model]
        if isinstance(section, Diffusers):
            return section.source
        return f"results/{self.name}/generate/{model}/pipeline"

    def videos_prompts(self, model: str) -> str | None:
        """Table that says which prompt each video of a folder was made from."""
        section = self.audit.models[model]
        if isinstance(section, Replay):
            return f"results/{self.name}/generate/{model}/folder/prompts.csv"
        return section.prompts if isinstance(section, Videos) else None

    def made_inputs(self, side: str) -> list[str]:
        """What a manifest waits for: the made corpus, or nothing (a user's folder is there already)."""
        return [f"{ROOT}/corpus/made"] if self.made else []

    def tables(self, stage: str, model: str, suffix: str) -> list[str]:
        """Paths of one table of all chunks of a model."""
        return [f"{ROOT}/{stage}/{model}/{chunk}.{suffix}.parquet" for chunk in self.chunks(model)]

    def corpus_tables(self, suffix: str) -> list[str]:
        """Paths of one table of all chunks of the corpus' features."""
        return [f"{ROOT}/features/corpus/{chunk}.{suffix}.parquet" for chunk in self.corpus_chunks()]

    # ---- settings: plain, sorted built-in types, with the stage's version, so that a change reruns the stage

    def settings(self, stage: str, subject: str | None = None) -> dict[str, Any]:
        """What changes the results of a stage, for its rules' `params`."""
        made = getattr(self, f"_{stage}_settings")(subject)
        return {"version": STAGE_VERSIONS[stage], **_sorted(made)}

    def _corpus_settings(self, side: str | None) -> dict[str, Any]:
        corpus = self.audit.corpus
        if self.made or side is None:
            return {"limits": corpus.limits.model_dump(), "max_loss": corpus.max_loss, "captions": None, "columns": {}}
        section = self._folder(side)
        captions = str(Path(section.captions).expanduser()) if section.captions else None
        return {
            "captions": captions,
            "columns": section.columns.model_dump(),
            "limits": corpus.limits.model_dump(),
            "max_loss": corpus.max_loss,
            "fingerprint": self._fingerprint(section.folder, section.captions),
        }

    def _prompts_settings(self, _: str | None) -> dict[str, Any]:
        prompts = self.audit.prompts
        return {
            **prompts.model_dump(),
            "chunk_size": self.audit.generate.chunk_size,
            "required": bool(self.sampled),
            "imported_fingerprint": _file_mark(prompts.imported) if prompts.imported else None,
        }

    def _generate_settings(self, model: str | None) -> dict[str, Any]:
        assert model is not None
        generate, section = self.audit.generate, self.audit.models[model]
        common = {"model": section.model_dump(), "max_loss": generate.max_loss, "chunk_size": generate.chunk_size}
        if isinstance(section, Videos):
            mark = self._fingerprint(section.folder, section.prompts)
            return {**common, "fingerprint": mark, "limits": generate.limits.model_dump()}
        if isinstance(section, Replay):
            return {**common, "limits": generate.limits.model_dump()}
        return {**common, "batch_size": generate.batch_size, "crf": generate.crf}

    def _features_settings(self, subject: str | None) -> dict[str, Any]:
        return {
            **self.audit.features.model_dump(exclude={"corpus_chunks"}),
            "limits": (self.audit.corpus if subject == "corpus" else self.audit.generate).limits.model_dump(),
        }

    def _retrieve_settings(self, _: str | None) -> dict[str, Any]:
        flow = self.audit.features.flow
        return {
            **self.audit.retrieve.model_dump(),
            "corpus_is_null": self.null_side == "corpus",
            "duplicate_from": DUPLICATE_FROM,
            "floor": self.audit.metrics.still_floor,
            "grid": flow.grid,
            "rate_hz": flow.rate_hz,
        }

    def _metrics_settings(self, _: str | None) -> dict[str, Any]:
        return {**self.audit.metrics.model_dump(exclude={"bootstrap"}), "grid": self.audit.features.flow.grid}

    def _detect_settings(self, _: str | None) -> dict[str, Any]:
        return self.audit.detect.model_dump()

    def _truth_settings(self, model: str | None) -> dict[str, Any]:
        assert model is not None
        return {**self.audit.truth.model_dump(), "model": self.audit.models[model].model_dump()}

    def _report_settings(self, _: str | None) -> dict[str, Any]:
        """The report is cheap, so it follows its own code: an edit there reruns it, and it alone."""
        code = _code_hash(Path(__file__).parent / "report")
        return {
            **self.audit.report.model_dump(),
            "bootstrap": self.audit.metrics.bootstrap,
            "code": code,
            "config": self.audit.model_dump(mode="json"),
        }

    def report_files(self) -> dict[str, Any]:
        """What the report reads of each model, as plain data: paths, and the folders that videos lie in."""
        return {
            "benchmarks": f"results/{self.name}/benchmarks",
            "corpus_root": self.media_folder("corpus"),
            "corpus_features": {s: self._real(self.corpus_tables(s)) for s in ("frames", "flow", "items")},
            "models": {name: self._model_files(name) for name in self.models},
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

    def _real(self, paths: list[str]) -> list[str]:
        return [path.format(audit=self.name) for path in paths]

    # ---- resources

    def needs_gpu(self, model: str) -> int:
        """GPUs that sampling from this model asks the cluster for."""
        section = self.audit.models[model]
        return 1 if isinstance(section, Diffusers) and section.device != "cpu" else 0

    def generate_memory_mb(self, model: str, attempt: int) -> int:
        """Memory that sampling asks for; grows on retry."""
        return (16000 if self.needs_gpu(model) else 4000) * attempt

    def build_threads(self, model: str) -> int:
        """Threads of making a model of known truth: training uses all, the closed forms need one."""
        return self.audit.threads if self.audit.models[model].kind == "planted" else 1

    # ---- checks while the workflow is parsed: one line, before hours of work

    def _fingerprint(self, folder: str, table: str | None) -> str:
        """Which files lie in a user's folder; listed once, for every job asks."""
        key = (folder, table)
        if key not in self._fingerprints:
            path = Path(table).expanduser() if table else None
            self._fingerprints[key] = fingerprint(Path(folder).expanduser(), path)
        return self._fingerprints[key]

    def _folder(self, side: str) -> Folder:
        corpus = self.audit.corpus
        if side == "heldout":
            assert corpus.heldout is not None
            return corpus.heldout
        assert corpus.folder is not None
        return Folder(folder=corpus.folder, captions=corpus.captions, columns=corpus.columns)

    def _check_corpus(self) -> None:
        if self.made:
            return
        for side in self.sides:
            section = self._folder(side)
            key = "corpus" if side == "corpus" else "corpus.heldout"
            self._count_folder(f"{key}.folder", section.folder)
            if section.captions:
                _must_be_file(f"{key}.captions", section.captions)

    def _check_prompts(self) -> None:
        imported = self.audit.prompts.imported
        if imported:
            _must_be_file("prompts.imported", imported)
            try:
                rows = len(read_user_table(Path(imported).expanduser()))
            except ValueError as error:
                raise ConfigError(f"prompts.imported: {error}") from None
            if not rows:
                raise ConfigError(f"prompts.imported: {imported!r} has no rows: give at least one prompt")
            self._counts["imported"] = rows

    def _check_model(self, name: str) -> None:
        section = self.audit.models[name]
        if isinstance(section, Videos):
            self._counts[name] = self._count_folder(f"models.{name}.folder", section.folder)
            if section.prompts:
                _must_be_file(f"models.{name}.prompts", section.prompts)
        elif isinstance(section, Diffusers):
            _check_source(name, section)
        elif isinstance(section, Planted | Oracle | Replay):
            if not self.made:
                raise ConfigError(
                    f"models.{name}.kind: {section.kind!r} needs `corpus.kind: made`: its truth is known only there"
                )
            if isinstance(section, Replay):
                return
        if not self.chunks(name):
            raise ConfigError(f"models.{name}.prompt_sets: all of these sets have size 0 under `prompts`")

    def _count_folder(self, key: str, folder: str) -> int:
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise ConfigError(f"{key}: {folder!r} is not a folder{_nearest_folder(path)}")
        count = count_media(path)
        if not count:
            raise ConfigError(f"{key}: {folder!r} holds no videos or images")
        return count


def plan_or_exit(config: Mapping[str, Any]) -> Plan:
    """The plan, or the end of the run with one line that says what is wrong in the config."""
    try:
        return Plan(config)
    except (ConfigError, ValueError) as error:
        raise SystemExit(f"vidmem: {error}") from None


def share_library() -> None:
    """Let jobs import this checkout's library, whichever environment they run in, so that none has to install it."""
    source = str(Path(__file__).parents[1])
    others = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != source]
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *others])


def _check_source(name: str, section: Diffusers) -> None:
    key, source = f"models.{name}.source", section.source
    path = Path(source).expanduser()
    if path.is_dir():
        if not (path / "model_index.json").is_file():
            raise ConfigError(f"{key}: {source!r} has no model_index.json: it is not a diffusers pipeline")
    elif not HUB_ID.match(source) or section.revision is None:
        raise ConfigError(
            f"{key}: {source!r} is not a folder{_nearest_folder(path)}; "
            "for a hub id (owner/name) pin its commit with `revision`"
        )


def _must_be_file(key: str, path: str) -> None:
    if not Path(path).expanduser().is_file():
        raise ConfigError(f"{key}: {path!r} is not a file")


def _nearest_folder(path: Path) -> str:
    """A hint: what the parent folder holds that is spelt alike."""
    if not path.parent.is_dir():
        return ""
    near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir() if p.is_dir()], n=1)
    return f"; did you mean {str(path.parent / near[0])!r}?" if near else ""


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
