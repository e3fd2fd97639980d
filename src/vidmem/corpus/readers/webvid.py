"""WebVid: a table of videos (videoid, contentUrl, duration, page_dir, name) over a folder of those fetched."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from vidmem.corpus.listed import Listed
from vidmem.lenient import TableRow, iter_lenient_table
from vidmem.userfiles import Row

SUFFIX = ".mp4"  # WebVid has no others
PAGE = re.compile(r"\d+_\d+")  # a folder of `page_dir`, such as 006001_006050: no place to look for more folders
MAX_PLACES = 256


def read_webvid(folder: Path, table: Path, columns: Mapping[str, str]) -> Iterator[Listed]:
    """The table's rows in their order; one without a file is listed with the reason. `columns`: id, caption, page.

    Files are looked for under `<page_dir>/<videoid>.mp4` and `<videoid>.mp4`, in the folder and in its subfolders, two
    deep, that are not themselves a `page_dir`. The place where the last one was found is tried first.
    """
    places = _Places(folder)
    rows = 0
    for rows, row in enumerate(iter_lenient_table(table), 1):
        if rows == 1:
            _check_columns(table, row.cells, columns)
        yield _item(row, rows, columns, places)
    if not rows:
        raise ValueError(f"{table}: the table has no rows")


def _check_columns(table: Path, cells: Row, columns: Mapping[str, str]) -> None:
    for key in ("id", "caption"):
        if cells and columns[key] not in cells:
            there = ", ".join(map(repr, cells))
            raise ValueError(f"{table}: no column {columns[key]!r}; there are {there}. Name it in the config: {key}")


def _item(row: TableRow, number: int, columns: Mapping[str, str], places: _Places) -> Listed:
    video, caption = row.cells.get(columns["id"]), row.cells.get(columns["caption"])
    page = row.cells.get(columns["page"]) or ""
    if row.problem or not video:
        return Listed(video or f"row {number}", None, caption, row.problem or f"no {columns['id']}", row.note)
    if not _is_name(video) or (page and not all(map(_is_name, page.split("/")))):
        return Listed(video, None, caption, "path leaves the folder", row.note)
    path = places.find(video, page)
    if path is None:
        return Listed(video, f"{page}/{video}{SUFFIX}" if page else video + SUFFIX, caption, "file not found", row.note)
    return Listed(video, path, caption, None, row.note)


def _is_name(part: str) -> bool:
    return part not in ("", ".", "..") and not set(part) & {"/", "\\", "\x00"}


class _Places:
    """Where videos may lie below a folder, the one that held the last of them first."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder")
        self._folder = folder
        parts = ["", *_subfolders(folder)]
        self._order = [(part, paged) for part in parts for paged in (True, False)]

    def find(self, video: str, page: str) -> str | None:
        """The video's path from the folder; None where it is in none of the places."""
        for number, (part, paged) in enumerate(self._order):
            if paged and not page:
                continue
            path = f"{part}{page}/{video}{SUFFIX}" if paged else f"{part}{video}{SUFFIX}"
            if os.path.exists(f"{self._folder}/{path}"):  # noqa: PTH110 - millions of rows, and a Path costs more
                if number:
                    self._order.insert(0, self._order.pop(number))
                return path
        return None


def _subfolders(folder: Path, deep: int = 2) -> list[str]:
    """Subfolders that may hold videos, each with a slash at its end; at most `MAX_PLACES` of them."""
    found: list[str] = []
    waiting = [("", 0)]
    while waiting and len(found) < MAX_PLACES:
        above, depth = waiting.pop(0)
        with os.scandir(folder / above) as entries:
            inside = sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))
        for name in inside:
            if not PAGE.fullmatch(name):
                found.append(f"{above}{name}/")
                if depth + 1 < deep:
                    waiting.append((found[-1], depth + 1))
    return found[:MAX_PLACES]
