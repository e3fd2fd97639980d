"""Retrieval over the whole corpus: exact, independent of how the corpus is cut, and complete for own clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem import tables
from vidmem.retrieve import alike_clips, own_clips, relatives, retrieve
from vidmem.retrieve.nearest import Nearest
from vidmem.search.library import Library, join, load_library, sample_library
from vidmem.search.rows import search_best, search_rows
from vidmem.similarity.content import gsscd_k, gsscd_max, vsscd
from vidmem.similarity.motion import motion_score, ofs_k
from vidmem.text import prompt_id

GRID, DIM = 4, 8
SETTINGS = {
    "top_k": 3,
    "candidates": 6,
    "window": 3,
    "segment": 2,
    "floor": 0.02,
    "grid": GRID,
    "rate_hz": 8.0,
    "frame_rate_hz": 2.0,
    "match_from": 0.5,
    "moves_from": 0.7,
    "corpus_is_null": False,
    "duplicate_from": 0.9,
    "index": "exact",
    "nprobe": 0,
    "speeds": [1.0],
}


def unit(rng: np.random.Generator, rows: int) -> np.ndarray:
    v = rng.normal(size=(rows, DIM)).astype(np.float32)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def write_frames(path: Path, videos: dict[str, np.ndarray]) -> None:
    columns = {
        "video_id": [v for v, x in videos.items() for _ in x],
        "frame": [i for x in videos.values() for i in range(len(x))],
        "time_s": [i * 0.5 for x in videos.values() for i in range(len(x))],
        "vector": np.concatenate([*videos.values(), np.empty((0, DIM), np.float32)]),
        "thumbnail": [
            (np.abs(np.tile(row, 96)) * 255).astype(np.uint8).tobytes() for x in videos.values() for row in x
        ],
        "picture": [bytes(tables.PICTURE_BYTES) for x in videos.values() for _ in x],
    }
    tables.write_table(path, columns, tables.frames_schema(DIM))


def write_flow(path: Path, videos: dict[str, np.ndarray]) -> None:
    columns = {
        "video_id": [v for v, x in videos.items() for _ in x],
        "index": [i for x in videos.values() for i in range(len(x))],
        "time_s": [i / 8 for x in videos.values() for i in range(len(x))],
        "magnitude": [0.1 for x in videos.values() for _ in x],
        "vector": np.concatenate([*(x.reshape(len(x), -1) for x in videos.values()), np.empty((0, 32), np.float32)]),
    }
    tables.write_table(path, columns, tables.flow_schema(GRID))


@pytest.fixture
def world(tmp_path: Path) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    frames = {f"r{n}": unit(rng, rng.integers(1, 6)) for n in range(12)}
    flow = {f"r{n}": rng.normal(0, 0.2, (5, 2, GRID, GRID)).astype(np.float32) for n in range(12)}
    background = {f"h{n}": rng.normal(0, 0.2, (5, 2, GRID, GRID)).astype(np.float32) for n in range(8)}
    queries = {"copy": frames["r3"].copy(), "other": unit(rng, 3)}
    moves = {"copy": flow["r5"].copy(), "other": rng.normal(0, 0.2, (5, 2, GRID, GRID)).astype(np.float32)}
    write_frames(tmp_path / "q.frames.parquet", queries)
    write_flow(tmp_path / "q.flow.parquet", moves)
    write_frames(tmp_path / "h.frames.parquet", {f"h{n}": unit(rng, 3) for n in range(8)})
    write_flow(tmp_path / "h.flow.parquet", background)
    for cut, chunks in {"one": [range(12)], "three": [range(4), range(4, 7), range(7, 12)]}.items():
        for n, members in enumerate(chunks):
            write_frames(tmp_path / f"{cut}{n}.frames.parquet", {f"r{m}": frames[f"r{m}"] for m in members})
            write_flow(tmp_path / f"{cut}{n}.flow.parquet", {f"r{m}": flow[f"r{m}"] for m in members})
    return {"frames": frames, "flow": flow, "queries": queries, "moves": moves}


def run(root: Path, cut: str, chunks: int, **more: object) -> pl.DataFrame:
    out = root / f"{cut}.matches.parquet"
    arguments = {"own": {}, "excluded": {}, **more}
    retrieve(
        frames=[root / "q.frames.parquet"],
        flow=[root / "q.flow.parquet"],
        corpus_frames=[root / f"{cut}{n}.frames.parquet" for n in range(chunks)],
        corpus_flow=[root / f"{cut}{n}.flow.parquet" for n in range(chunks)],
        background_frames=[root / "h.frames.parquet"],
        background_flow=[root / "h.flow.parquet"],
        settings=SETTINGS,
        threads=1,
        out=out,
        **arguments,  # type: ignore[arg-type]
    )
    return tables.read_table(out)


def test_content_matches_equal_a_slow_search(tmp_path: Path, world: dict[str, dict[str, np.ndarray]]) -> None:
    found = run(tmp_path, "one", 1).filter(pl.col("kind") == "content")
    for query, x in world["queries"].items():
        slow = sorted(world["frames"], key=lambda r: -gsscd_max(x, world["frames"][r]).score)[:3]
        rows = found.filter(pl.col("video_id") == query).sort("rank")
        assert rows["ref_id"].to_list() == slow
        for row in rows.iter_rows(named=True):
            y = world["frames"][row["ref_id"]]
            assert row["score"] == pytest.approx(gsscd_max(x, y).score, abs=1e-6)
            assert row["gsscd_k"] == pytest.approx(gsscd_k(x, y, 2).score, abs=1e-6)
            assert row["vsscd"] == pytest.approx(vsscd(x, y), abs=1e-6)


def test_a_copied_clip_is_first_with_its_time_and_a_small_distance_ratio(
    tmp_path: Path, world: dict[str, dict[str, np.ndarray]]
) -> None:
    found = run(tmp_path, "one", 1)
    best = found.filter((pl.col("video_id") == "copy") & (pl.col("rank") == 1))
    content = best.filter(pl.col("kind") == "content").row(0, named=True)
    assert content["ref_id"] == "r3" and content["score"] == pytest.approx(1, abs=1e-6)
    assert content["gen_start_s"] == content["ref_start_s"]
    assert content["d1_d2_feature"] < 1 / 3 and content["d1_d2_pixel"] < 1 / 3
    motion = best.filter(pl.col("kind") == "motion").row(0, named=True)
    assert motion["ref_id"] == "r5"
    assert motion["ofs"] == pytest.approx(ofs_k(world["moves"]["copy"], world["flow"]["r5"], 3).score, abs=1e-5)
    expected = motion_score(world["moves"]["copy"], world["flow"]["r5"], 3, 0.02).score
    assert motion["ofs_residual"] == pytest.approx(expected, abs=1e-5)
    assert motion["score"] > 3, "a copied movement stands far out of what unrelated clips score"
    assert len(motion["background"]) == 8
    assert motion["gen_end_s"] - motion["gen_start_s"] == pytest.approx(4 / 8), "the longest window that both have"


def test_cutting_the_corpus_into_chunks_changes_nothing(
    tmp_path: Path, world: dict[str, dict[str, np.ndarray]]
) -> None:
    one, three = run(tmp_path, "one", 1), run(tmp_path, "three", 3)
    assert one.drop("background").equals(three.drop("background"))


def test_of_equal_clips_those_with_the_lower_ids_are_reported(
    tmp_path: Path, world: dict[str, dict[str, np.ndarray]]
) -> None:
    copies = {f"z{n}": world["queries"]["copy"] for n in (5, 3, 1, 0, 2, 4)}
    write_frames(tmp_path / "three1.frames.parquet", copies)
    found = run(tmp_path, "three", 3).filter((pl.col("kind") == "content") & (pl.col("video_id") == "copy"))
    assert found.sort("rank")["ref_id"].to_list() == ["r3", "z0", "z1"]


def test_own_clips_are_reported_wherever_they_rank(tmp_path: Path, world: dict[str, dict[str, np.ndarray]]) -> None:
    worst = min(world["frames"], key=lambda r: gsscd_max(world["queries"]["other"], world["frames"][r]).score)
    found = run(tmp_path, "three", 3, own={"other": {worst}})
    rows = found.filter((pl.col("video_id") == "other") & pl.col("own") & (pl.col("kind") == "content"))
    assert rows["ref_id"].to_list() == [worst] and rows["rank"].to_list() == [0]
    assert found.filter((pl.col("kind") == "motion") & pl.col("own"))["ref_id"].to_list() == [worst]


def test_excluded_relatives_are_not_matched(tmp_path: Path, world: dict[str, dict[str, np.ndarray]]) -> None:
    found = run(tmp_path, "one", 1, excluded={"copy": {"r3", "r5"}})
    assert not set(found.filter(pl.col("video_id") == "copy")["ref_id"]) & {"r3", "r5"}
    assert "r3" in set(run(tmp_path, "one", 1).filter(pl.col("video_id") == "copy")["ref_id"])


def test_matches_are_the_same_bytes_twice(tmp_path: Path, world: dict[str, dict[str, np.ndarray]]) -> None:
    run(tmp_path, "one", 1)
    first = (tmp_path / "one.matches.parquet").read_bytes()
    run(tmp_path, "one", 1)
    assert (tmp_path / "one.matches.parquet").read_bytes() == first


def test_videos_without_flow_have_content_matches_alone(
    tmp_path: Path, world: dict[str, dict[str, np.ndarray]]
) -> None:
    write_flow(tmp_path / "q.flow.parquet", {})
    assert set(run(tmp_path, "one", 1)["kind"]) == {"content"}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(1, 6), st.integers(1, 5), st.integers(0, 10_000))
def test_search_never_misses_a_better_reference(references: int, wanted: int, queries: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 8, references)
    y, y_owner = unit(rng, int(lengths.sum())), np.repeat(np.arange(references), lengths)
    x, x_owner = unit(rng, 3 * queries), np.repeat(np.arange(queries), 3)
    found = search_best(x, x_owner, y, y_owner, wanted)
    for q in range(queries):
        scores = np.array([(x[x_owner == q] @ y[y_owner == r].T).max() for r in range(references)])
        assert list(found[q]) == list(np.argsort(-scores, kind="stable")[:wanted])
        assert list(found[q].values()) == pytest.approx(sorted(scores, reverse=True)[:wanted], abs=1e-5)


def library(rng: np.random.Generator, prefix: str, vectors: np.ndarray, lengths: list[int]) -> Library:
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    thumbnails = rng.integers(0, 256, (len(vectors), tables.THUMBNAIL_BYTES), dtype=np.uint8)
    pictures = np.zeros((len(vectors), tables.PICTURE_BYTES), np.uint8)
    ids = [f"{prefix}{n}" for n in range(len(lengths))]
    return Library(ids, starts, np.arange(len(vectors), dtype=float), vectors, thumbnails, pictures)


def slow_ratio(distances: np.ndarray, starts: np.ndarray, barred: set[int]) -> float | None:
    """Smallest over frames of the nearest clip's distance over the second nearest clip's, from (frames, rows)."""
    ratios = []
    for row in distances:
        clips = [row[starts[n] : starts[n + 1]].min() for n in range(len(starts) - 1) if n not in barred]
        if len(clips) > 1 and sorted(clips)[1] > 0:
            ratios.append(sorted(clips)[0] / sorted(clips)[1])
    return min(ratios, default=None)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 12), st.integers(1, 5), st.integers(0, 6), st.integers(0, 10_000))
def test_distance_ratios_equal_slow_ones(videos: int, clips: int, cut: int, bars: int, seed: int) -> None:
    """Also where a frame is all but identical with one of the corpus, and whatever the blocks."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 5, clips).tolist()
    corpus = library(rng, "r", unit(rng, sum(lengths)), lengths)
    x = unit(rng, 3 * videos)
    x[0] = corpus.vectors[0] + rng.normal(0, 1e-4, DIM).astype(np.float32)
    x[0] /= np.linalg.norm(x[0])
    queries = library(rng, "q", x, [3] * videos)
    queries.thumbnails[0] = corpus.thumbnails[-1] ^ 1
    barred = {q: set(rng.integers(0, clips, bars).tolist()) for q in range(videos)}
    excluded = {f"q{q}": {f"r{n}" for n in barred[q]} for q in barred}
    nearest = Nearest(queries)
    for block in corpus.blocks(cut):
        local = block.barred(queries.ids, excluded)
        for hit in search_rows(queries.vectors, queries.owners(), block.vectors, block.owners(), 2, local):
            nearest.see_features(hit, block)
        nearest.see_pixels(block, local)
    similarity = x.astype(np.float64) @ corpus.vectors.astype(np.float64).T
    a, b = queries.thumbnails.astype(np.float64), corpus.thumbnails.astype(np.float64)
    slow = {
        "d1_d2_feature": np.sqrt(np.maximum(2 - 2 * similarity, 0)),
        "d1_d2_pixel": np.sqrt(((a[:, None] - b[None]) ** 2).sum(2)),
    }
    for q in range(videos):
        found = nearest.ratios(queries.rows(q))
        for name, distances in slow.items():
            expected = slow_ratio(distances[queries.rows(q)], corpus.starts, barred[q])
            assert found[name] == (None if expected is None else pytest.approx(expected, abs=1e-6)), name


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 10_000))
def test_a_query_that_may_match_few_is_held_against_these(references: int, open_to: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(references), 3)
    x, y = unit(rng, 4), unit(rng, 3 * references)
    admissible = rng.permutation(references)[:open_to].tolist()
    barred = {0: set(range(references)) - set(admissible)}
    found = search_best(x, np.array([0, 0, 1, 1]), y, owner, 2, barred)
    for q, allowed in ((0, admissible), (1, range(references))):
        scores = {r: float((x[2 * q : 2 * q + 2] @ y[owner == r].T).max()) for r in allowed}
        assert list(found[q]) == sorted(scores, key=lambda r: -scores[r])[:2]


