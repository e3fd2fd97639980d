"""A user's table read to its end whatever stands in it: a row that can't be read is a row with the reason.

`userfiles.iter_user_table` refuses a table at its first fault, which is right for a list of prompts. A corpus of
millions of rows has such rows, and one of them must not cost the others.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from vidmem.encoding import read_lines
from vidmem.userfiles import MAX_CELL_CHARS, Row, check_header, check_table, iter_user_table, text_cell


class TableRow(NamedTuple):
    """One row: its cells, how it was read where that is worth saying, and why it can't be used, if it can't."""

    cells: Row
    note: str | None = None
    problem: str | None = None


def iter_lenient_table(path: str | Path) -> Iterator[TableRow]:
    """The rows of a .csv, .tsv, .parquet or .jsonl table, one at a time; empty lines are no rows.

    Raises `ValueError` with one line for what is no table at all: a missing file, another suffix, a header with a
    name that stands twice, Parquet that can't be read.
    """
    path = Path(path)
    check_table(path)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        yield from _csv_rows(path, "\t" if suffix == ".tsv" else ",")
    elif suffix == ".jsonl":
        yield from _json_rows(path)
    else:
        yield from map(TableRow, iter_user_table(path))


class _Lines:
    """Lines of a file, remembering in which encoding the last ones were read."""

    def __init__(self, path: Path) -> None:
        self._lines = read_lines(path)
        self._met: str | None = None

    def __iter__(self) -> Iterator[str]:
        for line, encoding in self._lines:
            self._met = self._met or encoding
            yield line

    def note(self) -> str | None:
        """What is to be said of the lines since it was asked last."""
        met, self._met = self._met, None
        return f"not UTF-8: read as {met}" if met else None


def _csv_rows(path: Path, delimiter: str) -> Iterator[TableRow]:
    csv.field_size_limit(MAX_CELL_CHARS)
    lines = _Lines(path)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise ValueError(f"{path}: line {reader.line_num}: {error}") from None
    if not header:
        return
    check_header(path, header)
    width, blank = len(header), [""] * len(header)
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield TableRow({}, lines.note(), f"{_where(first, reader.line_num)}: {error}")
            continue
        if not cells:
            continue
        count = len(cells)
        filled = cells + blank[count:] if count < width else cells
        row: Row = {name: cell or None for name, cell in zip(header, filled, strict=False)}
        problem = None
        if count > width:
            where = _where(first, reader.line_num)
            problem = f"{where} has {count} cells, the header {width}; a cell with {delimiter!r} must stand in quotes"
        yield TableRow(row, lines.note(), problem)


def _where(first: int, last: int) -> str:
    return f"line {last}" if first >= last else f"lines {first} to {last}"


def _json_rows(path: Path) -> Iterator[TableRow]:
    lines = _Lines(path)
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _json_row(path, number, line, lines.note())


def _json_row(path: Path, number: int, line: str, note: str | None) -> TableRow:
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("no object")
        return TableRow({str(k): text_cell(path, number, k, v) for k, v in found.items()}, note)
    except (ValueError, RecursionError) as error:
        return TableRow({}, note, f"line {number} is not JSON, or no object of texts and numbers ({error})")
