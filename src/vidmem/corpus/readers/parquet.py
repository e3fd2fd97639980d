"""Parquet files with the media in them or with their paths, as the hub's video and image datasets are laid out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vidmem.corpus.listed import Listed
from vidmem.media.cells import bytes_leaf
from vidmem.userfiles import find_shards, safe_join

MEDIA = ("video", "image", "mp4", "webm", "jpg", "png", "webp", "path", "file_name")
CAPTION = ("caption", "text", "prompt", "name")
ID = ("item_id", "id", "key", "__key__", "videoid")
BATCH_ROWS = 4096
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class _Columns(NamedTuple):
    """What is read of a file: the column of media and, in it, of paths; of captions; of ids."""

    media: str
    paths: str | None
    caption: str | None
    item_id: str | None


def read_parquet(folder: Path, media: str | None, caption: str | None, item_id: str | None) -> Iterator[Listed]:
    """The rows of all Parquet files below a folder, by file and place; ids are `<file>/<id or row>`.

    Columns that are not named are found by their usual names. Bytes stay where they are: such an item's path is
    `<file>.parquet/<column>`, its offset the row. A file that can't be read is one row with the reason.
    """
    files = find_shards(folder, ".parquet")
    if not files:
        raise ValueError(f"{folder}: no .parquet in this folder")
    for name in files:
        try:
            with pq.ParquetFile(folder / name, pre_buffer=False) as file:
                columns = _columns(file.schema_arrow, media, caption, item_id)
                yield from _rows(folder, name, file, columns)
        except (pa.ArrowException, OSError, LookupError) as error:
            reason = error.args[0] if isinstance(error, LookupError) else f"not readable as Parquet ({_plain(error)})"
            yield Listed(name, name, None, str(reason))


def _columns(schema: pa.Schema, media: str | None, caption: str | None, item_id: str | None) -> _Columns:
    """Raises `LookupError` for a file without a column of media."""
    found = _first(schema, media, MEDIA)
    if found is None:
        expected = media or ", ".join(MEDIA)
        raise LookupError(f"no column of media: {expected} expected, there are {', '.join(schema.names)}")
    kind = schema.field(found).type
    paths = found if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None
    if pa.types.is_struct(kind) and kind.get_field_index("path") >= 0:
        paths = f"{found}.path"
    if (paths is None and bytes_leaf(schema, found) is None) or "/" in found:
        raise LookupError(f"the column {found!r} holds neither bytes nor paths")
    return _Columns(found, paths, _first(schema, caption, CAPTION), _first(schema, item_id, ID))


def _first(schema: pa.Schema, named: str | None, usual: Sequence[str]) -> str | None:
    return next((name for name in ([named] if named else usual) if name in schema.names), None)


def _rows(folder: Path, name: str, file: pq.ParquetFile, columns: _Columns) -> Iterator[Listed]:
    wanted = [c for c in (columns.paths, columns.caption, columns.item_id) if c]
    leaf = bytes_leaf(file.schema_arrow, columns.media)
    number, stem = 0, name.removesuffix(PurePosixPath(name).suffix)
    for group in range(file.num_row_groups):
        present = _present(file, group, leaf) if leaf else iter(())
        left = file.metadata.row_group(group).num_rows
        for batch in _batches(file, group, wanted, left):
            for row in batch:
                inside = next(present, False)
                own = row.get(columns.item_id or "")
                item = f"{stem}/{number if own is None else own}"
                where = _cell(name, columns.media, number) if inside else _file(folder, name, _path(row, columns))
                for caption in _captions(row.get(columns.caption or "")):
                    yield Listed(item, caption=caption, **where)
                number += 1


def _batches(file: pq.ParquetFile, group: int, wanted: list[str], rows: int) -> Iterator[list[dict[str, Any]]]:
    """Rows of a group as dicts of the columns wanted, which may be none."""
    if not wanted:
        yield [{} for _ in range(rows)]
        return
    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=wanted):
        yield batch.to_pylist()


def _present(file: pq.ParquetFile, group: int, leaf: str) -> Iterator[bool]:
    """Whether each row of a group has bytes: by the file's own counts where it can be told so, for they are large."""
    described = file.metadata.row_group(group)
    chunk = next(c for c in map(described.column, range(described.num_columns)) if c.path_in_schema == leaf)
    nulls = chunk.statistics.null_count if chunk.statistics and chunk.statistics.has_null_count else None
    if nulls in (0, described.num_rows):
        yield from [nulls == 0] * described.num_rows
        return
    for batch in file.iter_batches(16, row_groups=[group], columns=[leaf]):
        column = batch.column(0)
        column = column.field("bytes") if pa.types.is_struct(column.type) else column
        yield from column.is_valid().to_pylist()


def _path(row: dict[str, Any], columns: _Columns) -> str | None:
    value = row.get(columns.media)
    found = value.get("path") if isinstance(value, dict) else value
    return found if isinstance(found, str) and found else None


def _cell(name: str, column: str, row: int) -> dict[str, Any]:
    return {"path": f"{name}/{column}", "offset": row}


def _file(folder: Path, name: str, path: str | None) -> dict[str, Any]:
    """Where a path leads: from the Parquet file's own folder, as the hub has it, or from the corpus' folder."""
    if path is None:
        return {"path": None, "problem": "neither bytes nor a path"}
    if _ADDRESS.match(path):
        return {"path": None, "problem": "an address, not a file: fetch it first"}
    beside = (PurePosixPath(name).parent / path).as_posix()
    try:
        found = beside if safe_join(folder, beside).is_file() else path
        return {"path": PurePosixPath(os.path.relpath(safe_join(folder, found), folder)).as_posix()}
    except ValueError as error:
        return {"path": None, "problem": str(error)}


def _captions(value: Any) -> list[str | None]:
    """Captions of a cell: a text, or a list of them; the same twice is one."""
    texts = [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str) and v]
    return list(dict.fromkeys(texts)) or [None]


def _plain(error: Exception) -> str:
    return str(error).splitlines()[0]
