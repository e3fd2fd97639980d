"""Searching ten million frame vectors: how near is the exact search to its limit, and what does an index spare?

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/retrieval.py --out bench/speed --scratch /some/disk
    ... --world topics

Writes retrieval_<world>.csv. The vectors (512 numbers in half precision, ten gigabytes for ten million) are made in
shards in a folder under `--scratch`, which is removed afterwards; one chunk of 160,000 (5,000 clips of 32 frames that
resemble each other at a cosine of .8) is in memory at a time. Queries are planted near-copies: a frame of the corpus
turned away until their cosine is .5 to .95, evenly. Two worlds: `apart`, in which clips have nothing in common, the
hardest for lists; `topics`, in which clips of one of 300 topics resemble each other at a cosine of .3.

- `blas`: products of all queries with all vectors, and nothing else: the limit;
- `exact`: `vidmem.search.rows.search_rows`, chunk by chunk, as the content search uses it. Reading and widening to
  float32 are in `read_s`, and in the ratio;
- `index`: building and writing the indices of `retrieve.index: ivfpq`, chunk by chunk;
- `ivfpq`: reading the indices, proposing 50 clips a query with `nprobe` lists of each, and scoring these exactly from
  the shards. `faster` is against `exact` with its reading; `recall_at_1` says how often the planted clip comes first.

Seconds are of the processor, all with one thread. Ten minutes a world on one quiet core.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from machine import machine, peak_bytes, write_csv

from vidmem.progress import progress
from vidmem.retrieve.index import build, propose, read_index, write_index
from vidmem.search.rows import search_rows

DIM, FRAMES, CHUNK = 512, 32, 160_000  # 5,000 clips a chunk, as config/webvid.yaml cuts WebVid-10M
WANTED, TOP_K = 50, 5
PROBES = (16, 32, 64, 96)
TOPICS = 300
OWNERS = np.repeat(np.arange(CHUNK // FRAMES), FRAMES)
NO_BASIS = np.empty((0, 0), np.float32)


class World:
    """Shards on disk, and what is looked for in them."""

    def __init__(self, folder: Path, kind: str, vectors: int, queries: int) -> None:
        self.folder, self.kind, self.chunks = folder, kind, vectors // CHUNK
        self._mapped: dict[int, np.ndarray] = {}
        rng = np.random.default_rng(1)
        self.topics = rng.standard_normal((TOPICS, 1, DIM), np.float32)
        self.targets = rng.integers(self.chunks * CHUNK, size=queries)
        self.cosines = np.linspace(0.5, 0.95, queries, dtype=np.float32)
        self.queries = np.empty((queries, DIM), np.float32)
        for n in progress(range(self.chunks), self.chunks, "making shards"):
            self._make(n)
            mine = np.flatnonzero(self.targets // CHUNK == n)
            self.queries[mine] = self._turned(self.chunk(n)[self.targets[mine] % CHUNK], self.cosines[mine, None], n)

    def _make(self, number: int) -> None:
        rng = np.random.default_rng([2, number])
        clips = rng.standard_normal((CHUNK // FRAMES, 1, DIM), np.float32)
        if self.kind == "topics":
            share = np.float32(0.3 / 0.8)  # of what the frames of one clip share
            clips = clips * (1 - share) ** 0.5 + self.topics[rng.integers(TOPICS, size=len(clips))] * share**0.5
        frames = clips + 0.5 * rng.standard_normal((CHUNK // FRAMES, FRAMES, DIM), np.float32)
        self._path(number).write_bytes(unit(frames.reshape(-1, DIM)).astype(np.float16).tobytes())

    def _turned(self, frames: np.ndarray, cosines: np.ndarray, seed: int) -> np.ndarray:
        """Unit vectors at the cosines given from each frame, in a random direction."""
        away = np.random.default_rng([3, seed]).standard_normal(frames.shape, np.float32)
        away = unit(away - (away * frames).sum(axis=1, keepdims=True) * frames)
        return cosines * frames + np.sqrt(1 - cosines**2) * away

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04d}.f16"

    def chunk(self, number: int) -> np.ndarray:
        """One chunk as float32 (CHUNK, DIM)."""
        return np.fromfile(self._path(number), np.float16).reshape(-1, DIM).astype(np.float32)

    def nearest(self, x: np.ndarray, names: list[str]) -> str:
        """The clip of these that has the most similar frame, read from their shards."""
        frames = np.stack([self._clip(int(name)) for name in names]).reshape(-1, DIM).astype(np.float32)
        return names[int(np.argmax(frames @ x)) // FRAMES]

    def _clip(self, name: int) -> np.ndarray:
        number, first = divmod(name * FRAMES, CHUNK)
        if number not in self._mapped:
            self._mapped[number] = np.memmap(self._path(number), np.float16, "r").reshape(-1, DIM)
        return self._mapped[number][first : first + FRAMES]

    def names(self, number: int) -> list[str]:
        """Names of the clips of a chunk."""
        return [str(number * CHUNK // FRAMES + n) for n in range(CHUNK // FRAMES)]

    def recall(self, best: list[str]) -> dict[str, float]:
        """How often the planted clip is the best, of all queries and of those nearest to a cosine of .5."""
        right = np.array([name == str(t // FRAMES) for name, t in zip(best, self.targets.tolist(), strict=True)])
        worst = right[self.cosines < 0.6]
        return {"recall_at_1": round(float(right.mean()), 4), "recall_under_06": round(float(worst.mean()), 4)}


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Clock:
    """Processor seconds of the parts of one step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, what: str) -> None:
        now = time.process_time()
        self.seconds[what] = self.seconds.get(what, 0.0) + now - self._last
        self._last = now


