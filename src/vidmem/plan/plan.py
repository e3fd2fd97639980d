"""Which files each stage reads and writes, cut into which chunks, and what it asks of the machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vidmem.config import Audit, load_config
from vidmem.config.models import Command, Diffusers, Model, Planted, Replay, Videos
from vidmem.plan.branches import Branch, branches_of, group_sizes
from vidmem.plan.checks import check_files, set_sizes, sources_of
from vidmem.plan.models import is_fetched
from vidmem.plan.settings import Settings

ROOT = "results/{audit}"


class Plan:
    """What the rules ask while the workflow is parsed. Raises `ConfigError`, one line, for a config that can't run."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.audit: Audit = load_config(config)
        self.name = self.audit.audit
        self.models = sorted(self.audit.models)
        self._counts = check_files(self.audit)
        self.branches: dict[str, Branch] = branches_of(self.audit)
        self._settings = Settings(
            self.audit,
            sampled=bool(self.prompted or not self.models),
            corpus_is_null=self.null_side == "corpus",
            branches=self.branches,
        )

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

    # ---- models, and the branches of them under remedies

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
    def commands(self) -> list[str]:
        """Models that a command of the user's runs."""
        return self.of_kind("command")

    @property
    def prompted(self) -> list[str]:
        """Models that are asked with prompts."""
        return [name for name in (*self.sampled, *self.commands) if self._is_prompted(name)]

    @property
    def fetched(self) -> list[str]:
        """Models of which weights come from the hub."""
        models = ((name, self.audit.models[name]) for name in self.models)
        return [name for name, section in models if isinstance(section, Diffusers) and is_fetched(section)]

    @property
    def passed(self) -> list[str]:
        """Models that make passes beside sampling, for detectors that sample no video: those that take text alone."""
        extra = self.audit.detect.extra
        if not (extra.noises or extra.curvature):
            return []
        return [name for name in self.sampled if self._is_prompted(name) and self.images_side(name) is None]

    def passes(self, model: str) -> list[str]:
        """Paths of the tables of those passes; none for a model that makes none."""
        return self.tables("detect", model, "passes") if model in self.passed else []

    def _is_prompted(self, model: str) -> bool:
        section = self.section(model)
        return (
            section.prompted if isinstance(section, Diffusers | Command) else not isinstance(section, Videos | Replay)
        )

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

    # ---- chunks

    def prompt_chunks(self) -> list[str]:
        """Names `<set>-<number>` of the chunks of prompts. Sizes come from the config, so a larger set adds chunks."""
        sizes, size = set_sizes(self.audit, self._counts["imported"]), self.audit.generate.chunk_size
        return [f"{which}-{n:03d}" for which, count in sizes.items() for n in range(-(-count // size))]

    def chunks(self, model: str) -> list[str]:
        """Chunks of a model's videos."""
        if model in self.branches:
            return self.asked_chunks()
        section = self.audit.models[model]
        if isinstance(section, Videos | Replay):
            return self._videos_chunks(self._counts[model])
        if isinstance(section, Diffusers | Command) and section.videos is not None:
            return self._videos_chunks(section.videos)
        return [c for c in self.prompt_chunks() if c.rsplit("-", 1)[0] in section.prompt_sets]

    def most_videos(self, model: str) -> int:
        """Videos of a model, if every set of prompts is as large as the config allows."""
        section = self.section(model)
        if model in self.branches:
            assert not isinstance(section, Videos | Replay)
            return section.seeds * sum(group_sizes(self.audit).values())
        if isinstance(section, Videos | Replay):
            return self._counts[model]
        if isinstance(section, Diffusers | Command) and section.videos is not None:
            return section.videos
        sizes = set_sizes(self.audit, self._counts["imported"])
        return section.seeds * sum(sizes[which] for which in section.prompt_sets)

    def asked_chunks(self) -> list[str]:
        """Names `<group>-<number>` of the chunks of prompts that are asked again under remedies."""
        size = self.audit.generate.chunk_size
        return [f"{g}-{n:03d}" for g, count in group_sizes(self.audit).items() for n in range(-(-count // size))]

    def _videos_chunks(self, count: int) -> list[str]:
        return [f"videos-{n:03d}" for n in range(-(-count // self.audit.generate.chunk_size))]

    @property
    def duplicates(self) -> list[str]:
        """The table of what stands beside each corpus item, where prompts are ranked by more than captions."""
        return [f"{ROOT}/duplicates/corpus.parquet"] if self.audit.prompts.needs_duplicates else []

    def prompts_of(self, model: str, chunk: str) -> list[str]:
        """The table of prompts that a chunk of a model is asked with; none for a model that takes no prompts."""
        if model in self.branches:
            subject = model if model in self.reworded else self.base(model)
            return [f"{ROOT}/mitigate/{subject}/{chunk}.prompts.parquet"]
        return [f"{ROOT}/prompts/chunks/{chunk}.parquet"] if self._is_prompted(model) else []

    def numbers(self, model: str, chunk: str) -> list[int]:
        """First number, and the one after the last, of the videos in a chunk of a model that takes no prompts.

        Empty for a model that takes prompts. More videos add chunks and change at most the last one.
        """
        section, size = self.section(model), self.audit.generate.chunk_size
        if not isinstance(section, Diffusers | Command) or section.videos is None:
            return []
        first = int(chunk.rsplit("-", 1)[1]) * size
        return [first, min(first + size, section.videos)]

    def images_side(self, model: str) -> str | None:
        """The side of the corpus whose first frames the model's videos start from; None where they don't."""
        section = self.section(model)
        if not isinstance(section, Diffusers | Command) or section.condition != "image":
            return None
        return section.images

    def images_manifest(self, model: str) -> list[str]:
        """The manifest of that side."""
        side = self.images_side(model)
        return [f"{ROOT}/corpus/{side}.parquet"] if side else []

    def images_root(self, model: str) -> str | dict[str, str] | None:
        """The folder, or folders by name, that the paths in that manifest are relative to."""
        side = self.images_side(model)
        return self.media_roots(side) if side else None

    def references(self, model: str) -> list[str]:
        """The manifest of the clips that a branch steers away from; none for a remedy that looks at no clip."""
        steers = model in self.branches and self.branches[model].kind == "amg"
        return [f"{ROOT}/corpus/corpus.parquet"] if steers else []

    def corpus_chunks(self) -> list[str]:
        """Chunks of the corpus' features: rows of its manifest that follow each other."""
        return [f"items-{n:03d}" for n in range(self.audit.features.corpus_chunks)]

    def manifest_chunks(self) -> list[str]:
        """Parts in which the files of a side of the corpus are read: rows of its listing that follow each other."""
        return [f"items-{n:03d}" for n in range(self.audit.corpus.chunks)]

    # ---- files

    def manifest_parts(self, side: str) -> list[str]:
        """The parts of a manifest that are put together."""
        return [f"{ROOT}/corpus/{side}/{chunk}.parquet" for chunk in self.manifest_chunks()]

    def joined(self, side: str) -> bool:
        """Whether a side is read from named sources, whose names stand before the ids."""
        return side == "corpus" and bool(self.audit.corpus.sources)

    def media_roots(self, side: str) -> str | dict[str, str]:
        """Folder that the paths in a manifest are relative to; of named sources a folder each, by name."""
        if self.made:
            return f"results/{self.name}/corpus/made/{side}"
        sources = sources_of(self.audit, side)
        folders = {name: str(Path(source.folder).expanduser()) for name, source in sorted(sources.items())}
        return folders if self.joined(side) else folders[side]

    def videos_folder(self, model: str) -> str:
        """Folder that the paths in a model's `videos` tables are relative to."""
        section = self.section(model)
        if isinstance(section, Videos):
            return str(Path(section.folder).expanduser())
        return f"results/{self.name}/generate/{model}" + ("/folder" if isinstance(section, Replay) else "")

    def pipeline(self, model: str) -> str:
        """Folder or hub id that the pipeline of a model, or of a branch of it, is loaded from."""
        section = self.section(model)
        if isinstance(section, Diffusers):
            folder = Path(str(section.source)).expanduser()
            return str(folder) if folder.is_dir() else str(section.source)
        return f"results/{self.name}/generate/{self.base(model)}/pipeline"

    def built_pipeline(self, model: str) -> list[str]:
        """The folder of a pipeline that the workflow makes itself."""
        return [self.pipeline(model)] if self.base(model) in self.built else []

    def parts(self, model: str) -> list[str | None]:
        """What is fetched of a diffusers model: pipeline, its commit, motion adapter, its commit."""
        section = self.audit.models[model]
        assert isinstance(section, Diffusers)
        return [self.pipeline(model), section.revision, section.motion_adapter, section.motion_adapter_revision]

    def weights(self, model: str) -> list[str]:
        """The record of a model's weights being fetched, where they come from the hub."""
        base = self.base(model)
        return [f"{ROOT}/generate/{base}/weights.json"] if base in self.fetched else []

    def videos_prompts(self, model: str) -> str | None:
        """Table that says which prompt each video of a folder was made from."""
        section = self.audit.models[model]
        if isinstance(section, Replay):
            return f"results/{self.name}/generate/{model}/folder/prompts.csv"
        return section.prompts if isinstance(section, Videos) else None

    @property
    def made_inputs(self) -> list[str]:
        """What a manifest waits for: the made corpus, or nothing (a user's folder is there already)."""
        return [f"{ROOT}/corpus/made"] if self.made else []

    def tables(self, stage: str, model: str, suffix: str) -> list[str]:
        """Paths of one table of all chunks of a model."""
        return [f"{ROOT}/{stage}/{model}/{chunk}.{suffix}.parquet" for chunk in self.chunks(model)]

    def null_matches(self, model: str) -> str:
        """Matches of the clips that set a model's thresholds. Its branches under remedies are judged by the same."""
        return f"{ROOT}/retrieve/{self.base(model)}.null.parquet"

    def corpus_tables(self, suffix: str) -> list[str]:
        """Paths of one table of all chunks of the corpus' features."""
        return [f"{ROOT}/features/corpus/{chunk}.{suffix}.parquet" for chunk in self.corpus_chunks()]

    def targets(self) -> list[str]:
        """What the audit is for: the report, or without models the prompts."""
        if not self.models:
            return [f"results/{self.name}/prompts/prompts.parquet"]
        return [f"results/{self.name}/report", f"results/{self.name}/summary.json", *self.effective_size()]

    def effective_size_inputs(self) -> list[str]:
        """Metrics tables of the models whose number of clips is compared, in the order of `sized`."""
        return [f"{ROOT}/metrics/{m}.parquet" for models in self.sized.values() for m in models.values()]

    def effective_size(self) -> list[str]:
        """The table of effective memorisation sizes, if any are asked for."""
        return [f"results/{self.name}/truth/effective-size.parquet"] if self.sized else []

    def background_tables(self, suffix: str) -> list[str]:
        """Paths of one table of the clips that scores are held against: held-out ones, else the corpus' own."""
        if self.null_side == "corpus":
            return self.corpus_tables(suffix)
        return [f"{ROOT}/features/heldout/background.{suffix}.parquet"]

    # ---- the report

    def dataset_settings(self) -> dict[str, Any]:
        """What changes this audit's rows of the table model x dataset, beside its verdicts."""
        return {
            "bootstrap": self.audit.metrics.bootstrap,
            "dataset": self.audit.report.dataset or self.name,
            "version": self.settings("report")["version"],
        }

    def beside(self) -> list[str]:
        """Rows of other audits that stand beside this one's, of those that were run already."""
        return [path for name, path in self._datasets().items() if name != self.name and Path(path).is_file()]

    def _datasets(self) -> dict[str, str]:
        """By audit, this one first, the file of its rows of the table model x dataset."""
        return {name: f"results/{name}/dataset.parquet" for name in (self.name, *self.audit.report.beside)}

    def report_files(self) -> dict[str, Any]:
        """What the report reads of each model, as plain data: paths, and the folders that videos lie in."""
        return {
            "benchmarks": f"results/{self.name}/benchmarks",
            "corpus_root": self.media_roots("corpus"),
            "corpus_features": {s: self._real(self.corpus_tables(s)) for s in ("frames", "flow", "items")},
            "models": {name: self._model_files(name) for name in self.models},
            "effective_size": next(iter(self.effective_size()), None),
            "datasets": self._datasets(),
            "transfer": next(iter(self._real(self.transfer())), None),
            "mitigate": {name: self.mitigate_files(name) for name in self.mitigated},
        }

    def transfer(self) -> list[str]:
        """The table of thresholds put to other models, where there are models to do so."""
        return [f"{ROOT}/detect/transfer.parquet"] if len(self.sampled) > 1 else []

    def transfer_files(self) -> dict[str, Any]:
        """What that table is made of, by model."""
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
        section = self.section(model)
        if isinstance(section, Command):
            return section.gpus
        return 1 if isinstance(section, Diffusers) and section.device != "cpu" else 0

    def generate_memory_mb(self, model: str, attempt: int) -> int:
        """Memory that sampling asks for; grows on retry."""
        section = self.section(model)
        if isinstance(section, Command):
            return section.memory_mb * attempt
        return (16000 if self.needs_gpu(model) else 4000) * attempt
