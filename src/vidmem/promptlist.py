"""A user's own list of prompts: a table with a column of texts, or a text file with one a line.

The Snakefile checks it each time it is parsed, so only light modules are imported here.
"""

from __future__ import annotations

from pathlib import Path

from vidmem.text import normalise_text, prompt_id
from vidmem.userfiles import MAX_TABLE_BYTES, TABLE_SUFFIXES, TEXT_COLUMNS, read_user_table

FORMULA_STARTS = ("=", "+", "-", "@")  # a spreadsheet takes such a cell for a formula and may run it
ESCAPE = "'"  # before such a cell in a CSV file: the spreadsheet then shows it as text


def read_prompt_list(path: str | Path) -> list[str]:
    """Prompts, normalised, in the file's order: the column `prompt`, `caption` or `text`, or the lines of a .txt.

    Raises `ValueError`, one line, for a file without such a column, without prompts, or with an empty one.
    """
    path = Path(path)
    texts = _lines(path) if path.suffix.lower() == ".txt" else _column(path)
    if not texts:
        raise ValueError(f"{path}: the prompt list has no rows")
    return texts


def safe_cell(text: str) -> str:
    """The text as a CSV cell that no spreadsheet runs: see `read_prompt_list`, which undoes it for our own exports."""
    return ESCAPE + text if text.startswith(FORMULA_STARTS) else text


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise ValueError(f"{path}: more than {MAX_TABLE_BYTES} bytes")
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error.reason})") from None
    return [text for text in map(normalise_text, lines) if text]


def _column(path: Path) -> list[str]:
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise ValueError(f"{path}: prompts are read from {', '.join(TABLE_SUFFIXES)}, .txt")
    rows = read_user_table(path)
    if not rows:
        return []
    column = next((c for c in TEXT_COLUMNS if c in rows[0]), None)
    if column is None:
        raise ValueError(f"{path}: no column named {', '.join(TEXT_COLUMNS)}; it has {', '.join(rows[0])}")
    texts = [_as_exported(normalise_text(row.get(column) or ""), row.get("prompt_id")) for row in rows]
    if "" in texts:
        raise ValueError(f"{path}: row {texts.index('') + 1} has an empty {column}")
    return texts


def _as_exported(text: str, key: str | None) -> str:
    """Without the escape of `safe_cell`. It is undone only where the row's prompt_id says so: others' texts stay."""
    bare = text.removeprefix(ESCAPE)
    return bare if bare != text and key == prompt_id(bare) else text