def blas(world: World) -> dict[str, Any]:
    """The products alone, of a few chunks, as if of all."""
    some = min(world.chunks, 5)
    clock = Clock()
    for n in range(some):
        vectors = world.chunk(n)
        clock.lap("read_s")
        world.queries @ vectors.T
        clock.lap("search_s")
    return {"step": "blas", "search_s": clock.seconds["search_s"] * world.chunks / some}


def exact(world: World) -> dict[str, Any]:
    """The content search over all chunks."""
    rows = np.arange(len(world.queries))
    best: list[tuple[float, str]] = [(-1.0, "")] * len(rows)
    clock = Clock()
    for n in progress(range(world.chunks), world.chunks, "exact"):
        vectors, names = world.chunk(n), world.names(n)
        clock.lap("read_s")
        for hit in search_rows(world.queries, rows, vectors, OWNERS, TOP_K):
            top = int(hit.scores.argmax())
            best[hit.row] = max(best[hit.row], (float(hit.scores[top]), names[hit.references[top]]))
        clock.lap("search_s")
    return {"step": "exact", **clock.seconds, **world.recall([name for _, name in best])}


def index(world: World, folder: Path) -> dict[str, Any]:
    """Build and write the indices."""
    faiss.omp_set_num_threads(1)
    size, clock = 0, Clock()
    for n in progress(range(world.chunks), world.chunks, "index"):
        vectors = world.chunk(n)
        clock.lap("read_s")
        path = folder / f"{n}.index"
        write_index(path, build(vectors, OWNERS, world.names(n), "ivfpq", NO_BASIS))
        size += path.stat().st_size
        clock.lap("search_s")
    return {"step": "index", **clock.seconds, "index_mb": round(size / 1e6)}


def indexed(world: World, folder: Path, nprobe: int) -> dict[str, Any]:
    """Propose, and score what is proposed."""
    found: list[dict[str, float]] = [{} for _ in world.queries]
    rows, barred, clock = np.arange(len(found)), [frozenset[str]()] * len(found), Clock()
    for n in range(world.chunks):
        made = read_index(folder / f"{n}.index")
        clock.lap("read_s")
        propose(found, world.queries, rows, made, WANTED, nprobe, barred)
        clock.lap("search_s")
    best = [world.nearest(x, list(of)) for x, of in zip(world.queries, found, strict=True)]
    clock.lap("rerank_s")
    return {"step": "ivfpq", "nprobe": nprobe, **clock.seconds, **world.recall(best)}


def steps(world: World, folder: Path) -> Iterator[dict[str, Any]]:
    """Rows, each when it is measured."""
    limit = blas(world)
    yield {**limit, "share_of_blas": 1.0}
    whole = exact(world)
    seconds = whole["read_s"] + whole["search_s"]
    yield {**whole, "share_of_blas": round(limit["search_s"] / seconds, 3), "faster": 1.0}
    yield index(world, folder)
    for nprobe in PROBES:
        found = indexed(world, folder, nprobe)
        yield {**found, "faster": round(seconds / (found["read_s"] + found["search_s"] + found["rerank_s"]), 1)}


SECONDS = ("read_s", "search_s", "rerank_s")
COLUMNS = ("step", "nprobe", *SECONDS, "share_of_blas", "faster", "recall_at_1", "recall_under_06", "index_mb")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--world", choices=("apart", "topics"), default="apart")
    parser.add_argument("--vectors", type=int, default=10_000_000)
    parser.add_argument("--queries", type=int, default=1024)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        world = World(Path(name), options.world, options.vectors, options.queries)
        for found in steps(world, Path(name)):
            found = {key: round(v, 2) if key.endswith("_s") else v for key, v in found.items()}
            rows.append(
                {
                    "world": options.world,
                    "vectors": world.chunks * CHUNK,
                    "queries": options.queries,
                    **{key: found.get(key, "") for key in COLUMNS},
                    "peak_rss_mb": round(peak_bytes() / 1024**2),
                    **machine(),
                }
            )
            print(rows[-1], flush=True)
    write_csv(options.out / f"retrieval_{options.world}.csv", rows)


if __name__ == "__main__":
    main()
