"""Approximate search: what it reports is exact, and what it misses is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
import pytest
from test_retrieve import SETTINGS, unit, write_flow, write_frames

from vidmem import tables
from vidmem.retrieve import retrieve, write_indices
from vidmem.retrieve.index import build, propose, read_index, write_index
from vidmem.retrieve.shortlist import Shortlist, recall
from vidmem.search.library import Library, load_library
from vidmem.search.moving import principal_basis, window_rows
from vidmem.similarity.content import gsscd_max
from vidmem.similarity.motion import motion_score, motion_vectors, window_score

GRID, CLIPS = 4, 140
KINDS = ("fp16", "ivf", "ivfpq")
NO_BASIS = np.empty((0, 0), np.float32)


def walk(rng: np.random.Generator, length: int) -> np.ndarray:
    return rng.normal(0, 0.2, (length, 2, GRID, GRID)).astype(np.float32)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two chunks of clips, six videos of which three are copies, and a background."""
    root, rng = tmp_path_factory.mktemp("world"), np.random.default_rng(0)
    frames = {f"r{n:03d}": unit(rng, 5) for n in range(CLIPS)}
    flow = {name: walk(rng, 6) for name in frames}
    names = list(frames)
    videos = {**{f"copy{n}": frames[names[40 * n]] for n in range(3)}, **{f"new{n}": unit(rng, 4) for n in range(3)}}
    moves = {**{f"copy{n}": flow[names[40 * n]] for n in range(3)}, **{f"new{n}": walk(rng, 6) for n in range(3)}}
    write_frames(root / "q.frames.parquet", videos)
    write_flow(root / "q.flow.parquet", moves)
    write_frames(root / "h.frames.parquet", {f"h{n}": unit(rng, 3) for n in range(6)})
    write_flow(root / "h.flow.parquet", {f"h{n}": walk(rng, 6) for n in range(6)})
    for chunk, members in enumerate((names[:100], names[100:])):
        write_frames(root / f"c{chunk}.frames.parquet", {n: frames[n] for n in members})
        write_flow(root / f"c{chunk}.flow.parquet", {n: flow[n] for n in members})
    return {"root": root, "frames": frames, "flow": flow, "videos": videos, "moves": moves, "done": {}}


