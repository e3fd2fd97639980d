"""What does an audit of WebVid-10M with eight models cost, by stage, reckoned from what is measured beside this file?

    python bench/speed/extrapolate.py --out bench/speed

Writes extrapolation.csv and prints the table of docs/performance.md. Every figure is a measured cost of one unit times
the number of units, and names the tables that it is from: nothing is timed here. GPU-hours need the seconds that a
video takes: bench/results/throughput.csv says so once it was run; until then `ASSUMED_SECONDS` is taken, and marked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from machine import rows_of, write_csv

from vidmem.plan.cost import BITS_A_PIXEL, FRAME_BYTES

HERE = Path(__file__).parent
CLIPS, CLIP_SECONDS, CLIP_RATE = 10_000_000, 18.0, 25.0  # WebVid-10M: 52,000 hours in 10.7 M clips
MODELS, PROMPTS, SEEDS = 8, 800, 4  # config/webvid.yaml and 100 controls
VIDEO_FRAMES, VIDEO_SECONDS, VIDEO_PIXELS = 16, 2.0, 256 * 256  # ModelScope's
FRAMES, FLOWS = 32, 64  # most of a clip: `features.frames.max_frames`, `features.flow.max_flows`
FIELD_BYTES = 2 * 16 * 16 * 4
FILM_FRAMES = 240  # of the films of decoders.csv and features.csv
GPU = HERE.parent / "results" / "throughput.csv"
ASSUMED_SECONDS = 20.0  # of a GPU for one video; a round number, not measured
PIXELS_TOO = 1 + 768 / 512  # the content search compares thumbnails of 768 numbers beside vectors of 512


@dataclass(frozen=True)
class Stage:
    """Core-hours, GPU-hours, bytes on disk and peak memory (MB, one job) of a stage, and the tables that say so."""

    stage: str
    core_hours: float
    gpu_hours: float
    disk_bytes: float
    memory_mb: float | None
    source: str


def largest(name: str, column: str, **where: str) -> dict[str, str]:
    """The row of the largest size among those that hold these values."""
    found = [row for row in rows_of(HERE / name) if all(row[key] == value for key, value in where.items())]
    return max(found, key=lambda row: float(row[column]))


def stages() -> Iterator[Stage]:
    """Every stage that grows with the corpus, the prompts or the models."""
    yield from of_the_corpus()
    yield from of_the_models()


def of_the_corpus() -> Iterator[Stage]:
    """What is done once."""
    decode = float(
        next(r["cpu_ms"] for r in rows_of(HERE / "decoders.csv") if (r["decoder"], r["task"]) == ("PyAV", "whole"))
    )
    whole = CLIPS * CLIP_SECONDS * CLIP_RATE * decode / 1000 / 3600
    listing, joined = largest("manifest.csv", "rows", step="list"), largest("manifest.csv", "rows", step="manifest")
    once = sum(float(row["cpu_s"]) / float(row["rows"]) for row in (listing, joined)) * CLIPS / 3600
    memory = max(float(row["peak_rss_mb"]) for row in (listing, joined))
    yield Stage("corpus", whole + once, 0, 0, memory, "decoders, manifest")
    film = next(r for r in rows_of(HERE / "features.csv") if (r["engine"], r["short_edge"]) == ("sscd-int8", "128"))
    pictures = FILM_FRAMES * int(film["films"]) * decode / 1000
    networks = (float(film["stage_cpu_s"]) - pictures) / int(film["frames"])  # a frame, with its pairs of flow
    disk = CLIPS * (FRAMES * FRAME_BYTES + FLOWS * FIELD_BYTES)
    memory = float(largest("features_growth.csv", "videos")["peak_rss_mb"])
    hours = whole + CLIPS * FRAMES * networks / 3600
    yield Stage("features (corpus)", hours, 0, disk, memory, "decoders, features, features_growth")
    captions = largest("duplicates.csv", "rows", what="captions")
    yield Stage("duplicates (captions)", *per_row(captions, CLIPS), 0, 0, float(captions["peak_rss_mb"]), "duplicates")
    prompts = largest("prompts.csv", "items")
    seconds = float(prompts["cpu_s"]) / float(prompts["items"]) * CLIPS
    yield Stage("prompts", seconds / 3600, 0, 0, float(prompts["peak_gib"]) * 1074, "prompts")


def per_row(row: dict[str, str], count: float) -> tuple[float]:
    """Core-hours of `count` rows at what a row of the largest measured size took."""
    return (float(row["cpu_s"]) / float(row["rows"]) * count / 3600,)


def of_the_models() -> Iterator[Stage]:
    """What is done for every model."""
    videos = MODELS * PROMPTS * SEEDS
    size = VIDEO_FRAMES * VIDEO_PIXELS * BITS_A_PIXEL / 8
    seconds, source = gpu_seconds()
    yield Stage("generate", 0, videos * seconds / 3600, videos * size, None, source)
    queries = videos * VIDEO_SECONDS * 4  # frames at 4 Hz
    made = next(row for row in rows_of(HERE / "retrieval_apart.csv") if row["step"] == "index")
    seconds = float(made["search_s"]) / float(made["vectors"]) * CLIPS * FRAMES
    disk, memory = CLIPS * FRAMES * float(made["index_mb"]) * 1e6 / float(made["vectors"]), float(made["peak_rss_mb"])
    yield Stage("index ivfpq of content (once)", seconds / 3600, 0, disk, memory, "retrieval_apart")
    for step in ("exact", "ivfpq"):
        found = searched(step)
        pairs = float(found["vectors"]) * float(found["queries"])
        seconds = float(found["read_s"]) + float(found["search_s"])
        cost = seconds / pairs * queries * CLIPS * FRAMES * (PIXELS_TOO if step == "exact" else 1)
        memory = float(found["peak_rss_mb"]) if step == "exact" else None  # the other's counts shards that are mapped
        yield Stage(f"retrieve content, {step}", cost / 3600, 0, 0, memory, "retrieval_apart")
    motion = largest("growth_motion.csv", "corpus_videos", search="motion", index="exact")
    fields = float(motion["vectors_a_video"])
    pair = float(motion["search_cpu_s"]) / float(motion["queries"]) / float(motion["corpus_videos"])
    seconds = pair * videos * CLIPS * (FLOWS / fields) * (VIDEO_SECONDS * 8 / fields)
    yield Stage("retrieve motion, exact", seconds / 3600, 0, 0, float(motion["peak_rss_mb"]), "growth_motion")


def gpu_seconds() -> tuple[float, str]:
    """Seconds of a GPU for one video, and where that is from."""
    if not GPU.is_file():
        return ASSUMED_SECONDS, f"assumed: {ASSUMED_SECONDS:g} s a video"
    wanted = ("denoise ModelScope", "float16")
    row = next(row for row in rows_of(GPU) if (row["workload"], row["dtype"]) == wanted)
    return float(row["seconds_a_video"]), f"throughput, {row['device']}"


def searched(step: str) -> dict[str, str]:
    """The search of content vectors, by an index with the fewest lists that finds .99 of all near-copies."""
    found = [row for row in rows_of(HERE / "retrieval_apart.csv") if row["step"] == step]
    return next(row for row in found if float(row["recall_at_1"]) >= 0.99)


def table(found: list[Stage]) -> str:
    """Markdown, as it stands in docs/performance.md."""
    lines = ["| stage | core-hours | GPU-hours | disk | memory of a job | measured in |", "|---|---|---|---|---|---|"]
    for s in found:
        disk = f"{s.disk_bytes / 1e9:,.1f} GB" if s.disk_bytes else "-"
        memory = "-" if s.memory_mb is None else f"{s.memory_mb / 1000:.1f} GB"
        gpu = f"{s.gpu_hours:,.0f}" if s.gpu_hours else "-"
        cores = f"{s.core_hours:,.1f}" if s.core_hours else "-"
        lines.append(f"| {s.stage} | {cores} | {gpu} | {disk} | {memory} | {s.source} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = list(stages())
    print(table(found))
    write_csv(options.out / "extrapolation.csv", [vars(s) for s in found])


if __name__ == "__main__":
    main()
