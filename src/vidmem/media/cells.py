"""Files that stand in a cell of a Parquet file: read in place one at a time, cheaply if they are asked for in order."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SUFFIX = ".parquet"
OPEN_COLUMNS = 4
BUFFER_BYTES = 1 << 20


def is_cell(path: Path) -> bool:
    """Whether a path is `<file>.parquet/<column>`, as it stands in a manifest."""
    return path.parent.suffix.lower() == SUFFIX and path.parent.is_file()


def read_cell(path: Path, row: int) -> bytes:
    """The bytes in row `row` (from 0) of the column that `path` names: of bytes, or with a field `bytes`.

    Raises `LookupError` for a row or a column that is not there and for an empty cell, `OSError` and
    `pyarrow.ArrowException` for a file that can't be read.
    """
    return _open(path.parent, path.name, path.parent.stat().st_mtime_ns).cell(row)


@lru_cache(OPEN_COLUMNS)
def _open(file: Path, column: str, changed_ns: int) -> _Column:
    return _Column(file, column)


def bytes_leaf(schema: pa.Schema, column: str) -> str | None:
    """What to ask of a file for the bytes of a column: its name, or that of its field; None if it holds no bytes."""
    index = schema.get_field_index(column)
    if index < 0:
        return None
    kind = schema.field(index).type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        return f"{column}.bytes" if _is_bytes(kind.field("bytes").type) else None
    return column if _is_bytes(kind) else None


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


class _Column:
    """One column of an open file, and how far its present row group has been read."""

    def __init__(self, file: Path, column: str) -> None:
        self._file = pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER_BYTES)
        leaf = bytes_leaf(self._file.schema_arrow, column)
        if leaf is None:
            raise LookupError(f"no column {column!r} that holds files")
        self._leaf = leaf
        sizes = (self._file.metadata.row_group(g).num_rows for g in range(self._file.num_row_groups))
        self._starts = list(itertools.accumulate(sizes, initial=0))
        self._next = 0
        self._cells: Iterator[pa.RecordBatch] = iter(())
        self._last: tuple[int, bytes] | None = None  # a file is hashed, measured and sampled: asked for several times

    def cell(self, row: int) -> bytes:
        if self._last is None or self._last[0] != row:
            self._last = (row, self._read(row))
        return self._last[1]

    def _read(self, row: int) -> bytes:
        if not 0 <= row < self._starts[-1]:
            raise LookupError(f"no row {row}")
        group = bisect.bisect_right(self._starts, row) - 1
        if not self._starts[group] < self._next <= row:
            self._next = self._starts[group]
            self._cells = self._file.iter_batches(1, row_groups=[group], columns=[self._leaf])
        for batch in self._cells:
            self._next += len(batch)
            if self._next > row:
                return _bytes(batch.column(0))
        raise LookupError(f"no row {row}")


def _bytes(column: pa.Array) -> bytes:
    if pa.types.is_struct(column.type):
        column = column.field("bytes")
    value = column[0].as_py()
    if value is None:
        raise LookupError("the cell is empty")
    return bytes(value)
