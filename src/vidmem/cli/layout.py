"""Which layout a folder of training data has: what `vidmem init` writes into a config for it.

Told by names and by the first rows of tables; no video is opened.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidmem.cli.errors import Failure, plain
from vidmem.config.corpus import Columns, WebVidSource
from vidmem.lenient import iter_lenient_table
from vidmem.userfiles import (
    IMAGE_SUFFIXES,
    TABLE_SUFFIXES,
    TEXT_COLUMNS,
    VIDEO_SUFFIXES,
    find_captions,
    find_media,
    find_shards,
    safe_join,
)

PATHS = ("path", "file", "file_name", "filename", "video", "video_path", "image", "image_path", "name")
CAPTIONS = ("caption", *(name for name in TEXT_COLUMNS if name != "caption"), "title", "description", "name")
IDS = ("item_id", "id", "key", "videoid")
ROWS = 20  # of a table that are looked at
WEBVID = WebVidSource(kind="webvid", folder=".", table="t")  # for its usual columns


@dataclass(frozen=True)
class Layout:
    """What a folder holds: `kind` and keys as `config.corpus` has them for a source, and what was seen, in words."""

    kind: str
    settings: dict[str, Any]
    says: str
    items: int | None = None  # files, where they were counted
    besides: list[str] = field(default_factory=list)  # what else lies there, and is not read


def detect_layout(folder: str | Path, table: str | Path | None = None) -> Layout:
    """The layout of a folder of videos or images; `table` is a table of captions, where it lies elsewhere.

    Raises `Failure`, one line, for a folder that is none or holds nothing that is read.
    """
    root = Path(folder).expanduser().absolute()
    if not root.is_dir():
        raise Failure(f"{folder}: is not a folder")
    tables = [Path(table).expanduser().absolute()] if table else _tables(root)
    webvid = next((t for t in tables if {WEBVID.id, WEBVID.page} <= _columns(t).keys()), None)
    if webvid is not None:
        settings = {"table": str(webvid), "folder": str(root)}
        return Layout("webvid", settings, f"WebVid's table {plain(webvid.name)} over a folder of the videos")
    shards = {suffix: find_shards(root, suffix) for suffix in (".tar", ".parquet")}
    media = find_media(root)
    if shards[".tar"]:
        says = f"{many(len(shards['.tar']), 'tar')} (WebDataset)"
        return Layout("webdataset", {"folder": str(root)}, says, besides=_loose(media))
    captions = _captions(root, tables, media)
    data = [name for name in shards[".parquet"] if captions is None or root / name != captions[0]]
    if data and not media:
        return Layout(
            "parquet", {"folder": str(root)}, f"{many(len(data), 'Parquet file')} with the media or their paths"
        )
    if not media:
        raise Failure(f"{folder}: holds no videos, images, tars or Parquet files, in no subfolder")
    return _files(root, media, captions, table is not None, [many(len(data), "Parquet file")] if data else [])


def _files(
    root: Path, media: Sequence[str], captions: tuple[Path, Columns] | None, given: bool, besides: list[str]
) -> Layout:
    settings: dict[str, Any] = {"folder": str(root)}
    says = _counted(media)
    if captions is not None:
        path, columns = captions
        settings["captions"] = str(path)
        if columns != Columns():
            settings["columns"] = columns.model_dump(exclude_defaults=True)
        says += f", captions in {plain(path.name)}"
    elif given:
        raise Failure("the table names no file of the folder in a column of its own, or has no captions")
    else:
        says += ", no captions"
    return Layout("folder", settings, says, len(media), besides)


def _counted(media: Sequence[str]) -> str:
    kinds = (("video", VIDEO_SUFFIXES), ("image", IMAGE_SUFFIXES))
    counts = {kind: sum(Path(name).suffix.lower() in suffixes for name in media) for kind, suffixes in kinds}
    return " and ".join(many(count, kind) for kind, count in counts.items() if count)


def many(count: int, thing: str) -> str:
    """A count with its noun: `1 video`, `1,204 videos`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _loose(media: Sequence[str]) -> list[str]:
    return [f"{_counted(media)} outside the tars"] if media else []


def _tables(root: Path) -> list[Path]:
    """Tables at the top of the folder, `captions.*` first."""
    first = find_captions(root)
    rest = sorted(p for p in root.iterdir() if p.suffix.lower() in TABLE_SUFFIXES and p.is_file() and p != first)
    return [*([first] if first else []), *rest]


def _captions(root: Path, tables: Sequence[Path], media: Sequence[str]) -> tuple[Path, Columns] | None:
    """The first table that names files of the folder, and its columns.

    Raises `Failure` for a `captions.*` of the folder that doesn't: the workflow would read it all the same.
    """
    own = find_captions(root)
    for path in tables if media else ():
        columns = _named(root, found := _columns(path))
        if columns is not None:
            return path, columns
        if path == own:
            there = ", ".join(found) or "none that can be read"
            raise Failure(f"{path}: no columns of paths and captions; name them so (path, caption). There are: {there}")
    return None


def _named(root: Path, found: Mapping[str, Sequence[str]]) -> Columns | None:
    """The columns of paths and captions: the usual ones, or of other names the first that holds files, and another."""
    if {Columns().path, Columns().caption} <= found.keys():
        return Columns()
    paths = next((name for name in PATHS if any(_is_file(root, cell) for cell in found.get(name, ()))), None)
    texts = next((name for name in CAPTIONS if name in found and name != paths), None)
    if paths is None or texts is None:
        return None
    ids = next((name for name in IDS if name in found), Columns().id)
    return Columns(path=paths, caption=texts, id=ids)


def _is_file(root: Path, cell: str) -> bool:
    try:
        return safe_join(root, cell).is_file()
    except (ValueError, OSError):
        return False


def _columns(table: Path) -> dict[str, list[str]]:
    """The cells of a table's first rows by column; nothing of one that can't be read or holds bytes."""
    if table.suffix.lower() == ".parquet" and not _is_text(table):
        return {}
    found: dict[str, list[str]] = {}
    for row in _first_rows(table):
        for name, cell in row.items():
            found.setdefault(name, []).append(cell or "")
    return found


def _first_rows(table: Path) -> Iterator[Mapping[str, str | None]]:
    try:
        yield from (row.cells for row in itertools.islice(iter_lenient_table(table), ROWS))
    except ValueError:
        return


def _is_text(table: Path) -> bool:
    """Whether no column of a Parquet file holds bytes or more than one value: then it may be a table of captions."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        types = pq.read_schema(table).types
    except (pa.ArrowException, OSError):
        return False
    no_text = (pa.types.is_nested, pa.types.is_binary, pa.types.is_large_binary)
    return not any(is_(kind) for kind in types for is_ in no_text)