def test_blocks_hold_every_row_once() -> None:
    starts = np.array([0, 2, 3, 7])
    cut = Library(
        ["a", "b", "c"], starts, np.arange(7.0), np.arange(14.0).reshape(7, 2), *[np.empty((0, 768), np.uint8)] * 2
    )
    blocks = list(cut.blocks(2))
    assert [b.ids for b in blocks] == [["a", "b"], ["c"]]
    assert np.array_equal(np.concatenate([b.vectors for b in blocks]), cut.vectors)
    assert blocks[1].rows(0) == slice(0, 4)


def test_relatives_are_the_same_bytes_or_the_same_caption(tmp_path: Path) -> None:
    rows = [
        {"item_id": "a", "same_as": "a", "caption": "x", "status": "ok"},
        {"item_id": "b", "same_as": "a", "caption": "y", "status": "ok"},
        {"item_id": "c", "same_as": "c", "caption": " y", "status": "ok"},
        {"item_id": "d", "same_as": "d", "caption": None, "status": "ok"},
        {"item_id": "e", "same_as": "e", "caption": None, "status": "ok"},
    ]
    tables.write_table(tmp_path / "m.parquet", rows, tables.MANIFEST)
    assert relatives(tmp_path / "m.parquet") == {"a": {"a", "c"}, "c": {"a", "c"}, "d": {"d"}, "e": {"e"}}


