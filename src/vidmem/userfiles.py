"""Folders and tables that a person hands us: found, read and bounded, before anything heavy is imported.

The Snakefile asks for `fingerprint` each time it is parsed, also in every job: so only the standard library here,
and pyarrow where a Parquet table is read.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".webm", ".avi", ".mov", ".gif"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
MEDIA_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES
TEXT_COLUMNS = ("prompt", "caption", "text")  # names under which a user's table may hold prompts
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl")

MAX_TABLE_BYTES = 4 * 1024**3
MAX_CELL_CHARS = 1024**2

Row = dict[str, str | None]
Roots = str | Path | Mapping[str, str | Path]  # one folder, or a folder for each corpus by its name


def sha256_of(path: str | Path) -> str:
    """Hash of a file's bytes, as 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_media(folder: str | Path) -> list[str]:
    """Relative POSIX paths of the videos and images below `folder`, sorted.

    Hidden files are left out, folders that are links aren't entered, and links to files outside aren't followed.
    Raises `ValueError` if the folder does not exist.
    """
    return _find(folder, MEDIA_SUFFIXES)


def _find(folder: str | Path, suffixes: frozenset[str]) -> list[str]:
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder")
    real = root.resolve()
    found = []
    for base, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in files:
            path = Path(base, name)
            if name.startswith(".") or path.suffix.lower() not in suffixes:
                continue
            if not path.is_symlink() or path.resolve().is_relative_to(real):
                found.append(path.relative_to(root).as_posix())
    return sorted(found)


def count_media(folder: str | Path) -> int:
    """How many videos and images lie below `folder`."""
    return len(find_media(folder))


def find_shards(folder: str | Path, suffix: str) -> list[str]:
    """Relative POSIX paths of the files below `folder` that end in `suffix` (".tar"), sorted.

    Hidden files, and links that lead outside, are left out as by `find_media`. Raises `ValueError` for no such folder.
    """
    return _find(folder, frozenset({suffix}))


def find_captions(folder: str | Path) -> Path | None:
    """The table `captions.{csv,tsv,parquet,jsonl}` in `folder`, the first of them that there is."""
    for suffix in TABLE_SUFFIXES:
        path = Path(folder) / f"captions{suffix}"
        if path.is_file():
            return path
    return None


def fingerprint(folder: str | Path, captions: str | Path | None = None) -> str:
    """A cheap hash (16 hex digits) of which media lie in a folder: relative paths, sizes, modification times.

    The captions table counts too, the one given or the one found in the folder. No file is opened.
    """
    root = Path(folder)
    digest = hashlib.sha256()
    table = Path(captions) if captions else find_captions(root)
    for name in find_media(root):
        digest.update(_stamp(name, root / name))
    if table is not None:
        digest.update(_stamp("captions\0" + table.name, table))
    return digest.hexdigest()[:16]


def files_fingerprint(root: str | Path, names: Iterable[str]) -> str:
    """A cheap hash (16 hex digits) of the sizes and modification times of files below `root`, by name."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(_stamp(name, Path(root) / name))
    return digest.hexdigest()[:16]


def _stamp(name: str, path: Path) -> bytes:
    try:
        stat = path.stat()
    except OSError:
        return f"{name}\0gone\n".encode(errors="surrogateescape")
    return f"{name}\0{stat.st_size}\0{stat.st_mtime_ns // 1_000_000}\n".encode(errors="surrogateescape")


def safe_join(root: str | Path, relative: str) -> Path:
    """`root / relative`. Raises `ValueError` where that (links followed) leaves the root."""
    if "\x00" in relative:
        raise ValueError("path holds a NUL character")
    path = Path(root) / relative
    if not path.resolve().is_relative_to(Path(root).resolve()):
        raise ValueError("path leaves the folder")
    return path


def media_path(roots: Roots, corpus: str | None, path: str) -> Path:
    """Where a row of a manifest lies: `path` below the folder of its `corpus`, or below the one folder there is.

    Raises `ValueError` where that leaves the folder, and for a corpus of which no folder is known.
    """
    if not isinstance(roots, Mapping):
        return safe_join(roots, path)
    if corpus is None or corpus not in roots:
        raise ValueError(f"no folder is known of the corpus {corpus!r}")
    return safe_join(roots[corpus], path)


def read_user_table(path: str | Path) -> list[Row]:
    """Read a .csv, .tsv, .parquet or .jsonl table as dicts of strings; empty cells are None, text stays verbatim.

    Raises `ValueError` with one line that names the file, the place and what was expected.
    """
    return list(iter_user_table(path))


def iter_user_table(path: str | Path) -> Iterator[Row]:
    """The rows of `read_user_table`, one at a time."""
    path = Path(path)
    check_table(path)
    readers = {".csv": _read_csv, ".tsv": _read_csv, ".parquet": _read_parquet, ".jsonl": _read_jsonl}
    try:
        yield from readers[path.suffix.lower()](path)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error.reason})") from None


def check_table(path: Path) -> None:
    """Raise `ValueError` with one line for a table that is missing, too large, or of no kind that is read."""
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise ValueError(f"{path}: tables are read from {', '.join(TABLE_SUFFIXES)}")
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    if size > MAX_TABLE_BYTES:
        raise ValueError(f"{path}: {size} bytes are more than {MAX_TABLE_BYTES}")


def _read_csv(path: Path) -> Iterator[Row]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    csv.field_size_limit(MAX_CELL_CHARS)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next(reader, None)
            if not header:
                return
            check_header(path, header)
            for cells in reader:
                if not cells:
                    continue  # an empty line
                if len(cells) > len(header):
                    raise ValueError(
                        f"{path}: line {reader.line_num} has {len(cells)} cells, the header {len(header)}; "
                        f"a cell that holds {delimiter!r} must stand in quotes"
                    )
                cells += [""] * (len(header) - len(cells))
                yield {name: cell or None for name, cell in zip(header, cells, strict=True)}
        except csv.Error as error:
            raise ValueError(f"{path}: line {reader.line_num}: {error}") from None


def check_header(path: Path, header: list[str]) -> None:
    """Raise `ValueError` where a name stands twice."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"{path}: the column {twice[0]!r} stands twice in the header")


def _read_jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}: line {number} is not JSON ({error})") from None
            if not isinstance(row, dict):
                raise ValueError(f'{path}: line {number} is no object such as {{"path": ..., "caption": ...}}')
            yield {str(k): text_cell(path, number, k, v) for k, v in row.items()}


def _read_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            check_header(path, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(4096):
                for row in batch.to_pylist():
                    number += 1
                    yield {k: text_cell(path, number, k, v) for k, v in row.items()}
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: not readable as Parquet ({str(error).splitlines()[0]})") from None


def text_cell(path: Path, row: int, column: str, value: Any) -> str | None:
    """A cell as text, None for an empty one. Raises `ValueError` for what is neither text nor a number."""
    if value is None or value == "":
        return None
    if isinstance(value, (dict, list, bytes)):
        kind = type(value).__name__
        raise ValueError(f"{path}: row {row}, column {column!r} holds a {kind}, expected text or a number")
    return str(value)
