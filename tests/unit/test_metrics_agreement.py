"""Agreement over seeds: known graphs, tables cut anywhere, and what happens where there is nothing to compare."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidmem import tables
from vidmem.metrics.agreement import MAX_CLIQUES, agreements, clique_sizes, similarity_table
from vidmem.similarity.content import vsscd

DIM = 16


def unit(rng: np.random.Generator, rows: int) -> np.ndarray:
    v = rng.normal(size=(rows, DIM)).astype(np.float32)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def near(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    v = x + rng.normal(0, 0.02, x.shape).astype(np.float32)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def write_frames(path: Path, videos: dict[str, np.ndarray]) -> Path:
    columns = {
        "video_id": [v for v, x in videos.items() for _ in x],
        "frame": [i for x in videos.values() for i in range(len(x))],
        "time_s": [i / 4 for x in videos.values() for i in range(len(x))],
        "vector": np.concatenate([*videos.values(), np.empty((0, DIM), np.float32)]),
        "thumbnail": [bytes(tables.THUMBNAIL_BYTES) for x in videos.values() for _ in x],
        "picture": [bytes(tables.PICTURE_BYTES) for x in videos.values() for _ in x],
    }
    tables.write_table(path, columns, tables.frames_schema(DIM))
    return path


@pytest.fixture
def seeds() -> dict[str, np.ndarray]:
    """Four seeds of prompt p, of which three are one video; two of q that differ; one of r alone."""
    rng = np.random.default_rng(0)
    video = unit(rng, 4)
    copies = {f"p{n}": near(video, rng) for n in range(3)}
    return {**copies, "p3": unit(rng, 4), "q0": unit(rng, 4), "q1": unit(rng, 3), "r0": unit(rng, 4)}


PROMPTS = {"p0": "p", "p1": "p", "p2": "p", "p3": "p", "q0": "q", "q1": "q", "r0": "r"}


def test_seeds_that_come_out_the_same_are_a_clique(tmp_path: Path, seeds: dict[str, np.ndarray]) -> None:
    found = agreements([write_frames(tmp_path / "f.parquet", seeds)], PROMPTS, 0.9)
    assert {v: a.clique_size for v, a in found.items()} == {"p0": 3, "p1": 3, "p2": 3, "p3": 1, "q0": 1, "q1": 1}
    expected = np.mean([vsscd(seeds["p0"], seeds[other]) for other in ("p1", "p2", "p3")])
    assert found["p0"].agreement == pytest.approx(expected)
    assert found["q0"].agreement == found["q1"].agreement == pytest.approx(vsscd(seeds["q0"], seeds["q1"]))
    assert "r0" not in found, "one seed agrees with nobody"


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_it_does_not_matter_which_table_a_seed_is_in(tmp_path: Path, seeds: dict[str, np.ndarray], cut: int) -> None:
    names = ["p0", "q0", "r0", "p3", "p1", "q1", "p2"]
    paths = [
        write_frames(tmp_path / f"{n}.parquet", {v: seeds[v] for v in names[n : n + cut]})
        for n in range(0, len(names), cut)
    ]
    paths.append(write_frames(tmp_path / "empty.parquet", {}))
    whole = agreements([write_frames(tmp_path / "f.parquet", seeds)], PROMPTS, 0.9)
    assert agreements(paths, PROMPTS, 0.9) == whole


def test_videos_without_a_prompt_are_left_out(tmp_path: Path, seeds: dict[str, np.ndarray]) -> None:
    path = write_frames(tmp_path / "f.parquet", seeds)
    found = agreements([path], {"p0": "p", "p3": "p"}, 0.9)
    assert set(found) == {"p0", "p3"}
    assert agreements([path], {}, 0.9) == {}


def test_cliques_known_by_hand() -> None:
    # a triangle 0-1-2, an edge 2-3, and 4 alone
    alike = np.zeros((5, 5), bool)
    for i, j in [(0, 1), (1, 2), (0, 2), (2, 3)]:
        alike[i, j] = alike[j, i] = True
    assert clique_sizes(alike) == [3, 3, 3, 2, 1]
    assert clique_sizes(np.ones((6, 6), bool)) == [6] * 6


@given(st.integers(1, 7), st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_clique_sizes_agree_with_trying_all_sets(n: int, seed: int, density: float) -> None:
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < density, 1)
    alike = upper | upper.T
    slow = [1] * n
    for size in range(2, n + 1):
        for nodes in combinations(range(n), size):
            if all(alike[i, j] for i, j in combinations(nodes, 2)):
                for node in nodes:
                    slow[node] = size
    assert clique_sizes(alike) == slow


def test_a_graph_with_more_cliques_than_are_looked_at_ends_with_lower_bounds() -> None:
    groups = np.repeat(np.arange(15), 3)  # Moon and Moser's graph: 3^15 = 14 million maximal cliques of 15 nodes
    assert MAX_CLIQUES < 3**15
    sizes = clique_sizes(groups[:, None] != groups[None, :])
    assert len(sizes) == 45 and all(2 <= s <= 15 for s in sizes) and max(sizes) == 15


@given(st.integers(2, 5), st.integers(0, 10_000))
def test_similarities_of_seeds_are_symmetric_with_ones_on_the_diagonal(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = similarity_table([unit(rng, int(rng.integers(1, 5))) for _ in range(n)])
    assert np.array_equal(table, table.T) and np.all(table.diagonal() == 1)
