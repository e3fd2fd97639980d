"""Writing and reading tables as Parquet files: whole or not at all, with checksums, and what made them as metadata.

Vectors lie as fixed-size lists without dictionary encoding, so that a column is one flat buffer.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from vidmem.tables.seal import opened, sealed_writer


def write_table(
    path: str | Path,
    rows: pa.Table | pl.DataFrame | Sequence[Mapping[str, Any]] | Mapping[str, Any],
    schema: pa.Schema,
    made_by: Mapping[str, Any] | None = None,
) -> None:
    """Write `rows` under `schema`, whole or not at all (written aside, then renamed).

    `rows` may be a list of row dicts, a dict of columns, a polars frame or a pyarrow table. Columns that the
    schema lacks raise `ValueError`; nullable columns that the rows lack become null.
    """
    table = conform(rows, schema)
    with whole(path) as aside:
        table = table.replace_schema_metadata(made_metadata(made_by))
        with sealed_writer(aside, table.schema, **parquet_options(schema)) as writer:
            writer.write_table(table)


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A file beside `path` to write to: it takes the place of `path` at the end, or goes if something is raised.

    What a killed job left beside `path` goes first.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left(path.parent, f".{path.name}.")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(0o644)  # mkstemp makes it private
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


@contextmanager
def folder_beside(folder: Path, prefix: str) -> Iterator[Path]:
    """A folder of its own in `folder`, gone at the end; what a killed job left under this prefix goes first."""
    remove_left(folder, prefix)
    with tempfile.TemporaryDirectory(dir=folder, prefix=prefix) as name:
        yield Path(name)


def remove_left(folder: Path, prefix: str) -> None:
    """Delete what `tempfile` made under this prefix in a folder, for jobs that were killed before they could."""
    for path in folder.glob(f"{glob.escape(prefix)}*"):
        if re.fullmatch(r"[a-z0-9_]{8}", path.name.removeprefix(prefix)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def made_metadata(made_by: Mapping[str, Any] | None) -> dict[bytes, bytes]:
    """What made a table, as the file's metadata."""
    return {b"vidmem": json.dumps(dict(made_by or {}), sort_keys=True).encode()}


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How every table is compressed, and which of its columns by a dictionary."""
    lists = (pa.types.is_fixed_size_list, pa.types.is_list)
    return {"compression": "zstd", "use_dictionary": [f.name for f in schema if not any(is_(f.type) for is_ in lists)]}


def conform(rows: Any, schema: pa.Schema) -> pa.Table:
    """The rows that `write_table` takes, as a table of exactly this schema."""
    if isinstance(rows, pl.DataFrame):
        rows = rows.to_arrow()
    if isinstance(rows, pa.Table):
        names = set(rows.column_names)
    elif isinstance(rows, Mapping):
        names = set(rows)
    else:
        rows = list(rows)
        names = {name for row in rows for name in row}
        rows = {name: [row.get(name) for row in rows] for name in schema.names}
    unknown = sorted(names - set(schema.names))
    if unknown:
        raise ValueError(f"columns {unknown} are not in the table's schema")
    length = rows.num_rows if isinstance(rows, pa.Table) else len(next(iter(rows.values()), []))
    columns = []
    for field in schema:
        if isinstance(rows, pa.Table) and field.name in names:
            column = rows.column(field.name).cast(field.type)
        elif field.name in names or field.name in rows:
            column = _column(rows[field.name], field.type)
        else:
            column = pa.nulls(length, field.type)
        if not field.nullable and column.null_count:
            raise ValueError(f"column {field.name!r} may not be null")
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values.cast(kind)
    if pa.types.is_fixed_size_list(kind):
        flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
        return pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), type=kind)
    return pa.array(values, kind, from_pandas=True)


def read_arrow(path: str | Path, columns: Sequence[str] | None = None) -> pa.Table:
    """One table, or the columns named, without its metadata.

    Raises `KeyError` for a column that is not there, and `seal.DamagedTable` where what is read has changed.
    """
    with opened(path) as file:
        table = file.read(columns=None if columns is None else list(columns)).replace_schema_metadata(None)
    return table if columns is None else table.select(list(columns))


def read_table(path: str | Path | Iterable[str | Path], columns: list[str] | None = None) -> pl.DataFrame:
    """Read one table, or several of one schema in the order given, as a polars frame (not for vectors)."""
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    frame = pl.from_arrow(pa.concat_tables([read_arrow(p, columns) for p in paths]))
    assert isinstance(frame, pl.DataFrame)
    return frame


def column_names(path: str | Path) -> list[str]:
    """Names of a table's columns."""
    with opened(path) as file:
        names: list[str] = file.schema_arrow.names
    return names


def empty_table(schema: pa.Schema) -> pl.DataFrame:
    """A frame of a table's schema without rows."""
    empty = pl.from_arrow(schema.empty_table())
    assert isinstance(empty, pl.DataFrame)
    return empty


def read_vectors(
    path: str | Path | Iterable[str | Path],
) -> tuple[pl.DataFrame, npt.NDArray[np.float32]]:
    """Read a table with a `vector` column: the other columns as a frame, and float32 of shape (rows, size)."""
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    table = pa.concat_tables([read_arrow(p) for p in paths])
    column = table.column("vector").combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    flat = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    frame = pl.from_arrow(table.drop_columns(["vector"]))
    assert isinstance(frame, pl.DataFrame)
    return frame, flat.reshape(table.num_rows, column.type.list_size)


def read_made_by(path: str | Path) -> dict[str, Any]:
    """What made a table: the dict that was given to `write_table`."""
    with opened(path) as file:
        metadata = file.schema_arrow.metadata or {}
    made_by: dict[str, Any] = json.loads(metadata.get(b"vidmem", b"{}"))
    return made_by