def test_own_clips_bear_the_prompt_as_their_caption(tmp_path: Path) -> None:
    videos = [
        {"video_id": "v", "prompt_id": prompt_id("a cat"), "status": "ok"},
        {"video_id": "w", "prompt_id": None, "status": "ok"},
        {"video_id": "x", "prompt_id": prompt_id("a ship"), "status": "ok"},
    ]
    tables.write_table(tmp_path / "v.parquet", videos, tables.VIDEOS)
    items = [
        {"item_id": "a", "same_as": "a", "caption": "a  cat", "status": "ok"},
        {"item_id": "b", "same_as": "a", "caption": "a cat", "status": "ok"},
        {"item_id": "c", "same_as": "c", "caption": "a cat", "status": "ok"},
        {"item_id": "d", "same_as": "d", "caption": None, "status": "ok"},
    ]
    tables.write_table(tmp_path / "m.parquet", items, tables.MANIFEST)
    assert own_clips([tmp_path / "v.parquet"], tmp_path / "m.parquet") == {"v": {"a", "c"}}


def test_clips_of_the_same_content_are_relatives(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    shared = unit(rng, 1)
    eye = np.eye(DIM, dtype=np.float32)
    write_frames(tmp_path / "0.parquet", {"a": np.concatenate([eye[:1], shared]), "b": eye[1:2]})
    write_frames(tmp_path / "1.parquet", {"c": shared})
    items = [{"item_id": i, "same_as": i, "caption": i, "status": "ok"} for i in "abc"]
    tables.write_table(tmp_path / "m.parquet", items, tables.MANIFEST)
    found = relatives(tmp_path / "m.parquet", [tmp_path / "0.parquet", tmp_path / "1.parquet"], 0.9)
    assert found == {"a": {"a", "c"}, "b": {"b"}, "c": {"a", "c"}}


def test_the_background_is_the_same_however_its_tables_are_cut(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    clips = {f"h{n:02d}": unit(rng, 1 + n % 3) for n in range(20)}
    names = list(clips)
    write_frames(tmp_path / "all.parquet", clips)
    for n, part in enumerate((names[:3], names[3:4], names[4:])):
        write_frames(tmp_path / f"{n}.parquet", {name: clips[name] for name in part})
    whole = sample_library([tmp_path / "all.parquet"], 7)
    cut = sample_library([tmp_path / f"{n}.parquet" for n in range(3)], 7)
    assert len(whole) == 7 and whole.ids == cut.ids
    assert np.array_equal(whole.vectors, cut.vectors) and np.array_equal(whole.times_s, cut.times_s)
    assert np.array_equal(whole.vectors[whole.rows(2)], clips[whole.ids[2]])
    assert len(sample_library([tmp_path / "all.parquet"], 100)) == 20


def test_an_id_in_two_tables_is_refused(tmp_path: Path) -> None:
    write_frames(tmp_path / "a.parquet", {"x": unit(np.random.default_rng(0), 2)})
    library = load_library(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="two feature tables"):
        join([library, library])


def test_clips_that_share_content_or_movement_are_no_background_of_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    eye = np.eye(DIM, dtype=np.float32)
    swing = rng.normal(0, 0.2, (5, 2, GRID, GRID)).astype(np.float32)
    others = [rng.normal(0, 0.2, swing.shape).astype(np.float32) for _ in range(3)]
    write_frames(tmp_path / "f.parquet", {"a": eye[:1], "b": eye[1:2], "c": eye[:2] @ np.eye(DIM), "d": eye[3:4]})
    write_flow(tmp_path / "m.parquet", {"a": swing, "b": others[0], "c": others[1], "d": swing * 2})
    found = alike_clips([tmp_path / "f.parquet"], [tmp_path / "m.parquet"], SETTINGS)
    assert {k: v - {k} for k, v in found.items()} == {"a": {"c", "d"}, "b": {"c"}, "c": {"a", "b"}, "d": {"a"}}
    null = {**SETTINGS, "corpus_is_null": True}
    assert alike_clips([tmp_path / "f.parquet"], [tmp_path / "m.parquet"], null) == {}


def test_siblings_in_the_background_do_not_lower_a_null_score(
    tmp_path: Path, world: dict[str, dict[str, np.ndarray]]
) -> None:
    """A held-out clip with a twin among the others scores as if there were no twin."""
    rng = np.random.default_rng(8)
    frames = {f"h{n}": unit(rng, 3) for n in range(8)}
    flow = {f"h{n}": rng.normal(0, 0.2, (5, 2, GRID, GRID)).astype(np.float32) for n in range(8)}
    write_frames(tmp_path / "h.frames.parquet", frames)
    write_flow(tmp_path / "h.flow.parquet", flow)
    columns = ["video_id", "kind", "ref_id", "score", "content_normalised"]
    alone = run(tmp_path, "one", 1).filter(pl.col("rank") > 0)[columns]
    write_frames(tmp_path / "h.frames.parquet", {**frames, "twin": world["queries"]["other"]})
    write_flow(tmp_path / "h.flow.parquet", {**flow, "twin": world["moves"]["other"]})
    beside = run(tmp_path, "one", 1).filter(pl.col("rank") > 0)[columns]
    without = run(tmp_path, "one", 1, alike={"other": {"twin"}}).filter(pl.col("rank") > 0)[columns]
    pick = pl.col("video_id") == "other"
    assert without.filter(pick).equals(alone.filter(pick))
    for kind, column in (("content", "content_normalised"), ("motion", "score")):
        mine = pick & (pl.col("kind") == kind)
        assert beside.filter(mine)[column].max() < alone.filter(mine)[column].max()


def test_where_the_corpus_is_its_own_null_nothing_is_held_against_its_content(
    tmp_path: Path, world: dict[str, dict[str, np.ndarray]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "corpus_is_null", True)
    found = run(tmp_path, "one", 1).filter(pl.col("kind") == "content")
    assert len(found) and found["content_normalised"].null_count() == len(found)
