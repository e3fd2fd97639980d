"""How do time, memory and recall of the search grow with the corpus? Run by hand, with one thread:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/growth.py --search content --out bench/speed
    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/growth.py --search motion --out bench/speed

Writes growth_content.csv or growth_motion.csv, one row a kind of index and corpus size. The vectors are synthetic:
clips around a few hundred centres, so that a query has near and far neighbours; half of the queries are disturbed
copies of corpus clips. Each chunk is made when it is searched and forgotten afterwards, and each row is measured in a
process of its own, so peak memory is that of one chunk however large the corpus is. Making the vectors is not timed.
Recall is that of the reported list against the exact search's, over the same queries. Seconds are of the processor.
About three minutes for content, two for motion.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from machine import apart, machine, peak_bytes, write_csv

from vidmem import tables
from vidmem.config.analysis import Metrics, Retrieve
from vidmem.progress import progress
from vidmem.retrieve.index import build, write_index
from vidmem.retrieve.shortlist import Shortlist, propose_content, propose_motion
from vidmem.search.library import Library
from vidmem.search.moving import principal_basis, window_rows
from vidmem.search.rows import best_of, search_best
from vidmem.search.windows import search_windows
from vidmem.similarity.motion import GRID

KINDS, SIZES, INDICES = ("content", "motion"), (1_000, 10_000, 100_000), ("exact", "fp16", "ivf", "ivfpq")
CHUNK = 2_000  # clips; `features.corpus_chunks` advises so
QUERIES, TOP_K = 20, Retrieve().top_k
ROWS = {"content": 8, "motion": 12}  # vectors a clip: frames, fields
WIDTH = {"content": 512, "motion": 2 * GRID * GRID}
CENTRES, DISTURBED = 300, 0.5
WINDOW, WANTED, NPROBE, FLOOR, POWER = (
    Retrieve().window,
    Retrieve().candidates,
    Retrieve().nprobe,
    Metrics().still_floor,
    0.5,
)

Found = dict[int, dict[str, float]]


def raw(kind: str, centres: np.ndarray, number: int, count: int) -> np.ndarray:
    """Clips of one chunk, (count, vectors, width): a centre, what is a clip's own, and what is a vector's own."""
    rng = np.random.default_rng([1, number])
    length, width = ROWS[kind], WIDTH[kind]
    vectors = rng.standard_normal((count, length, width), np.float32) * np.float32(0.5)
    vectors += rng.standard_normal((count, 1, width), np.float32)
    vectors += centres[rng.integers(CENTRES, size=count)]
    return vectors


def library(kind: str, ids: list[str], vectors: np.ndarray) -> Library:
    """Content vectors are unit. Motion vectors have the spectrum of real ones: 36 components of 128 hold .94 of it."""
    count, length, width = vectors.shape
    flat = vectors.reshape(-1, width)
    if kind == "content":
        flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    else:
        spectrum = np.arange(1, width + 1) ** -0.75
        flat = flat * np.float32(0.2 * spectrum / np.sqrt(np.mean(spectrum**2)))
    images = np.empty((0, tables.THUMBNAIL_BYTES), np.uint8), np.empty((0, tables.PICTURE_BYTES), np.uint8)
    return Library(ids, np.arange(count + 1) * length, np.zeros(len(flat)), flat, *images)


class World:
    """A corpus of `size` clips that is never whole in memory, and its queries."""

    def __init__(self, kind: str, size: int) -> None:
        self.kind, self.size = kind, size
        length, width = ROWS[kind], WIDTH[kind]
        rng = np.random.default_rng(0)
        self.centres = rng.standard_normal((CENTRES, length, width), np.float32)
        own = rng.standard_normal((QUERIES, length, width), np.float32)
        base = self.centres[rng.integers(CENTRES, size=QUERIES)]
        copied = raw(kind, self.centres, 0, min(CHUNK, size))[: QUERIES // 2]
        copied = copied / np.linalg.norm(copied, axis=-1, keepdims=True) * np.sqrt(np.float32(width))
        queries = np.concatenate([copied + DISTURBED * own[: QUERIES // 2], (base + own)[QUERIES // 2 :]])
        self.queries = library(kind, [f"q{n}" for n in range(QUERIES)], queries.astype(np.float32))

    def chunks(self) -> Iterator[Library]:
        for number, first in enumerate(range(0, self.size, CHUNK)):
            count = min(CHUNK, self.size - first)
            vectors = raw(self.kind, self.centres, number, count)
            yield library(self.kind, [f"r{first + n}" for n in range(count)], vectors)

    def clips(self, those: Library) -> list[np.ndarray]:
        return [those.vectors[those.rows(n)] for n in range(len(those))]

    def exact(self, chunk: Library) -> Found:
        """The best clips of one chunk (or of a shortlist) by their exact scores."""
        barred = chunk.barred(self.queries.ids, {})
        if self.kind == "content":
            x, y = self.queries, chunk
            hits = search_best(x.vectors, x.owners(), y.vectors, y.owners(), WANTED, barred)
        else:
            hits = search_windows(
                self.clips(self.queries),
                range(QUERIES),
                self.clips(chunk),
                window=WINDOW,
                floor=FLOOR,
                power=POWER,
                wanted=WANTED,
                barred=barred,
            )
        return {q: {chunk.ids[n]: score for n, score in found.items()} for q, found in hits.items()}

    def indexed(self, chunk: Library, index: str, path: Path) -> None:
        """Write the index of one chunk."""
        if self.kind == "content":
            made_index = build(chunk.vectors, chunk.owners(), chunk.ids, index, np.empty((0, 0), np.float32))
        else:
            basis = principal_basis(self.clips(chunk), WINDOW)
            rows, owner = window_rows(self.clips(chunk), basis, WINDOW, FLOOR)
            made_index = build(rows, owner, chunk.ids, index, basis)
        write_index(path, made_index)

    def proposed(self, paths: list[Path]) -> dict[str, set[str]]:
        ids = self.queries.ids
        if self.kind == "content":
            return propose_content(self.queries, paths, WANTED, NPROBE, {})[0]
        queries = self.clips(self.queries)
        return propose_motion(
            ids, queries, range(QUERIES), paths, WANTED, NPROBE, {}, window=WINDOW, floor=FLOOR
        )[0]  # fmt: skip


class Clock:
    """Processor seconds of named parts."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"index": 0.0, "search": 0.0}

    def time[T](self, what: str, work: Callable[[], T]) -> T:
        start = time.process_time()
        result = work()
        self.seconds[what] += time.process_time() - start
        return result


