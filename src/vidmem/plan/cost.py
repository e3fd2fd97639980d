"""What an audit would cost, before anything runs: `python -m vidmem.plan.cost --configfile config/mine.yaml`.

Counts come from the config and are upper bounds: a set of prompts may turn out smaller than its size. Time on GPUs is
counted where the config or the registry says how long a video takes (`seconds_per_video`), and is else unknown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from vidmem.config import ConfigError
from vidmem.config.corpus import FolderSource
from vidmem.config.models import Command, Diffusers, Model, Oracle, Planted, Replay, Videos
from vidmem.plan.checks import sources_of
from vidmem.plan.models import family_in
from vidmem.plan.plan import Plan
from vidmem.userfiles import count_media

BITS_A_PIXEL = 1.0  # of H.264 at crf 12, real clips of 256 and 512 pixels (bench/speed/codec.csv); 6 crf more halve it
FRAME_BYTES = 4 * 512 + 16 * 16 * 3 + 48 * 48  # of one frame in the features: vector, thumbnail, picture
UNKNOWN = "unknown"


@dataclass(frozen=True)
class ModelCost:
    """Of one model: jobs that make or list its videos, videos, calls of its denoiser, GPU-hours, bytes on disk.

    None where it can't be known. A call is one evaluation of the denoiser for one video; guidance doubles them.
    """

    name: str
    jobs: int
    videos: int
    calls: int | None
    gpu_hours: float | None
    gpu_memory_gb: float | None
    video_bytes: int | None
    feature_bytes: int


def cost(plan: Plan) -> list[ModelCost]:
    """The cost of every model and of its branches under remedies, by name."""
    return [_model(plan, name) for name in (*plan.models, *plan.branches)]


def _model(plan: Plan, name: str) -> ModelCost:
    section, videos = plan.section(name), plan.most_videos(name)
    steered = name in plan.branches and not plan.branches[name].rewords  # remedies make calls of their own
    told = section if isinstance(section, Diffusers) else None
    seconds = told.seconds_per_video if told else None
    return ModelCost(
        name,
        len(plan.chunks(name)),
        videos,
        None if steered else _calls(plan, section, videos),
        None if seconds is None else videos * seconds / 3600,
        told.gpu_memory_gb if told else None,
        _video_bytes(plan, section, videos),
        videos * _feature_bytes(plan, _shape(section)[1]),
    )


def _calls(plan: Plan, section: Model, videos: int) -> int | None:
    if not isinstance(section, Diffusers | Planted | Oracle):
        return None
    family = family_in(section) if isinstance(section, Diffusers) else None
    alone = family is not None and family.layout is None  # guidance is embedded, or there is none
    steps = 1 if plan.audit.generate.signals == "first-step-only" else section.steps
    return videos * steps * (1 if alone or section.guidance_scale <= 1 else 2)


def _shape(section: Model) -> tuple[int | None, float | None, int | None]:
    """Frames, seconds and pixels a frame of a model's videos, as far as the config says."""
    if isinstance(section, Planted | Oracle):
        return section.frames, section.frames / section.fps, section.side**2
    if not isinstance(section, Diffusers) or section.frames is None:
        return None, None, None
    pixels = section.width * section.height if section.width and section.height else None
    return section.frames, section.frames / section.fps, pixels


def _video_bytes(plan: Plan, section: Model, videos: int) -> int | None:
    if isinstance(section, Videos | Replay):
        return 0  # they are there already, and are read in place
    if plan.audit.generate.signals == "first-step-only" and not isinstance(section, Command):
        return 0
    frames, _, pixels = _shape(section)
    if frames is None or pixels is None:
        return None
    bits = BITS_A_PIXEL * 2 ** ((12 - plan.audit.generate.crf) / 6)
    return int(videos * frames * pixels * bits / 8)


def _feature_bytes(plan: Plan, seconds: float | None) -> int:
    """Bytes of one video's features; as for the longest where its length isn't known."""
    frames, flow = plan.audit.features.frames, plan.audit.features.flow
    kept = frames.max_frames if seconds is None else min(frames.max_frames, int(seconds * frames.rate_hz) + 1)
    fields = flow.max_flows if seconds is None else min(flow.max_flows, int(seconds * flow.rate_hz) + 1)
    return kept * FRAME_BYTES + fields * 2 * flow.grid**2 * 4


def corpus_bytes(plan: Plan) -> int | None:
    """Most bytes of the corpus' features; None for a corpus that is yet to be made, or listed from tables or shards."""
    sources = {} if plan.made else sources_of(plan.audit, "corpus")
    if not sources or not all(isinstance(source, FolderSource) for source in sources.values()):
        return None
    items = sum(count_media(Path(source.folder).expanduser()) for source in sources.values())
    return items * _feature_bytes(plan, None)


def lines(plan: Plan) -> list[str]:
    """The cost as lines of text: a table of the models, then the sums and what isn't known."""
    models = cost(plan)
    if not models:
        return [f"On disk at most: the corpus' features {_corpus_size(plan)}."]
    head = (
        "model",
        "jobs",
        "videos",
        "denoiser calls",
        "GPU-hours",
        "GPU memory",
        "videos on disk",
        "features on disk",
    )
    rows = [
        (
            m.name,
            f"{m.jobs:,}",
            f"{m.videos:,}",
            "-" if m.calls is None else f"{m.calls:,}",
            (UNKNOWN if plan.needs_gpu(m.name) else "-") if m.gpu_hours is None else f"{m.gpu_hours:,.1f}",
            (UNKNOWN if plan.needs_gpu(m.name) else "-") if m.gpu_memory_gb is None else f"{m.gpu_memory_gb:g} GB",
            UNKNOWN if m.video_bytes is None else _size(m.video_bytes),
            _size(m.feature_bytes),
        )
        for m in models
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)
    ]
    return [*table, "", *_sums(plan, models)]


def _corpus_size(plan: Plan) -> str:
    corpus = corpus_bytes(plan)
    return "unknown until it is listed" if corpus is None else _size(corpus)


def _sums(plan: Plan, models: Sequence[ModelCost]) -> list[str]:
    timed = [m.gpu_hours for m in models if m.gpu_hours is not None]
    untimed = [m.name for m in models if m.gpu_hours is None and plan.needs_gpu(m.name)]
    found = [
        f"{sum(m.jobs for m in models):,} jobs make or list at most {sum(m.videos for m in models):,} videos.",
        f"On disk at most: videos {_size(sum(m.video_bytes or 0 for m in models))} where known, their features "
        f"{_size(sum(m.feature_bytes for m in models))}, the corpus' features {_corpus_size(plan)}.",
    ]
    if timed:
        found.append(f"GPU-hours, by `seconds_per_video`: {sum(timed):,.1f}.")
    if untimed:
        found.append(f"GPU-hours of {', '.join(untimed)}: unknown; time one video and set `seconds_per_video`.")
    return found


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the audit of a config file would cost."""
    parser = argparse.ArgumentParser(prog="python -m vidmem.plan.cost", description="What an audit would cost.")
    parser.add_argument("--configfile", type=Path, required=True, help="the audit's config file")
    path: Path = parser.parse_args(arguments).configfile
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        print("\n".join(lines(Plan(config if isinstance(config, dict) else {}))))
    except (ConfigError, ValueError, OSError, yaml.YAMLError) as error:
        print(f"vidmem: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
