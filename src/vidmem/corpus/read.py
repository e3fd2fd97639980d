"""What a corpus lists: the rows of its captions table, and the files of its folder that no row names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vidmem.config.corpus import Columns
from vidmem.userfiles import Row, find_captions, find_media, iter_user_table, safe_join


@dataclass(frozen=True)
class Listed:
    """One item as it is listed, before its file is opened. `problem` is why it can't be used, where that shows.

    `path` is relative to the folder, POSIX, without '..'; None where there is none inside the folder.
    """

    item_id: str
    path: str | None
    caption: str | None
    problem: str | None = None


def list_items(folder: Path, captions: Path | None, columns: Columns) -> Iterator[Listed]:
    """Items in the order of the table, then files that it doesn't name, by path. No `item_id` comes twice.

    Without `captions`, the folder's own `captions.*` is read if there is one. Raises `ValueError` with one line for
    a folder that isn't there or holds nothing, and for a table that is empty, unreadable or lacks the columns.
    """
    media = find_media(folder)
    table = captions or find_captions(folder)
    if table is None and not media:
        raise ValueError(f"{folder}: no video or image in this folder")
    taken: set[str] = set()
    named: set[str] = set()
    if table is not None:
        rows = 0
        found: dict[str, None] = {}
        for rows, row in enumerate(iter_user_table(table), 1):
            found.update(dict.fromkeys(row))
            item = _once(_from_row(folder, row, columns, rows), taken)
            if item.path is not None:
                named.add(item.path)
            yield item
        if not rows:
            raise ValueError(f"{table}: the captions table has no rows")
        _check_columns(table, list(found), columns)
    for relative in media:
        if relative not in named:
            yield _once(Listed(relative, relative, None), taken)


def _check_columns(table: Path, found: list[str], columns: Columns) -> None:
    for key, name in (("path", columns.path), ("caption", columns.caption)):
        if name not in found:
            there = ", ".join(map(repr, found))
            raise ValueError(f"{table}: no column {name!r}; there are {there}. Name it in the config: columns.{key}")


def _from_row(folder: Path, row: Row, columns: Columns, number: int) -> Listed:
    relative, caption = row.get(columns.path), row.get(columns.caption)
    item_id = row.get(columns.id) or relative or f"row {number}"
    if ".." in PurePosixPath(item_id.replace("\\", "/")).parts:
        return Listed(item_id, None, caption, "path leaves the folder" if item_id == relative else "id holds '../'")
    if relative is None:
        return Listed(item_id, None, caption, "no path")
    try:
        path = os.path.relpath(safe_join(folder, relative), folder)
        return Listed(item_id, PurePosixPath(path).as_posix(), caption)
    except ValueError as error:
        return Listed(item_id, None, caption, str(error))


def _once(item: Listed, taken: set[str]) -> Listed:
    """The item, or if its id was taken already the same one skipped, under an id of its own."""
    item_id, number = item.item_id, 1
    while item_id in taken:
        number += 1
        item_id = f"{item.item_id}#{number}"
    taken.add(item_id)
    return item if number == 1 else Listed(item_id, item.path, item.caption, item.problem or "duplicate id")
