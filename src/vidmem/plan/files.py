"""Where things lie: the tables and records between the stages, and the folders that paths in them are relative to.

Tables keep the wildcard, `results/{audit}/...`; folders, which are params as well, and targets have the audit's name.
"""

from __future__ import annotations

from pathlib import Path

from vidmem.config.models import Diffusers, Replay, Videos
from vidmem.plan.checks import sources_of
from vidmem.plan.chunks import Chunks

ROOT = "results/{audit}"


class Files(Chunks):
    """Paths of what the stages hand to each other, chunk by chunk."""

    # ---- the corpus

    @property
    def made_inputs(self) -> list[str]:
        """What a manifest waits for: the made corpus, or nothing (a user's folder is there already)."""
        return [f"{ROOT}/corpus/made"] if self.made else []

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

    def corpus_tables(self, suffix: str) -> list[str]:
        """Paths of one table of all chunks of the corpus' features."""
        return [f"{ROOT}/features/corpus/{chunk}.{suffix}.parquet" for chunk in self.corpus_chunks()]

    def background_tables(self, suffix: str) -> list[str]:
        """Paths of one table of the held-out clips that scores are held against; none where that is the corpus itself.

        To name its thousands of tables twice would double the time that Snakemake takes to plan.
        """
        if self.null_side == "corpus":
            return []
        return [f"{ROOT}/features/heldout/background.{suffix}.parquet"]

    @property
    def duplicates(self) -> list[str]:
        """The table of what stands beside each corpus item, where prompts are ranked by more than captions."""
        return [f"{ROOT}/duplicates/corpus.parquet"] if self.audit.prompts.needs_duplicates else []

    # ---- what a model is loaded from, and asked with

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

    def prompts_of(self, model: str, chunk: str) -> list[str]:
        """The table of prompts that a chunk of a model is asked with; none for a model that takes no prompts."""
        if model in self.branches:
            subject = model if model in self.reworded else self.base(model)
            return [f"{ROOT}/mitigate/{subject}/{chunk}.prompts.parquet"]
        return [f"{ROOT}/prompts/chunks/{chunk}.parquet"] if self.is_prompted(model) else []

    def images_manifest(self, model: str) -> list[str]:
        """The manifest of the clips whose first frames the model's videos start from; none where they don't."""
        side = self.images_side(model)
        return [f"{ROOT}/corpus/{side}.parquet"] if side else []

    def images_root(self, model: str) -> str | dict[str, str] | None:
        """The folder, or folders by name, that the paths in `images_manifest` are relative to."""
        side = self.images_side(model)
        return self.media_roots(side) if side else None

    def references(self, model: str) -> list[str]:
        """The manifest of the clips that a branch steers away from; none for a remedy that looks at no clip."""
        steers = model in self.branches and self.branches[model].kind in ("amg", "neighbour")
        return [f"{ROOT}/corpus/corpus.parquet"] if steers else []

    # ---- what a model made

    def videos_folder(self, model: str) -> str:
        """Folder that the paths in a model's `videos` tables are relative to."""
        section = self.section(model)
        if isinstance(section, Videos):
            return str(Path(section.folder).expanduser())
        return f"results/{self.name}/generate/{model}" + ("/folder" if isinstance(section, Replay) else "")

    def videos_prompts(self, model: str) -> str | None:
        """Table that says which prompt each video of a folder was made from."""
        section = self.audit.models[model]
        if isinstance(section, Replay):
            return f"results/{self.name}/generate/{model}/folder/prompts.csv"
        return section.prompts if isinstance(section, Videos) else None

    def tables(self, stage: str, model: str, suffix: str) -> list[str]:
        """Paths of one table of all chunks of a model."""
        return [f"{ROOT}/{stage}/{model}/{chunk}.{suffix}.parquet" for chunk in self.chunks(model)]

    def passes(self, model: str) -> list[str]:
        """Paths of the tables of passes that a model makes beside sampling; none for a model that makes none."""
        return self.tables("detect", model, "passes") if model in self.passed else []

    def null_matches(self, model: str) -> str:
        """Matches of the clips that set a model's thresholds. Its branches under remedies are judged by the same."""
        return f"{ROOT}/retrieve/{self.base(model)}.null.parquet"

    # ---- over all models

    def transfer(self) -> list[str]:
        """The table of thresholds put to other models, where there are models to do so."""
        return [f"{ROOT}/detect/transfer.parquet"] if len(self.sampled) > 1 else []

    def effective_size_inputs(self) -> list[str]:
        """Metrics tables of the models whose number of clips is compared, in the order of `sized`."""
        return [f"{ROOT}/metrics/{m}.parquet" for models in self.sized.values() for m in models.values()]

    def effective_size(self) -> list[str]:
        """The table of effective memorisation sizes, if any are asked for."""
        return [f"results/{self.name}/truth/effective-size.parquet"] if self.sized else []

    def targets(self) -> list[str]:
        """What the audit is for: the report, or without models the prompts."""
        if not self.models:
            return [f"results/{self.name}/prompts/prompts.parquet"]
        return [f"results/{self.name}/report", f"results/{self.name}/summary.json", *self.effective_size()]
