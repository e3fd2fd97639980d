"""Tables of more rows than fit in memory: written and read in batches, in the form that `write_table` gives them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vidmem.tables.files import conform, made_metadata, parquet_options, whole
from vidmem.tables.schemas import OK
from vidmem.tables.seal import opened, sealed_writer

GROUP_ROWS = 1 << 16  # rows that are held before they are written, and that a reader of a few rows must go through
VECTOR_ROWS = 1 << 13  # the same of rows that bear a vector: 5 kB each with their pictures, so some 40 MB


@contextmanager
def table_writer(
    path: str | Path, schema: pa.Schema, made_by: Mapping[str, Any] | None = None
) -> Iterator[Callable[[Any], None]]:
    """A function that appends rows (all that `write_table` takes), for a table that is whole at the end or not there.

    Rows are gathered to groups of `GROUP_ROWS`, or of `VECTOR_ROWS`, so that the file does not depend on how they came
    in.
    """
    size = min(GROUP_ROWS, VECTOR_ROWS) if any(map(pa.types.is_fixed_size_list, schema.types)) else GROUP_ROWS
    with (
        whole(path) as aside,
        sealed_writer(aside, schema.with_metadata(made_metadata(made_by)), **parquet_options(schema)) as writer,
    ):
        waiting: list[pa.Table] = []

        def write(rows: Any) -> None:
            waiting.append(conform(rows, schema))
            if sum(map(len, waiting)) >= size:
                table = pa.concat_tables(waiting)
                full = len(table) // size * size
                writer.write_table(table.slice(0, full), row_group_size=size)
                waiting[:] = [table.slice(full)] if full < len(table) else []

        yield write
        if any(map(len, waiting)):
            writer.write_table(pa.concat_tables(waiting))


def count_rows(path: str | Path) -> int:
    """Rows of a table, from the file's end alone."""
    with opened(path) as file:
        return int(file.metadata.num_rows)


def iter_batches(
    path: str | Path,
    columns: Sequence[str] | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    size: int = GROUP_ROWS,
) -> Iterator[pa.RecordBatch]:
    """The rows [start, stop) in their order, at most `size` at a time; parts of the file without any are not read."""
    with opened(path) as file:
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if first + rows > start and (stop is None or first < stop):
                yield from _of_group(
                    file, group, columns, max(start - first, 0), None if stop is None else stop - first, size
                )
            first += rows


def iter_ok(
    path: str | Path, columns: Sequence[str], *, start: int = 0, stop: int | None = None
) -> Iterator[pl.DataFrame]:
    """`iter_batches` of the rows whose status is ok, with their status."""
    for batch in iter_batches(path, [*columns, "status"], start=start, stop=stop):
        yield pl.DataFrame(pl.from_arrow(batch)).filter(pl.col("status") == OK)


def read_where(
    path: str | Path | Iterable[str | Path], where: pl.Expr, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """The rows, in their order, for which a condition on `columns` holds: no more of a table is held at a time.

    `path` is one table, or several of one schema, of which there is at least one.
    """
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    with opened(paths[0]) as file:
        schema = file.schema_arrow.remove_metadata()
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    found: list[pa.RecordBatch] = []
    for batch in itertools.chain.from_iterable(iter_batches(one, columns) for one in paths):
        mask = pl.DataFrame(pl.from_arrow(batch)).select(where).to_series().to_arrow()
        found.append(batch.filter(mask).select(schema.names))  # a copy: polars would hold on to the texts of all rows
    return pl.DataFrame(pl.from_arrow(pa.Table.from_batches([b.replace_schema_metadata(None) for b in found], schema)))


def checked(path: str | Path, columns: Sequence[str]) -> Path:
    """The path of a table that another reader goes on with, which checks nothing: these columns are as written.

    Raises `seal.DamagedTable` if they are not. They are read once for it, a batch at a time.
    """
    for _ in iter_batches(path, columns):
        pass
    return Path(path)


def _of_group(
    file: pq.ParquetFile, group: int, columns: Sequence[str] | None, start: int, stop: int | None, size: int
) -> Iterator[pa.RecordBatch]:
    at = 0
    for batch in file.iter_batches(size, row_groups=[group], columns=list(columns) if columns else None):
        low, high = max(start - at, 0), len(batch) if stop is None else min(stop - at, len(batch))
        if low < high:
            yield batch.slice(low, high - low)
        at += len(batch)