def run(
    world: dict[str, Any], kind: str, parts: tuple[str, ...] = ("q",), **more: Any
) -> tuple[pl.DataFrame, dict[str, Any]]:
    usual = not more and parts == ("q",)
    if usual and kind in world["done"]:
        return world["done"][kind]  # type: ignore[no-any-return]
    root: Path = world["root"]
    settings = {**SETTINGS, "index": kind, "nprobe": 2, "candidates": 8}
    indices: dict[str, list[Path]] = {"content": [], "motion": []}
    for chunk in (0, 1) if kind != "exact" else ():
        paths = {k: root / f"c{chunk}.{kind}.{k}.index" for k in indices}
        write_indices(
            root / f"c{chunk}.frames.parquet", root / f"c{chunk}.flow.parquet", settings,
            content_out=paths["content"], motion_out=paths["motion"],
        )  # fmt: skip
        for k in indices:
            indices[k].append(paths[k])
    out = root / f"{kind}.matches.parquet"
    retrieve(
        frames=[root / f"{part}.frames.parquet" for part in parts],
        flow=[root / f"{part}.flow.parquet" for part in parts],
        corpus_frames=[root / f"c{n}.frames.parquet" for n in (0, 1)],
        corpus_flow=[root / f"c{n}.flow.parquet" for n in (0, 1)],
        background_frames=[root / "h.frames.parquet"],
        background_flow=[root / "h.flow.parquet"],
        settings=settings,
        threads=1,
        out=out,
        content_indices=indices["content"],
        motion_indices=indices["motion"],
        **{"own": {}, "excluded": {}, **more},
    )
    found = tables.read_table(out), tables.read_made_by(out)["index"]
    if usual:
        world["done"][kind] = found
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_reported_score_is_exact(world: dict[str, Any], kind: str) -> None:
    found, _ = run(world, kind)
    assert set(found["kind"]) == {"content", "motion"} and set(found["video_id"]) == set(world["videos"])
    for row in found.iter_rows(named=True):
        if row["kind"] == "content":
            x, y = world["videos"][row["video_id"]], world["frames"][row["ref_id"]]
            assert row["gsscd_max"] == pytest.approx(gsscd_max(x, y).score, abs=1e-6)
        else:
            f, g = world["moves"][row["video_id"]], world["flow"][row["ref_id"]]
            assert row["ofs_residual"] == pytest.approx(motion_score(f, g, 3, 0.02).score, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_recall_is_what_it_says(world: dict[str, Any], kind: str) -> None:
    found, said = run(world, kind)
    exact, nothing = run(world, "exact")
    assert said["kind"] == kind and nothing == {"kind": "exact", "content": {}, "motion": {}}
    for which in ("content", "motion"):
        lists = [
            {v: f.filter((pl.col("kind") == which) & (pl.col("video_id") == v)).sort("rank")["ref_id"].to_list()
             for v in world["videos"]}
            for f in (found, exact)
        ]  # fmt: skip
        first = [lists[0][v][:1] == lists[1][v][:1] for v in world["videos"]]
        every = [r in lists[0][v] for v in world["videos"] for r in lists[1][v]]
        assert said[which]["queries"] == 6
        assert said[which]["recall_at_1"] == pytest.approx(np.mean(first))
        assert said[which]["recall_at_k"] == pytest.approx(np.mean(every))
        assert said[which]["proposed"] == 8
    assert kind != "ivf" or said["motion"]["recall_at_k"] < 1, "two lists of twelve miss something"


@pytest.mark.parametrize("kind", ["exact", "ivf"])
def test_as_many_videos_as_fit_in_memory_are_searched_for_at_once_with_the_same_result(
    world: dict[str, Any], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, names, root = ("q0", "q1", "q2"), list(world["videos"]), world["root"]
    for n, part in enumerate(parts):
        write_frames(root / f"{part}.frames.parquet", {v: world["videos"][v] for v in names[2 * n : 2 * n + 2]})
        write_flow(root / f"{part}.flow.parquet", {v: world["moves"][v] for v in names[2 * n : 2 * n + 2]})
    monkeypatch.setattr("vidmem.retrieve.run.MOST_ROWS", 20)  # two tables of ten frames, one of twelve fields
    blocks: list[tuple[str, int]] = []
    load = load_library

    def loaded(paths: list[Path]) -> Library:
        if (queries := [path for path in paths if path.name.startswith("q")]) == paths:
            blocks.append((paths[0].name.split(".")[1], len(queries)))
        return load(paths)

    monkeypatch.setattr("vidmem.retrieve.run.load_library", loaded)
    found, said = run(world, kind, parts=parts)
    whole, said_whole = run(world, kind)
    assert found.equals(whole) and said == said_whole
    assert blocks == [("frames", 2), ("frames", 1), ("flow", 1), ("flow", 1), ("flow", 1)]


def test_copies_are_found_by_every_kind(world: dict[str, Any]) -> None:
    for kind in KINDS:
        best = run(world, kind)[0].filter((pl.col("rank") == 1) & pl.col("video_id").str.starts_with("copy"))
        assert best.sort("video_id", "kind")["ref_id"].to_list() == ["r000"] * 2 + ["r040"] * 2 + ["r080"] * 2


def test_a_chunk_that_is_too_small_to_train_says_so(world: dict[str, Any]) -> None:
    _, said = run(world, "ivf")
    whole = said["content"]["searched_whole"]
    assert whole == {"c1.ivf.content.index": "200 vectors, ivf needs 312"}
    _, said = run(world, "ivfpq")
    assert len(said["content"]["searched_whole"]) == len(said["motion"]["searched_whole"]) == 2


def test_own_clips_are_reported_though_no_index_proposed_them(world: dict[str, Any]) -> None:
    worst = min(world["frames"], key=lambda r: gsscd_max(world["videos"]["new0"], world["frames"][r]).score)
    found, _ = run(world, "ivf", own={"new0": {worst}})
    own = found.filter(pl.col("own"))
    assert set(own["ref_id"]) == {worst} and set(own["kind"]) == {"content", "motion"} and set(own["rank"]) == {0}


def test_clips_that_a_video_is_not_held_against_are_not_proposed(world: dict[str, Any]) -> None:
    found, _ = run(world, "fp16", excluded={"copy1": {"r040", "r041"}})
    assert not set(found.filter(pl.col("video_id") == "copy1")["ref_id"]) & {"r040", "r041"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_is_the_same_bytes_twice(world: dict[str, Any], kind: str, tmp_path: Path) -> None:
    root: Path = world["root"]
    settings = {**SETTINGS, "index": kind}
    made = []
    for n in range(2):
        outs = tmp_path / f"{n}.content.index", tmp_path / f"{n}.motion.index"
        write_indices(root / "c0.frames.parquet", root / "c0.flow.parquet", settings, *outs)
        made.append([out.read_bytes() for out in outs])
    assert made[0] == made[1]


def test_an_index_that_looks_into_all_lists_finds_what_an_exact_search_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows, owner = unit(rng, 4000), np.repeat(np.arange(1000), 4)
    write_index(tmp_path / "a.index", build(rows, owner, [f"r{n}" for n in range(1000)], "ivf", NO_BASIS))
    made = read_index(tmp_path / "a.index")
    assert made.built == "ivf" and made.index.nlist == 102
    x = unit(rng, 3)
    found: list[dict[str, float]] = [{}]
    propose(found, x, np.zeros(3, np.int64), made, 5, 10_000, [{"r7"}])
    scores = {f"r{n}": float((x @ rows[owner == n].T).max()) for n in range(1000) if n != 7}
    assert list(found[0]) == sorted(scores, key=lambda r: -scores[r])[:5]


def test_product_quantisation_is_trained_where_there_is_enough(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    faiss.omp_set_num_threads(1)
    rows = rng.standard_normal((5_000, 128), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    write_index(tmp_path / "a.index", build(rows, np.arange(5_000), [str(n) for n in range(5_000)], "ivfpq", NO_BASIS))
    made = read_index(tmp_path / "a.index")
    assert made.why is None and (made.index.nlist, made.index.pq.M, made.index.pq.nbits) == (9, 32, 4)
    noise = rng.standard_normal((50, 128), np.float32) / np.float32(128**0.5)
    found: list[dict[str, float]] = [{} for _ in range(50)]
    propose(found, rows[:50] + noise, np.arange(50), made, 50, 9, [set()] * 50)  # cosine .7
    assert np.mean([str(n) in found[n] for n in range(50)]) > 0.95


def test_what_a_later_chunk_proposes_replaces_only_what_scores_less() -> None:
    rows, owner, ids = np.eye(8, dtype=np.float32), np.arange(4), ["a", "b", "c", "d"]
    first = build(rows[:4], owner, ids, "fp16", NO_BASIS)
    second = build(rows[4:], owner, [name * 2 for name in ids], "fp16", NO_BASIS)
    x = np.array([[0.9, 0.5, 0.3, 0.1, 0.7, 0.2, 0.0, 0.0]], np.float32)
    found: list[dict[str, float]] = [{}]
    for made in (first, second):
        propose(found, x, np.zeros(1, np.int64), made, 3, 1, [set()])
    assert list(found[0]) == ["a", "aa", "b"]


def test_projected_windows_keep_the_score_where_fields_lie_in_few_dimensions() -> None:
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(3, 32))
    clips = [(rng.normal(size=(length, 3)) @ mixing).astype(np.float32) for length in (6, 2, 8)]
    basis = principal_basis(clips, 64)  # 4 components
    assert basis.shape == (32, 4) and np.allclose(basis.T @ basis, np.eye(4), atol=1e-6)
    rows, owner = window_rows(clips, basis, 3, 0.02)
    assert owner.tolist() == [0] * 4 + [2] * 6
    best = (rows[owner == 0] @ rows[owner == 2].T).max()
    assert best == pytest.approx(window_score(clips[0], clips[2], 3, 0.02).score, abs=1e-5)


def test_still_fields_have_windows_of_nothing() -> None:
    vectors = [motion_vectors(np.zeros((5, 2, GRID, GRID), np.float32))]
    rows, owner = window_rows(vectors, principal_basis(vectors, 3), 3, 0.02)
    assert len(owner) == 3 and not rows.any()


def test_a_shortlist_bars_all_that_was_not_proposed() -> None:
    library = Library(
        ["a", "b", "c"], np.array([0, 2, 3, 5]), np.arange(5.0), np.arange(10.0, dtype=np.float32).reshape(5, 2),
        np.empty((0, 768), np.uint8), np.empty((0, 2304), np.uint8),
    )  # fmt: skip
    some = library.take([2, 0])
    assert some.ids == ["c", "a"] and some.starts.tolist() == [0, 2, 4] and some.times_s.tolist() == [3, 4, 0, 1]
    assert len(library.take([])) == 0
    shortlist = Shortlist(**vars(library), proposed={"v": {"a", "c"}})
    assert shortlist.barred(["v", "w"], {"v": {"c"}}) == {0: {1, 2}, 1: {0, 1, 2}}
    blocks = list(shortlist.blocks(2))
    assert [b.ids for b in blocks] == [["a", "b"], ["c"]]
    assert blocks[1].barred(["v"], {}) == {0: set()}


def test_recall_counts_what_an_exact_search_ranks() -> None:
    def rows(*lists: tuple[str, str]) -> list[dict[str, Any]]:
        return [{"video_id": v, "ref_id": r, "rank": n} for v, names in lists for n, r in enumerate(names, 1)]

    own = {"video_id": "v", "ref_id": "z", "rank": 0}
    found = recall([*rows(("v", "ab"), ("w", "ca"), ("x", "a")), own], [*rows(("v", "ab"), ("w", "ac")), own])
    assert found == {"queries": 2, "recall_at_1": 0.5, "recall_at_k": 1.0}
    assert recall(rows(("v", "b")), rows(("v", "ab")))["recall_at_k"] == 0.5
    assert recall([], rows(("v", "a"))) == {"queries": 1, "recall_at_1": 0.0, "recall_at_k": 0.0}
    assert recall([], []) == {"queries": 0, "recall_at_1": None, "recall_at_k": None}
