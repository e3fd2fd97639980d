"""Tables in batches: the same file however rows came in, and no more read than was asked for."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem import tables
from vidmem.tables import stream


def rows(first: int, count: int) -> list[dict[str, object]]:
    return [{"item_id": f"i{n}", "status": "ok", "caption": str(n)} for n in range(first, first + count)]


def write(path: Path, sizes: list[int]) -> Path:
    with tables.table_writer(path, tables.MANIFEST, {"by": "test"}) as append:
        done = 0
        for size in sizes:
            append(rows(done, size))
            done += size
    return path


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 25), max_size=8), start=st.integers(0, 60), length=st.integers(0, 60))
def test_batches_are_the_rows_asked_for(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], start: int, length: int
) -> None:
    folder = tmp_path_factory.mktemp("stream")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "GROUP_ROWS", 10)
        path = write(folder / "t.parquet", cuts)
        whole = write(folder / "whole.parquet", [sum(cuts)])
    assert path.read_bytes() == whole.read_bytes()
    assert tables.count_rows(path) == sum(cuts)
    batches = tables.iter_batches(path, ["item_id"], start=start, stop=start + length, size=4)
    found = [item for batch in batches for item in batch.column("item_id").to_pylist()]
    assert found == [f"i{n}" for n in range(sum(cuts))][start : start + length]


@settings(max_examples=15)
@given(sizes=st.lists(st.integers(0, 25), min_size=1, max_size=4), wanted=st.sets(st.integers(0, 99)))
def test_rows_that_fulfil_a_condition_are_those_of_the_whole_tables(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], wanted: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("where")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "GROUP_ROWS", 10)
        paths = [write(folder / f"{n}.parquet", [size]) for n, size in enumerate(sizes)]
    where = pl.col("caption").is_in([str(n) for n in wanted])
    for columns in (None, ["item_id", "caption"]):
        expected = tables.read_table(paths, columns).filter(where)
        assert tables.read_where(paths, where, columns).equals(expected)
    assert tables.read_where(paths[0], where).equals(tables.read_table(paths[0]).filter(where))


def test_a_table_is_whole_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), tables.table_writer(tmp_path / "t.parquet", tables.MANIFEST) as append:
        append(rows(0, 3))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_streamed_table_reads_as_a_written_one(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", [2, 3])
    tables.write_table(tmp_path / "b.parquet", rows(0, 5), tables.MANIFEST, {"by": "test"})
    assert tables.read_table(tmp_path / "a.parquet").equals(tables.read_table(tmp_path / "b.parquet"))
    assert tables.read_made_by(tmp_path / "a.parquet") == {"by": "test"}
    assert pq.read_schema(tmp_path / "a.parquet").equals(pq.read_schema(tmp_path / "b.parquet"), check_metadata=True)


def test_fewer_rows_are_held_where_each_bears_a_vector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "VECTOR_ROWS", 4)
    row = {"video_id": "v", "index": 0, "time_s": 0.0, "magnitude": 0.0, "vector": [0.0] * 8}
    with tables.table_writer(tmp_path / "flow.parquet", tables.flow_schema(2)) as append:
        for size in (3, 6):
            append([row] * size)
    with tables.table_writer(tmp_path / "manifest.parquet", tables.MANIFEST) as append:
        append(rows(0, 9))
    groups = {
        name: [pq.ParquetFile(tmp_path / name).metadata.row_group(n).num_rows for n in range(count)]
        for name, count in {"flow.parquet": 3, "manifest.parquet": 1}.items()
    }
    assert groups == {"flow.parquet": [4, 4, 1], "manifest.parquet": [9]}
