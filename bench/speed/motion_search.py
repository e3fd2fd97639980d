"""How much faster is the motion search than the loops that define it? Run by hand, with one thread:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/motion_search.py --out bench/speed

Writes motion_search.csv. Every method is timed on the same queries and the same corpus in one run, and all must report
the same clips with the same scores. Seconds are of the processor, not of the clock, for others may use the machine;
what counts is the ratio. About three minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from machine import machine, write_csv

from vidmem.config.analysis import Metrics, Retrieve
from vidmem.search.rows import best_of, search_best
from vidmem.search.windows import search_windows
from vidmem.similarity.motion import GRID, windows

VIDEOS, FIELDS, QUERIES = 1000, 24, 24
WINDOW, WANTED, FLOOR, POWER = Retrieve().window, Retrieve().candidates, Metrics().still_floor, 0.5
REPEATS = 5  # of the fast methods; the fastest counts
EXACT = 1e-12  # how far scores may be apart that were computed in float64

Clips = list[np.ndarray]
Found = dict[int, dict[int, float]]


def clips(rng: np.random.Generator, count: int) -> Clips:
    """Motion vectors of clips that all move."""
    return [rng.normal(0, 0.3, (FIELDS, 2 * GRID * GRID)).astype(np.float32) for _ in range(count)]


def least() -> float:
    """Squared norm of a window that moves at the floor everywhere."""
    return WINDOW * GRID * GRID * FLOOR ** (2 * POWER)


def by_definition(queries: Clips, references: Clips) -> Found:
    """The definition, word by word: over all pairs of windows the inner product over both norms."""
    found: Found = {}
    for q, x in enumerate(queries):
        scores = {}
        for n, y in enumerate(references):
            a, b = x.astype(np.float64), y.astype(np.float64)
            best = -np.inf
            for i in range(FIELDS - WINDOW + 1):
                for j in range(FIELDS - WINDOW + 1):
                    v, w = a[i : i + WINDOW].ravel(), b[j : j + WINDOW].ravel()
                    best = max(best, v @ w / np.sqrt(max(v @ v, least()) * max(w @ w, least())))
            scores[n] = float(best)
        found[q] = best_of(scores, WANTED)
    return found


def with_unit_windows(queries: Clips, references: Clips) -> Found:
    """The same loops over windows that were stacked and divided by their norms beforehand."""

    def unit(clip: np.ndarray) -> list[np.ndarray]:
        stacked = [clip[i : i + WINDOW].astype(np.float64).ravel() for i in range(FIELDS - WINDOW + 1)]
        return [w / np.sqrt(max(w @ w, least())) for w in stacked]

    right = [unit(y) for y in references]
    found: Found = {}
    for q, x in enumerate(queries):
        left = unit(x)
        scores = {n: max(float(v @ w) for v in left for w in other) for n, other in enumerate(right)}
        found[q] = best_of(scores, WANTED)
    return found


def by_stacked_windows(queries: Clips, references: Clips) -> Found:
    """All windows stacked and searched by faiss: float32 scores."""

    def stack(those: Clips) -> tuple[np.ndarray, np.ndarray]:
        parts = [windows(c, WINDOW, FLOOR, POWER) for c in those]
        return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(p) for p in parts])

    return search_best(*stack(queries), *stack(references), WANTED)


def by_search(queries: Clips, references: Clips) -> Found:
    """What the retrieve stage does."""
    return search_windows(
        queries,
        range(len(queries)),
        references,
        window=WINDOW,
        floor=FLOOR,
        power=POWER,
        wanted=WANTED,
        barred={},
    )


def timed(method: Callable[[Clips, Clips], Found], repeats: int, *those: Clips) -> tuple[float, Found]:
    """Processor seconds of the fastest of `repeats` runs, and what it found."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        found = method(*those)
        seconds.append(time.process_time() - start)
    return min(seconds), found


def same(found: Found, expected: Found, error: float) -> None:
    """Whether the best scores are the same; and the clips, unless float32 may swap neighbours in the list."""
    for q, hits in expected.items():
        assert np.allclose(list(found[q].values()), list(hits.values()), rtol=0, atol=error), f"query {q}: other scores"
        assert error > EXACT or list(found[q]) == list(hits), f"query {q}: other clips than by the definition"


def compare(queries: Clips, references: Clips) -> list[dict[str, Any]]:
    """Rows of the table, the search first."""
    methods: Sequence[tuple[str, Callable[[Clips, Clips], Found], int, float]] = (
        ("search_windows", by_search, REPEATS, EXACT),
        ("pairwise loop over windows, by definition", by_definition, 1, 0.0),
        ("pairwise loop over unit windows made beforehand", with_unit_windows, 1, EXACT),
        ("stacked windows, faiss flat (float32 scores)", by_stacked_windows, REPEATS, 1e-5),
    )
    results = {name: timed(method, repeats, queries, references) for name, method, repeats, _ in methods}
    expected, fastest = results[methods[1][0]][1], results[methods[0][0]][0]
    for name, _, _, error in methods:
        same(results[name][1], expected, error)
    pairs = len(queries) * len(references)
    return [
        {
            "method": name,
            "corpus_videos": len(references),
            "fields": FIELDS,
            "window": WINDOW,
            "queries": len(queries),
            "cpu_seconds": round(seconds, 4),
            "microseconds_a_pair": round(seconds / pairs * 1e6, 2),
            "times_search_windows": round(seconds / fastest, 1),
            **machine(),
        }
        for name, (seconds, _) in results.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(arguments.seed)
    references = clips(rng, VIDEOS)
    queries = [*clips(rng, QUERIES - 2), *(references[n] + clips(rng, 1)[0] for n in (1, 2))]
    rows = compare(queries, references)
    for row in rows:
        print(f"{row['method']:50s} {row['cpu_seconds']:9.3f} s  {row['times_search_windows']:7.1f} x")
    write_csv(arguments.out / "motion_search.csv", rows)


if __name__ == "__main__":
    main()
