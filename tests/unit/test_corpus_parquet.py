"""Parquet files with the media in them or with their paths, as the hub's datasets are laid out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import corpusfiles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpusfiles import clip_bytes, image_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.config.corpus import ParquetSource
from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaRef, hash_of, probe
from vidmem.media.cells import read_cell


def write(path: Path, rows: list[dict[str, Any]], group: int = 2, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group, **options)
    return path


def read(folder: Path, tmp_path: Path, **keys: Any) -> corpusfiles.Rows:
    source = ParquetSource(kind="parquet", folder=str(folder), **keys)
    return corpusfiles.manifest({"p": source.model_dump()}, tmp_path / "out")


def cell(data: bytes | None, path: str | None = None) -> dict[str, Any]:
    return {"bytes": data, "path": path}


@pytest.mark.parametrize("statistics", [True, False])
def test_bytes_in_a_file_are_items_that_are_read_in_place(tmp_path: Path, statistics: bool) -> None:
    rows = [{"video": cell(clip_bytes(n)), "caption": f"clip {n}"} for n in range(5)]
    write(tmp_path / "d/data/train-00000.parquet", rows, write_statistics=statistics)
    found = read(tmp_path / "d", tmp_path)
    assert list(found) == [f"p/data/train-00000/{n}" for n in range(5)]
    for n, row in enumerate(found.values()):
        assert (row["path"], row["offset"], row["size"]) == ("data/train-00000.parquet/video", n, None)
        assert (row["status"], row["frames"], row["caption"]) == ("ok", 5, f"clip {n}")
        assert row["sha256"] == hashlib.sha256(clip_bytes(n)).hexdigest()


def test_images_are_videos_of_one_frame(tmp_path: Path) -> None:
    write(tmp_path / "d/a.parquet", [{"image": cell(image_bytes(1)), "text": "one"}, {"image": cell(image_bytes(2))}])
    assert [(r["kind"], r["frames"], r["caption"]) for r in read(tmp_path / "d", tmp_path).values()] == [
        ("image", 1, "one"),
        ("image", 1, None),
    ]


def test_plain_bytes_and_an_id_column(tmp_path: Path) -> None:
    write(tmp_path / "d/a.parquet", [{"key": "k1", "mp4": clip_bytes(1)}, {"key": "k1", "mp4": clip_bytes(2)}])
    write(tmp_path / "d/b.parquet", [{"key": "k1", "mp4": clip_bytes(3)}])
    found = read(tmp_path / "d", tmp_path)
    assert list(found) == ["p/a/k1", "p/a/k1#2", "p/b/k1"]
    assert {r["status"] for r in found.values()} == {"ok"}


def test_paths_lead_from_the_file_or_from_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    for name in ("train/beside.mp4", "below.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(clip_bytes())
    names = ["beside.mp4", "below.mp4", "../../../etc/passwd", "https://example.org/a.mp4", "gone.mp4", None]
    write(folder / "train/metadata.parquet", [{"file_name": n, "text": "t"} for n in names])
    rows = list(read(folder, tmp_path).values())
    assert [(r["path"], r["reason"]) for r in rows] == [
        ("train/beside.mp4", None),
        ("below.mp4", None),
        (None, "path leaves the folder"),
        (None, "an address, not a file: fetch it first"),
        ("gone.mp4", "file not found"),
        (None, "neither bytes nor a path"),
    ]


def test_one_column_may_hold_bytes_and_paths(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/b.mp4").write_bytes(clip_bytes(2))
    cells = [cell(clip_bytes(1), "a.mp4"), cell(None, "b.mp4"), cell(clip_bytes(3)), cell(None)]
    write(tmp_path / "d/a.parquet", [{"video": c} for c in cells], group=10)
    rows = list(read(tmp_path / "d", tmp_path).values())
    assert [(r["path"], r["offset"], r["status"]) for r in rows] == [
        ("a.parquet/video", 0, "ok"),
        ("b.mp4", None, "ok"),
        ("a.parquet/video", 2, "ok"),
        (None, None, "skipped"),
    ]


def test_several_captions_are_rows_on_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "d/a.parquet", [{"video": cell(clip_bytes()), "caption": ["one", "two", "one"]}])
    rows = read(tmp_path / "d", tmp_path)
    assert {k: (r["caption"], r["same_as"]) for k, r in rows.items()} == {
        "p/a/0": ("one", "p/a/0"),
        "p/a/0#2": ("two", "p/a/0"),
    }


def test_columns_may_be_named_and_what_is_missing_is_a_row(tmp_path: Path) -> None:
    write(tmp_path / "d/a.parquet", [{"clip": clip_bytes(), "words": "w", "n": 7}])
    write(tmp_path / "d/b.parquet", [{"other": 1}])
    (tmp_path / "d/c.parquet").write_bytes(b"PAR1 nothing")
    found = read(tmp_path / "d", tmp_path, media="clip", caption="words", id="n")
    assert (found["p/a/7"]["status"], found["p/a/7"]["caption"]) == ("ok", "w")
    assert found["p/b.parquet"]["reason"] == "no column of media: clip expected, there are other"
    assert found["p/c.parquet"]["reason"].startswith("not readable as Parquet")


@settings(max_examples=25, deadline=None)
@given(order=st.lists(st.integers(0, 8), min_size=1, max_size=20), group=st.integers(1, 9))
def test_cells_are_the_same_in_whatever_order_they_are_asked_for(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], group: int
) -> None:
    path = write(tmp_path_factory.mktemp("cells") / "a.parquet", [{"b": f"cell {n}".encode()} for n in range(9)], group)
    assert [read_cell(path / "b", n) for n in order] == [f"cell {n}".encode() for n in order]


@pytest.mark.parametrize(
    ("path", "row", "reason"),
    [
        ("a.parquet/video", 9, "no row 9"),
        ("a.parquet/video", -1, "no row -1"),
        ("a.parquet/caption", 0, "no column 'caption' that holds files"),
        ("a.parquet/video", 1, "the cell is empty"),
        ("gone.parquet/video", 0, "file not found"),
        ("broken.parquet/video", 0, "damaged: the Parquet file can't be read"),
    ],
)
def test_a_cell_that_is_not_there_has_a_reason(tmp_path: Path, path: str, row: int, reason: str) -> None:
    write(tmp_path / "a.parquet", [{"video": cell(clip_bytes()), "caption": "c"}, {"video": cell(None)}])
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(MediaError, match=reason):
        probe(MediaRef(tmp_path / path, row), Limits())


def test_the_bounds_of_files_hold_for_cells(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [{"video": clip_bytes()}, {"video": b""}])
    with pytest.raises(MediaError, match="bytes are more than 10"):
        hash_of(MediaRef(path / "video", 0), Limits(max_bytes=10))
    with pytest.raises(MediaError, match="empty file"):
        hash_of(MediaRef(path / "video", 1), Limits())
