"""The stage itself: tables of good and bad files, the same bytes twice, and clips seen through a model's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vidmem import tables
from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.corpus.made.render import render_clip
from vidmem.features import extract_features
from vidmem.features.run import NO_FRAMES, plan_of
from vidmem.features.sampling import sample
from vidmem.media import Format, MediaRef, write_video
from vidmem.similarity.content import gsscd_max

LIMITS = Limits()
SCHEMA = {"video_id": pl.String, "path": pl.String, "offset": pl.Int64, "size": pl.Int64}


def settings(**changes: object) -> dict[str, object]:
    made = Features(max_loss=1.0, **changes).model_dump()
    return {**made, "frames": {**made["frames"], "rate_hz": 2.0}}


def rendered(seconds: float = 1.5, fps: float = 24.0, width: int = 96, content: str = "rug") -> np.ndarray:
    return render_clip(content, "orbit", "still", width=width, height=96, fps=fps, seconds=seconds, seed=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    write_video(root / "moving.mp4", rendered(), 24)
    write_video(root / "wide.mp4", rendered(width=160, content="glass"), 24)
    write_video(root / "one.mp4", rendered()[:1], 24)
    write_video(root / "black.mp4", np.zeros((12, 64, 64, 3), np.uint8), 8)
    half = rendered()
    half[:18] = 0
    write_video(root / "fade.mp4", half, 24)
    (root / "zero.mp4").write_bytes(b"")
    (root / "text.mp4").write_text("this is no video")
    whole = (root / "moving.mp4").read_bytes()
    (root / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (root / "shard.tar").write_bytes(b"x" * 1000 + whole + b"y" * 500)
    return root


def items(*paths: str) -> pl.DataFrame:
    rows = [{"video_id": path, "path": path, "offset": None, "size": None} for path in paths]
    return pl.DataFrame(rows, schema=SCHEMA)


def run(
    root: Path,
    out: Path,
    frame: pl.DataFrame,
    options: dict[str, object],
    fmt: Format | None = None,
    threads: int = 1,
) -> pl.DataFrame:
    extract_features(
        frame,
        root,
        options,
        limits=LIMITS,
        threads=threads,
        out_frames=out / "frames.parquet",
        out_flow=out / "flow.parquet",
        out_items=out / "items.parquet",
        fmt=fmt,
    )
    return tables.read_table(out / "items.parquet")


def test_a_good_video_has_frames_and_flow(folder: Path, tmp_path: Path) -> None:
    row = run(folder, tmp_path, items("moving.mp4"), settings()).row(0, named=True)
    assert (row["status"], row["frames_used"], row["frames_gated"], row["flows"]) == ("ok", 3, 0, 11)
    frames, vectors = tables.read_vectors(tmp_path / "frames.parquet")
    assert frames["time_s"].to_list() == [0, 0.5, 1.0]
    assert frames["frame"].to_list() == [0, 1, 2]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    flow, fields = tables.read_vectors(tmp_path / "flow.parquet")
    assert flow["time_s"].to_list() == pytest.approx(np.arange(11) / 8)
    sizes = np.hypot(*fields.reshape(11, 2, 256).transpose(1, 0, 2)).mean(axis=1)
    assert flow["magnitude"].to_numpy() == pytest.approx(sizes, rel=1e-5)
    made = tables.read_made_by(tmp_path / "frames.parquet")
    assert made["engine"] == "sscd-int8"
    assert len(made["weights_sha256"]) == 64


@pytest.mark.parametrize(
    ("path", "status", "reason", "flows"),
    [
        ("one.mp4", "ok", None, 0),
        ("black.mp4", "skipped", NO_FRAMES, 0),
        ("zero.mp4", "skipped", "empty file", 0),
        ("text.mp4", "skipped", "not a video or image", 0),
        ("cut.mp4", "skipped", "truncated", 0),
        ("none.mp4", "skipped", "file not found", 0),
        ("../escape.mp4", "skipped", "leaves the folder", 0),
    ],
)
def test_what_becomes_of_an_odd_file(
    folder: Path, tmp_path: Path, path: str, status: str, reason: str | None, flows: int
) -> None:
    found = run(folder, tmp_path, items("moving.mp4", path), settings())
    good, odd = found.rows(named=True)
    assert good["status"] == "ok"
    assert (odd["status"], odd["flows"]) == (status, flows)
    assert (odd["reason"] is None) if reason is None else (reason in odd["reason"])
    frames = tables.read_table(tmp_path / "frames.parquet", columns=["video_id"])
    assert (path in frames["video_id"].to_list()) == (status == "ok")


def test_flat_frames_are_left_out_and_counted(folder: Path, tmp_path: Path) -> None:
    row = run(folder, tmp_path, items("fade.mp4"), settings()).row(0, named=True)
    assert (row["status"], row["frames_used"], row["frames_gated"]) == ("ok", 1, 2)
    assert tables.read_table(tmp_path / "frames.parquet", columns=["frame", "time_s"]).rows() == [(2, 1.0)]


def test_too_many_lost_fail_the_stage_by_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(tables.TooManyLost, match="stage features: 1 of 2"):
        run(folder, tmp_path, items("moving.mp4", "zero.mp4"), Features(max_loss=0.05).model_dump())
    assert not list(tmp_path.iterdir())


def test_rows_that_failed_before_are_left_to_their_stage(folder: Path, tmp_path: Path) -> None:
    frame = items("moving.mp4", "zero.mp4").with_columns(status=pl.Series(["ok", "failed"]))
    assert run(folder, tmp_path, frame, settings())["video_id"].to_list() == ["moving.mp4"]


def test_no_items_give_empty_tables(folder: Path, tmp_path: Path) -> None:
    assert len(run(folder, tmp_path, items(), settings())) == 0
    assert tables.read_vectors(tmp_path / "flow.parquet")[1].shape == (0, 512)


def test_a_member_of_a_shard_is_read_in_place(folder: Path, tmp_path: Path) -> None:
    size = (folder / "moving.mp4").stat().st_size
    rows = [
        {"video_id": "member", "path": "shard.tar", "offset": 1000, "size": size},
        {"video_id": "file", "path": "moving.mp4", "offset": None, "size": None},
    ]
    run(folder, tmp_path, pl.DataFrame(rows, schema=SCHEMA), settings())
    vectors = tables.read_vectors(tmp_path / "frames.parquet")[1]
    assert np.array_equal(vectors[:3], vectors[3:])


def test_tables_are_the_same_bytes_twice_and_whatever_the_threads_and_the_batch(folder: Path, tmp_path: Path) -> None:
    frame = items("moving.mp4", "wide.mp4", "one.mp4", "zero.mp4", "fade.mp4")
    for name, threads in (("a", 1), ("b", 3)):
        run(folder, tmp_path / name, frame, settings(frames={"batch_size": 2}), threads=threads)
    for table in ("frames", "flow", "items"):
        assert (tmp_path / f"a/{table}.parquet").read_bytes() == (tmp_path / f"b/{table}.parquet").read_bytes()
    run(folder, tmp_path / "c", frame, settings(frames={"batch_size": 16}))
    one, other = (tables.read_vectors(tmp_path / f"{n}/frames.parquet")[1] for n in ("a", "c"))
    assert np.array_equal(one, other)


def test_a_small_generated_copy_matches_its_wide_original(folder: Path, tmp_path: Path) -> None:
    frame = items("moving.mp4", "wide.mp4")
    run(folder, tmp_path / "full", frame, settings())
    run(folder, tmp_path / "small", frame, settings(), Format(32, 32, 8, 8.0))
    full, small = (_by_video(tmp_path / name) for name in ("full", "small"))
    for video in ("moving.mp4", "wide.mp4"):
        other = "wide.mp4" if video == "moving.mp4" else "moving.mp4"
        copy = gsscd_max(small[video], full[video]).score
        assert copy > 0.5
        assert copy > gsscd_max(small[video], full[other]).score + 0.3


def _by_video(folder: Path) -> dict[str, np.ndarray]:
    frame, vectors = tables.read_vectors(folder / "frames.parquet")
    return {str(v): vectors[(frame["video_id"] == v).to_numpy()] for v in frame["video_id"].unique()}


def test_the_format_bounds_what_is_seen(folder: Path, tmp_path: Path) -> None:
    row = run(folder, tmp_path, items("moving.mp4"), settings(), Format(64, 64, 5, 8.0)).row(0, named=True)
    assert row["flows"] == 4
    assert tables.read_made_by(tmp_path / "flow.parquet")["format"] == {
        "fps": 8.0,
        "frames": 5,
        "height": 64,
        "width": 64,
    }


def test_a_long_video_is_thinned_evenly(tmp_path: Path) -> None:
    write_video(tmp_path / "long.mp4", rendered(seconds=10, fps=8), 8)
    plan = plan_of(settings(frames={"max_frames": 8}, flow={"max_flows": 16}))
    taken = sample(MediaRef(tmp_path / "long.mp4"), plan, LIMITS)
    assert np.diff(taken.times_s) == pytest.approx(np.full(len(taken.times_s) - 1, taken.times_s[1]))
    assert 4 < len(taken.times_s) <= 8
    assert taken.times_s[-1] > 7
    assert taken.flow_times_s == pytest.approx(np.arange(17) / 8)


def test_a_low_frame_rate_repeats_no_picture_for_flow(tmp_path: Path) -> None:
    write_video(tmp_path / "slow.mp4", rendered(seconds=2, fps=4), 4)
    taken = sample(MediaRef(tmp_path / "slow.mp4"), plan_of(settings()), LIMITS)
    assert taken.flow_times_s == pytest.approx(np.arange(8) / 4)
