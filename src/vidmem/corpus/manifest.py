"""The manifest: one row a listed item, with what its file holds or why it can't be used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidmem import __version__
from vidmem.config.corpus import Columns
from vidmem.config.media import Limits
from vidmem.corpus.read import Listed, list_items
from vidmem.media import MediaError, MediaInfo, MediaRef, probe
from vidmem.progress import progress
from vidmem.tables import MANIFEST, OK, SKIPPED, check_loss, write_table


@dataclass(frozen=True)
class _File:
    """What is known of one file: what it holds and the hash of its bytes, or the problem."""

    info: MediaInfo | None
    sha256: str | None
    problem: str | None


def read_manifest(folder: Path, captions: Path | None, columns: Columns, limits: Limits) -> list[dict[str, Any]]:
    """Rows under `tables.MANIFEST` of a folder and its captions table, in the table's order; paths are from the folder.

    Every distinct file is decoded once. An item that can't be used is a `skipped` row with the reason; a table that
    can't be used raises `ValueError` with one line.
    """
    items = list(list_items(folder, captions, columns))
    paths = list(dict.fromkeys(item.path for item in items if item.path and not item.problem))
    files = dict(progress(_inspect_all(folder, paths, limits), len(paths), "reading the corpus"))
    first: dict[str, str] = {}
    return [_row(item, files.get(item.path) if item.path else None, first) for item in items]


def make_manifest(
    folder: Path, captions: Path | None, columns: Columns, limits: Limits, max_loss: float, out: Path
) -> None:
    """Write the manifest of a corpus. Raises `tables.TooManyLost` if more than `max_loss` of its items are skipped."""
    rows = read_manifest(folder, captions, columns, limits)
    write_table(out, rows, MANIFEST, {"stage": "corpus", "vidmem": __version__, "decoder": decoder()})
    check_loss("corpus", [row["status"] for row in rows], [row["reason"] for row in rows], max_loss)


def write_manifest(folder: Path, settings: Mapping[str, Any], out: Path) -> None:
    """`make_manifest` by the stage's settings: `captions` (path or None), `columns`, `limits` (dicts), `max_loss`."""
    captions = settings["captions"]
    make_manifest(
        folder,
        Path(captions) if captions else None,
        Columns(**settings["columns"]),
        Limits(**settings["limits"]),
        settings["max_loss"],
        out,
    )


def decoder() -> str:
    """The decoder and its version, as tables record it."""
    import av

    return f"PyAV {av.__version__}"


def _inspect_all(folder: Path, paths: list[str], limits: Limits) -> Iterator[tuple[str, _File]]:
    for path in paths:
        yield path, _inspect(folder / path, limits)


def _inspect(path: Path, limits: Limits) -> _File:
    try:
        info = probe(MediaRef(path), limits)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except MediaError as error:
        return _File(None, None, str(error))
    except OSError as error:
        return _File(None, None, f"can't be read: {error.strerror or error}")
    return _File(info, digest.hexdigest(), None)


def _row(item: Listed, file: _File | None, first: dict[str, str]) -> dict[str, Any]:
    problem = item.problem or (file.problem if file else None)
    row: dict[str, Any] = {
        "item_id": item.item_id,
        "path": item.path,
        "caption": item.caption,
        "status": SKIPPED if problem else OK,
        "reason": problem,
    }
    if problem or file is None or file.info is None or file.sha256 is None:
        return row
    info = file.info
    return row | {
        "kind": info.kind,
        "fps": info.fps,
        "frames": info.frames,
        "width": info.width,
        "height": info.height,
        "duration_s": info.duration_s,
        "sha256": file.sha256,
        "same_as": first.setdefault(file.sha256, item.item_id),
    }
