"""A user's table read to its end whatever stands in it: a row that can't be read is a row with the reason.

`userfiles.iter_user_table` refuses a table at its first fault, which is right for a list of prompts. A corpus of
millions of rows has such rows, and one of them must not cost the others.
"""

from __future__ import annotations

import csv
import json
from collections import deque
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
    """Lines of a file that can be gone back over, and in which encoding those of the present row were read."""

    def __init__(self, path: Path) -> None:
        self._lines = read_lines(path)
        self._again: deque[tuple[str, str | None]] = deque()
        self._row: list[tuple[str, str | None]] = []
        self.number = 0  # of the last line given

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        found = self._again.popleft() if self._again else next(self._lines)
        self._row.append(found)
        self.number += 1
        return found[0]

    def begin_row(self) -> None:
        """What was given belongs to a row that is done with."""
        self._row.clear()

    def back_to_second(self) -> None:
        """Give the lines of this row again, but for its first: an open quote has taken rows that are sound."""
        self._again.extendleft(reversed(self._row[1:]))
        self.number -= len(self._row) - 1
        del self._row[1:]

    def note(self) -> str | None:
        """What is to be said of how this row was read."""
        met = next((encoding for _, encoding in self._row if encoding), None)
        return f"not UTF-8: read as {met}" if met else None


def _csv_rows(path: Path, delimiter: str) -> Iterator[TableRow]:
    csv.field_size_limit(MAX_CELL_CHARS)
    lines = _Lines(path)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise ValueError(f"{path}: line {lines.number}: {error}") from None
    if not header:
        return
    check_header(path, header)
    while True:
        lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.back_to_second()
            yield TableRow({}, lines.note(), f"line {lines.number}: {error}")
            continue
        if cells:
            yield _csv_row(cells, header, delimiter, lines)


def _csv_row(cells: list[str], header: list[str], delimiter: str, lines: _Lines) -> TableRow:
    problem = None
    if len(cells) > len(header):
        quotes = f"a cell that holds {delimiter!r} must stand in quotes"
        problem = f"line {lines.number} has {len(cells)} cells, the header {len(header)}; {quotes}"
    cells += [""] * (len(header) - len(cells))
    return TableRow({n: cell or None for n, cell in zip(header, cells, strict=False)}, lines.note(), problem)


def _json_rows(path: Path) -> Iterator[TableRow]:
    lines = _Lines(path)
    for line in lines:
        if line.strip():
            yield _json_row(path, lines.number, line, lines.note())
        lines.begin_row()


def _json_row(path: Path, number: int, line: str, note: str | None) -> TableRow:
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("no object")
        return TableRow({str(k): text_cell(path, number, k, v) for k, v in found.items()}, note)
    except (ValueError, RecursionError) as error:
        return TableRow({}, note, f"line {number} is not JSON, or no object of texts and numbers ({error})")
