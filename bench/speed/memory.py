"""How does every stage grow, and where does its peak memory lie? From the tables of measurements beside this file:

    python bench/speed/memory.py                                            # prints both tables of docs/performance.md
    python bench/speed/memory.py --results results/demo --out bench/speed   # reads the demo's own benchmarks first

The first table has at least three sizes of every stage whose input can grow; nothing is timed here. The second is of
the demo, by stage, in memory_demo.csv: Snakemake looks at a job's memory, and that of the processes that it starts,
from time to time, so a short peak may be missed there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from machine import machine, rows_of, write_csv

HERE = Path(__file__).parent
MB, MIB, GIB = 1.0, 1.024**2, 1.024**3 * 1000  # what the tables count memory in, in MB
LIMIT_MB = 4096 * MIB


@dataclass(frozen=True)
class Grown:
    """A stage, of what its sizes are counts, and the columns of a table of measurements that say so."""

    stage: str
    unit: str
    table: str
    size: str
    seconds: str = "cpu_s"
    memory: str = "peak_rss_mb"
    counted_in: float = MB
    where: Mapping[str, str] = field(default_factory=dict)


EXACT, IVFPQ = {"index": "exact"}, {"index": "ivfpq"}
STAGES = (
    Grown("corpus: listing", "rows", "manifest", "rows", counted_in=MIB, where={"step": "list"}),
    Grown("corpus: manifest", "rows", "manifest", "rows", counted_in=MIB, where={"step": "manifest"}),
    Grown("prompts", "items", "prompts", "items", memory="peak_gib", counted_in=GIB),
    Grown("duplicates: captions", "captions", "duplicates", "rows", where={"what": "captions"}),
    Grown("duplicates: contents", "frame vectors", "duplicates", "rows", where={"what": "content"}),
    Grown("generate: clips to start from", "items", "readers", "rows", where={"reader": "images"}),
    Grown("features", "videos of a job", "features_growth", "videos", "seconds", counted_in=MIB),
    Grown("features: a job's own rows", "rows", "manifest", "rows", counted_in=MIB, where={"step": "features"}),
    Grown("features: null clips drawn", "rows", "manifest", "rows", counted_in=MIB, where={"step": "null"}),
    Grown("retrieve: the prompts' own clips", "items", "readers", "rows", where={"reader": "retrieve"}),
    Grown("retrieve: a corpus that is its own null", "items", "readers", "rows", where={"reader": "relatives"}),
    Grown("retrieve: content, 20 videos", "clips", "growth_content", "corpus_videos", "search_cpu_s", where=EXACT),
    Grown("retrieve: motion, 20 videos", "clips", "growth_motion", "corpus_videos", "search_cpu_s", where=EXACT),
    Grown("retrieve: index of content", "clips", "growth_content", "corpus_videos", "index_cpu_s", where=IVFPQ),
    Grown("retrieve: index of motion", "clips", "growth_motion", "corpus_videos", "index_cpu_s", where=IVFPQ),
    Grown("retrieve: a model's videos", "videos", "growth_prompts", "videos", where={"stage": "retrieve"}),
    Grown("metrics", "videos", "growth_prompts", "videos", where={"stage": "metrics"}),
    Grown("detect", "videos", "growth_prompts", "videos", where={"stage": "detect"}),
    Grown("mitigate: captions", "items", "readers", "rows", where={"reader": "mitigate"}),
    Grown("report: the corpus", "items", "readers", "rows", where={"reader": "report"}),
)


def measured(stage: Grown) -> list[tuple[int, float, float]]:
    """(size, seconds of the processor, MB) of every size of a stage, ascending."""
    found = [
        row
        for row in rows_of(HERE / f"{stage.table}.csv")
        if all(row[key] == value for key, value in stage.where.items())
    ]
    numbers = [(int(r[stage.size]), float(r[stage.seconds]), float(r[stage.memory]) * stage.counted_in) for r in found]
    return sorted(numbers)


def growth_table() -> Iterator[str]:
    """Markdown: every stage at all its sizes."""
    yield "| stage | sizes | processor time | peak memory | measured in |"
    yield "|---|---|---|---|---|"
    for stage in STAGES:
        sizes, seconds, memory = zip(*measured(stage), strict=True)
        over = " **(over 4 GiB)**" if max(memory) > LIMIT_MB else ""
        yield (
            f"| {stage.stage} | {', '.join(map(counted, sizes))} {stage.unit} | {', '.join(map(timed, seconds))} s | "
            f"{', '.join(f'{m:,.0f}' for m in memory)} MB{over} | {stage.table} |"
        )


def counted(number: int) -> str:
    """A size as people read it: 4,400, 300,000, 10 M."""
    return f"{number / 1e6:g} M" if number >= 1_000_000 else f"{number:,}"


def timed(seconds: float) -> str:
    """Seconds with two digits that count."""
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}"


def demo_rows(results: Path) -> list[dict[str, object]]:
    """By stage of a finished audit: the number of jobs, and the peak memory of the largest."""
    jobs: dict[str, list[tuple[float, str]]] = {}
    for path in sorted((results / "benchmarks").rglob("*.tsv")):
        head, *lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
        peaks = [line[head.index("max_rss")] for line in lines]
        job = path.relative_to(results / "benchmarks").with_suffix("").as_posix()
        found = jobs.setdefault(job.split("/", maxsplit=1)[0], [])
        found += [(float(peak) * MIB, job) for peak in peaks if peak not in ("-", "NA")]
    return [
        {"stage": stage, "jobs": len(found), "peak_rss_mb": round(max(found)[0]), "largest": max(found)[1]}
        for stage, found in sorted(jobs.items())
        if found  # else every job was over before it was looked at
    ]


def demo_table() -> Iterator[str]:
    """Markdown: the largest job of every stage of the demo."""
    yield "| stage | jobs | peak memory | of |"
    yield "|---|---|---|---|"
    for row in sorted(rows_of(HERE / "memory_demo.csv"), key=lambda row: -int(row["peak_rss_mb"])):
        yield f"| {row['stage']} | {row['jobs']} | {int(row['peak_rss_mb']):,} MB | `{row['largest']}` |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, help="folder of a finished demo")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    if options.results:
        write_csv(options.out / "memory_demo.csv", [{**row, **machine()} for row in demo_rows(options.results)])
    print("\n".join([*growth_table(), "", *demo_table()]))


if __name__ == "__main__":
    main()
