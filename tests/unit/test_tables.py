"""Tables: exact schemas, flat vectors, whole files, and nothing lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidmem import tables


def test_vectors_come_back_as_one_flat_array(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).random((3, 4), np.float32)
    columns = {
        "video_id": ["a", "a", "b"],
        "frame": [0, 1, 0],
        "time_s": [0.0, 0.5, 0.0],
        "vector": vectors,
        "thumbnail": [b"x" * tables.THUMBNAIL_BYTES] * 3,
        "picture": [b"x" * tables.PICTURE_BYTES] * 3,
    }
    tables.write_table(tmp_path / "t.parquet", columns, tables.frames_schema(4), {"engine": "e"})
    frame, found = tables.read_vectors([tmp_path / "t.parquet", tmp_path / "t.parquet"])
    assert found.dtype == np.float32 and np.array_equal(found, np.concatenate([vectors, vectors]))
    assert frame["video_id"].to_list() == ["a", "a", "b"] * 2
    assert tables.read_made_by(tmp_path / "t.parquet") == {"engine": "e"}


def test_an_empty_vector_table_keeps_its_width(tmp_path: Path) -> None:
    tables.write_table(tmp_path / "t.parquet", [], tables.flow_schema(4))
    frame, found = tables.read_vectors(tmp_path / "t.parquet")
    assert frame.is_empty() and found.shape == (0, 32)


def test_unknown_columns_and_null_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'wrong'"):
        tables.write_table(tmp_path / "t.parquet", {"item_id": ["a"], "wrong": [1]}, tables.MANIFEST)
    with pytest.raises(ValueError, match="'item_id' may not be null"):
        tables.write_table(tmp_path / "t.parquet", [{"status": "ok"}], tables.MANIFEST)
    assert list(tmp_path.iterdir()) == []


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [{"item_id": f"i{n}", "caption": "x", "status": "ok"} for n in range(10)]
    for name in ("a", "b"):
        tables.write_table(tmp_path / name, rows, tables.MANIFEST, {"engine": "e"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_failed_write_leaves_the_old_table_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    tables.write_table(path, [{"item_id": "a", "status": "ok"}], tables.MANIFEST)
    with pytest.raises(ValueError):
        tables.write_table(path, [{"item_id": None, "status": "ok"}], tables.MANIFEST)
    assert tables.read_table(path)["item_id"].to_list() == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


def test_too_many_lost_rows_fail_the_stage_by_name() -> None:
    statuses, reasons = ["ok", "skipped", "failed", "ok"], [None, "empty file", "truncated", None]
    tables.check_loss("corpus", statuses, reasons, 0.5)
    with pytest.raises(tables.TooManyLost, match=r"stage corpus: 2 of 4 rows.*empty file; truncated.*corpus.max_loss"):
        tables.check_loss("corpus", statuses, reasons, 0.49)
    tables.check_loss("corpus", [], [], 0.0)


def test_what_a_killed_writer_left_goes_with_the_next_write_and_nothing_else(tmp_path: Path) -> None:
    left, others = tmp_path / ".t.parquet.a1b2c3d_", [tmp_path / ".t.parquet", tmp_path / ".t.parquet.part"]
    others += [tmp_path / ".s.parquet.a1b2c3d4", tmp_path / ".t.parquet.A1b2c3d4"]
    for path in (left, *others):
        path.write_bytes(b"half")
    tables.write_table(tmp_path / "t.parquet", [{"item_id": "a", "status": "ok"}], tables.MANIFEST)
    assert not left.exists() and all(path.read_bytes() == b"half" for path in others)
    (tmp_path / ".held.a1b2c3d4").mkdir()
    with tables.folder_beside(tmp_path, ".held.") as folder:
        (folder / "x").touch()
        assert [path for path in tmp_path.iterdir() if path.is_dir()] == [folder]
    assert not folder.exists()
