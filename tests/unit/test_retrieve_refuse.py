"""Inputs that would make a search's numbers wrong are refused by name, in one line that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_retrieve import DIM, GRID, SETTINGS, unit, write_flow, write_frames

from vidmem import tables
from vidmem.retrieve import retrieve
from vidmem.retrieve.refuse import BackgroundIntersects, MixedEngines, NotFinite, Refused

MADE_BY = {
    "engine": "sscd-int8",
    "weights_sha256": "a" * 64,
    "dim": DIM,
    "grid": GRID,
    "format": None,
    "settings": {
        "crop": "centre",
        "max_loss": 0.05,
        "frames": {"short_edge": 160, "batch_size": 16, "weights": None},
        "flow": {"size": 128, "weights": None},
    },
}


def fields(rng: np.random.Generator, length: int = 5) -> np.ndarray:
    return rng.normal(0, 0.2, (length, 2, GRID, GRID)).astype(np.float32)


def mark(path: Path, **changes: Any) -> None:
    """Rewrite a table as if `changes` had made it; a dotted name is a setting."""
    made: dict[str, Any] = {**MADE_BY, "settings": {k: v for k, v in MADE_BY["settings"].items()}}  # type: ignore[attr-defined]
    for name, value in changes.items():
        where, _, key = name.partition("__")
        if key:
            made["settings"][where] = {**made["settings"][where], key: value}
        elif name in made:
            made[name] = value
        else:
            made["settings"][name] = value
    kind = "frames" if "frames" in path.name else "flow"
    frame, vectors = tables.read_vectors(path)
    schema = tables.frames_schema(DIM) if kind == "frames" else tables.flow_schema(GRID)
    tables.write_table(path, {**{c: frame[c].to_list() for c in frame.columns}, "vector": vectors}, schema, made)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_frames(tmp_path / "q.frames.parquet", {"v": unit(rng, 3)})
    write_flow(tmp_path / "q.flow.parquet", {"v": fields(rng)})
    write_frames(tmp_path / "h.frames.parquet", {f"h{n}": unit(rng, 3) for n in range(4)})
    write_flow(tmp_path / "h.flow.parquet", {f"h{n}": fields(rng) for n in range(4)})
    for chunk in (0, 1):
        names = [f"r{3 * chunk + n}" for n in range(3)]
        write_frames(tmp_path / f"c{chunk}.frames.parquet", {n: unit(rng, 3) for n in names})
        write_flow(tmp_path / f"c{chunk}.flow.parquet", {n: fields(rng) for n in names})
    for path in sorted(tmp_path.glob("*.parquet")):
        mark(path)
    return tmp_path


def run(root: Path, **changes: Any) -> None:
    retrieve(
        frames=[root / "q.frames.parquet"],
        flow=[root / "q.flow.parquet"],
        corpus_frames=[root / f"c{n}.frames.parquet" for n in (0, 1)],
        corpus_flow=[root / f"c{n}.flow.parquet" for n in (0, 1)],
        background_frames=[root / "h.frames.parquet"],
        background_flow=[root / "h.flow.parquet"],
        own={},
        excluded={},
        settings={**SETTINGS, **changes},
        threads=1,
        out=root / "matches.parquet",
    )


def refusal(root: Path, kind: type[Refused], **changes: Any) -> str:
    with pytest.raises(kind) as caught:
        run(root, **changes)
    assert not (root / "matches.parquet").exists()
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("table", "changes", "named"),
    [
        ("q.frames", {"engine": "sscd-distilled"}, 'engine "sscd-distilled"'),
        ("c1.frames", {"weights_sha256": "b" * 64}, "weights_sha256"),
        ("h.frames", {"crop": "none"}, 'crop "none"'),
        ("h.frames", {"frames__short_edge": 288}, "frames.short_edge 288"),
        ("q.flow", {"engine": "raft_small"}, 'engine "raft_small"'),
        ("c1.flow", {"flow__size": 256}, "flow.size 256"),
        ("h.flow", {"engine": None}, "engine (not recorded)"),
    ],
)
def test_vectors_of_two_engines_are_refused(world: Path, table: str, changes: dict[str, Any], named: str) -> None:
    mark(world / f"{table}.parquet", **changes)
    text = refusal(world, MixedEngines)
    assert f"{table}.parquet" in text and named in text and "c0." in text and "features stage again" in text


def test_what_leaves_vectors_alone_may_differ(world: Path) -> None:
    mark(world / "h.frames.parquet", format={"width": 64}, frames__batch_size=4, frames__weights="elsewhere.pt")
    mark(world / "h.flow.parquet", max_loss=1.0, frames__short_edge=288)
    run(world)
    assert (world / "matches.parquet").exists()


def test_a_background_clip_that_shows_the_content_of_a_corpus_clip_is_refused(world: Path) -> None:
    frame, vectors = tables.read_vectors(world / "c1.frames.parquet")
    clip = vectors[(frame["video_id"] == "r4").to_numpy()]
    rng = np.random.default_rng(1)
    half = np.concatenate([clip[:2], unit(rng, 2)])
    write_frames(world / "h.frames.parquet", {"other": unit(rng, 3), "copy": half})
    mark(world / "h.frames.parquet")
    text = refusal(world, BackgroundIntersects)
    assert "1 of 2 background clips" in text and "'copy' is 'r4'" in text
    assert "c1.frames.parquet" in text and "corpus.heldout" in text


def test_a_background_clip_that_shares_less_than_half_of_its_frames_is_not(world: Path) -> None:
    frame, vectors = tables.read_vectors(world / "c1.frames.parquet")
    one = vectors[(frame["video_id"] == "r4").to_numpy()][:1]
    others = np.eye(DIM, dtype=np.float32)[:2]
    write_frames(world / "h.frames.parquet", {"r4": np.concatenate([one, others])})  # nor does the same id count
    mark(world / "h.frames.parquet")
    run(world)
    assert (world / "matches.parquet").exists()


def test_a_corpus_that_is_its_own_background_is_not_refused(world: Path) -> None:
    (world / "h.frames.parquet").write_bytes((world / "c0.frames.parquet").read_bytes())
    refusal(world, BackgroundIntersects)
    run(world, corpus_is_null=True)
    assert (world / "matches.parquet").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("table", ["q.frames", "h.frames", "c1.frames", "q.flow", "h.flow", "c1.flow"])
def test_vectors_that_are_not_finite_are_refused(world: Path, table: str, value: float) -> None:
    path = world / f"{table}.parquet"
    frame, vectors = tables.read_vectors(path)
    schema = tables.frames_schema(DIM) if "frames" in table else tables.flow_schema(GRID)
    vectors = vectors.copy()
    vectors[-1, 2] = value
    tables.write_table(path, {**{c: frame[c].to_list() for c in frame.columns}, "vector": vectors}, schema)
    mark(path)
    text = refusal(world, NotFinite)
    assert f"{table}.parquet" in text and repr(frame["video_id"][-1]) in text and "features stage again" in text


def test_empty_tables_are_no_error(world: Path) -> None:
    for name in ("q.frames", "h.frames", "c0.frames"):
        write_frames(world / f"{name}.parquet", {})
        mark(world / f"{name}.parquet")
    for name in ("q.flow", "h.flow", "c0.flow"):
        write_flow(world / f"{name}.parquet", {})
        mark(world / f"{name}.parquet")
    run(world)
    assert len(tables.read_table(world / "matches.parquet")) == 0


def test_corpus_clips_that_are_shorter_than_the_window_are_counted(world: Path) -> None:
    rng = np.random.default_rng(2)
    write_flow(world / "c1.flow.parquet", {"r3": fields(rng, 2), "r5": fields(rng, 3)})  # r4 is an image
    mark(world / "c1.flow.parquet")
    run(world)
    made = tables.read_made_by(world / "matches.parquet")
    assert made["short_corpus_clips"] == {"window": 3, "number": 2, "first": ["r3", "r4"]}
