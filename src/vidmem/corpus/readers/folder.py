"""A folder of files: the rows of its captions table, and the files of the folder that no row names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vidmem.config.corpus import Columns
from vidmem.corpus.listed import Listed
from vidmem.lenient import TableRow, iter_lenient_table
from vidmem.userfiles import find_captions, find_media, safe_join


def read_folder(folder: Path, captions: Path | None, columns: Columns) -> Iterator[Listed]:
    """Items in the order of the table, then files that it doesn't name, by path.

    Without `captions`, the folder's own `captions.*` is read if there is one. Raises `ValueError` with one line for
    a folder that isn't there or holds nothing, and for a table that is empty, unreadable or lacks the columns.
    """
    media = find_media(folder)
    table = captions or find_captions(folder)
    if table is None and not media:
        raise ValueError(f"{folder}: no video or image in this folder")
    named: set[str] = set()
    if table is not None:
        rows = 0
        found: dict[str, None] = {}
        for rows, row in enumerate(iter_lenient_table(table), 1):
            found.update(dict.fromkeys(row.cells))
            item = _from_row(folder, row, columns, rows)
            if item.path is not None:
                named.add(item.path)
            yield item
        if not rows:
            raise ValueError(f"{table}: the captions table has no rows")
        _check_columns(table, list(found), columns)
    yield from (Listed(relative, relative, None) for relative in media if relative not in named)


def _check_columns(table: Path, found: list[str], columns: Columns) -> None:
    for key, name in (("path", columns.path), ("caption", columns.caption)):
        if name not in found:
            there = ", ".join(map(repr, found))
            raise ValueError(f"{table}: no column {name!r}; there are {there}. Name it in the config: columns.{key}")


def _from_row(folder: Path, row: TableRow, columns: Columns, number: int) -> Listed:
    relative, caption = row.cells.get(columns.path), row.cells.get(columns.caption)
    item_id = row.cells.get(columns.id) or relative or f"row {number}"
    if row.problem:
        return Listed(item_id, None, caption, row.problem, row.note)
    if item_id != relative and ".." in PurePosixPath(item_id.replace("\\", "/")).parts:
        return Listed(item_id, None, caption, "id holds '../'", row.note)
    if relative is None:
        return Listed(item_id, None, caption, "no path", row.note)
    try:
        path = os.path.relpath(safe_join(folder, relative), folder)
        return Listed(item_id, PurePosixPath(path).as_posix(), caption, None, row.note)
    except ValueError as error:
        return Listed(item_id, None, caption, str(error), row.note)
