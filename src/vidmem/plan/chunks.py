"""How the work on each subject is cut into chunks: stable names, so that more prompts add chunks and disturb none."""

from __future__ import annotations

from collections.abc import Mapping

from vidmem.config import Audit
from vidmem.config.models import Command, Diffusers, Replay, Videos
from vidmem.plan.branches import group_sizes
from vidmem.plan.checks import set_sizes
from vidmem.plan.subjects import Subjects


class Chunks(Subjects):
    """Chunks of prompts, of videos and of the corpus.

    `counts`: imported prompts, and videos by model, as `checks.check_files` found them.
    """

    def __init__(self, audit: Audit, counts: Mapping[str, int]) -> None:
        super().__init__(audit)
        self._counts = counts

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

    def numbers(self, model: str, chunk: str) -> list[int]:
        """First number, and the one after the last, of the videos in a chunk of a model that takes no prompts.

        Empty for a model that takes prompts. More videos add chunks and change at most the last one.
        """
        section, size = self.section(model), self.audit.generate.chunk_size
        if not isinstance(section, Diffusers | Command) or section.videos is None:
            return []
        first = int(chunk.rsplit("-", 1)[1]) * size
        return [first, min(first + size, section.videos)]

    def corpus_chunks(self) -> list[str]:
        """Chunks of the corpus' features: rows of its manifest that follow each other."""
        return [f"items-{n:03d}" for n in range(self.audit.features.corpus_chunks)]

    def manifest_chunks(self) -> list[str]:
        """Parts in which the files of a side of the corpus are read: rows of its listing that follow each other."""
        return [f"items-{n:03d}" for n in range(self.audit.corpus.chunks)]