def measure(kind: str, index: str, size: int, folder: str) -> tuple[dict[str, Any], list[list[str]]]:
    """One row, and the names that each query finds, the best first."""
    faiss.omp_set_num_threads(1)
    world, clock = World(kind, size), Clock()
    found: Found = {q: {} for q in range(QUERIES)}
    paths: list[Path] = []
    wanted: dict[str, set[str]] = {}
    if index != "exact":
        for n, chunk in enumerate(world.chunks()):
            paths.append(Path(folder) / f"{n}.index")
            clock.time("index", lambda chunk=chunk: world.indexed(chunk, index, paths[-1]))  # type: ignore[misc]
        wanted = clock.time("search", lambda: world.proposed(paths))
    names = set().union(*wanted.values())
    for chunk in world.chunks():
        if index != "exact":
            some = chunk.take([n for n, item in enumerate(chunk.ids) if item in names])
            chunk = Shortlist(**vars(some), proposed=wanted)
        if len(chunk):
            best = clock.time("search", lambda chunk=chunk: world.exact(chunk))  # type: ignore[misc]
            found = {q: best_of({**found[q], **best[q]}, WANTED) for q in found}
    bytes_indexed = sum(p.stat().st_size for p in paths)
    for path in paths:
        path.unlink()
    row = {
        "search": kind,
        "index": index,
        "corpus_videos": size,
        "vectors_a_video": ROWS[kind],
        "queries": QUERIES,
        "index_cpu_s": round(clock.seconds["index"], 3),
        "search_cpu_s": round(clock.seconds["search"], 3),
        "index_mb": round(bytes_indexed / 1e6, 1),
        "peak_rss_mb": round(peak_bytes() / 1e6),
    }
    return row, [list(best_of(found[q], TOP_K)) for q in range(QUERIES)]


def recalls(lists: list[list[str]], exact: list[list[str]]) -> dict[str, float]:
    first = [mine[:1] == true[:1] for mine, true in zip(lists, exact, strict=True)]
    every = [name in mine for mine, true in zip(lists, exact, strict=True) for name in true]
    return {"recall_at_1": round(float(np.mean(first)), 4), f"recall_at_{TOP_K}": round(float(np.mean(every)), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--search", choices=KINDS, required=True)
    arguments = parser.parse_args()
    kind = arguments.search
    jobs = [(index, size) for size in SIZES for index in INDICES]
    exact: dict[int, list[list[str]]] = {}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for index, size in progress(jobs, len(jobs), f"growth, {kind}"):
            row, lists = apart(measure, kind, index, size, folder)
            exact.setdefault(size, lists)
            rows.append({**row, **recalls(lists, exact[size]), **machine()})
            print(*rows[-1].values(), flush=True)
    write_csv(arguments.out / f"growth_{kind}.csv", rows)


if __name__ == "__main__":
    main()
