"""The listing: every item of every source as a row of the manifest, before any file is opened.

It streams: what is held in memory is 8 bytes an item, for finding ids that stand twice, and the few rows whose id does.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vidmem import __version__
from vidmem.corpus.caption import clean_caption
from vidmem.corpus.listed import Listed, joined
from vidmem.corpus.readers import read_source
from vidmem.progress import progress
from vidmem.tables import MANIFEST, OK, SKIPPED, folder_beside, iter_batches, table_writer

BATCH_ROWS = 1 << 14
NAMES = ("item_id", "corpus", "path", "offset", "size", "caption", "status", "reason")
Hashes = npt.NDArray[np.uint64]


def write_listing(sources: Mapping[str, Mapping[str, Any]], joined_ids: bool, out: Path) -> None:
    """List the items of `sources` (settings by name, see `readers.read_source`) under `tables.MANIFEST`.

    What needs an open file is null. Ids are unique: with `joined_ids` the source's name stands before them, and one
    that repeats is told apart by a number (see `_Repeats`). Raises `ValueError` with one line for a source that can't
    be read at all.
    """
    made_by = {"stage": "corpus", "vidmem": __version__, "sources": {n: dict(s) for n, s in sources.items()}}
    out.parent.mkdir(parents=True, exist_ok=True)
    with folder_beside(out.parent, ".listing.") as aside:
        raw = aside / "raw.parquet"
        hashes = _write_raw(sources, joined_ids, raw, made_by)
        repeated = _repeated(hashes)
        if len(repeated):
            _write_unique(raw, hashes, repeated, out, made_by)
        else:
            raw.replace(out)


def _write_raw(
    sources: Mapping[str, Mapping[str, Any]], joined_ids: bool, out: Path, made_by: Mapping[str, Any]
) -> Hashes:
    """Write all rows with the ids that the sources give, and return the ids' hashes."""
    hashes = array("Q")
    with table_writer(out, MANIFEST, made_by) as write:
        for name, settings in sources.items():
            skipped: Counter[str] = Counter()
            prefix = f"{name}/" if joined_ids else ""
            listed = progress(read_source(settings), None, f"listing {name}")
            for items in itertools.batched(listed, BATCH_ROWS):
                rows = [_row(item, name, prefix) for item in items]
                hashes.extend(_hash(row[0]) for row in rows)
                skipped.update(_kind(row[-1]) for row in rows if row[-2] != OK)
                write(dict(zip(NAMES, map(list, zip(*rows, strict=True)), strict=True)))
            for reason, count in skipped.most_common(20):
                print(f"{name}: {count} skipped: {reason}", file=sys.stderr)
    return np.frombuffer(hashes, np.uint64) if hashes else np.zeros(0, np.uint64)


def _row(item: Listed, corpus: str, prefix: str) -> tuple[Any, ...]:
    """The item's values of `NAMES`."""
    caption, note = clean_caption(item.caption)
    item_id, path, problem = item.item_id, item.path, item.problem
    if not (item_id.isascii() and (path is None or path.isascii())):
        item_id, path, problem = _as_text(item_id, path, problem)
    if ".." in item_id and ".." in item_id.replace("\\", "/").split("/"):
        path, problem = None, problem or "id holds '../'"
    status, reason = SKIPPED if problem else OK, joined(problem, item.note, note)
    return prefix + item_id, corpus, path, item.offset, item.size, caption, status, reason


def _as_text(item_id: str, path: str | None, problem: str | None) -> tuple[str, str | None, str | None]:
    """Names of files need not be text, and tables hold nothing else."""
    if path is not None and not _is_text(path):
        path, problem = None, problem or "the file's name is not UTF-8"
    return item_id if _is_text(item_id) else item_id.encode("utf-8", "replace").decode(), path, problem


def _is_text(name: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in name)


def _kind(reason: str) -> str:
    """What a reason says before its details, so that a million of them are counted under a few."""
    return reason.split(":")[0].split(" (")[0]


def _hash(item_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=8).digest())


def _repeated(hashes: Hashes) -> Hashes:
    """Hashes that stand more than once, ascending."""
    ordered = np.sort(hashes)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _write_unique(raw: Path, hashes: Hashes, repeated: Hashes, out: Path, made_by: Mapping[str, Any]) -> None:
    """Copy the rows; those whose id stands more than once go through `_Repeats`."""
    repeats, at = _Repeats(np.sort(hashes)), 0
    with table_writer(out, MANIFEST, made_by) as write:
        for batch in iter_batches(raw):
            mine = np.flatnonzero(np.isin(hashes[at : at + len(batch)], repeated))
            write(_replaced(batch, mine, repeats) if len(mine) else pa.Table.from_batches([batch]))
            at += len(batch)


def _replaced(batch: pa.RecordBatch, mine: npt.NDArray[np.int64], repeats: _Repeats) -> pa.Table:
    rows = batch.to_pylist()
    for number in mine:
        rows[number] = repeats.told_apart(rows[number])
    return pa.Table.from_pylist(rows, schema=batch.schema)


class _Repeats:
    """Tells items apart whose id stands more than once.

    The first keeps its id; the others bear a number, `one#2`, and say why: a second caption of the same file, or
    another file under the same id, are items as good as the first. A row that says the same again is skipped.
    """

    def __init__(self, ordered: Hashes) -> None:
        self._ordered = ordered
        self._met: dict[str, dict[tuple[Any, ...], set[str | None]]] = {}
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(2))

    def told_apart(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row under an id that no other has."""
        item_id = row["item_id"]
        files = self._met.setdefault(item_id, {})
        file = (row["path"], row["offset"])
        captions = files.setdefault(file, set())
        if not captions and len(files) == 1:
            captions.add(row["caption"])
            return row
        again = row["caption"] in captions
        what = "the same row again" if again else "another caption" if captions else "another file"
        captions.add(row["caption"])
        reason = f"duplicate id: {what} of {item_id!r}"
        problem = row["status"] != OK or again
        return row | {
            "item_id": self._free(item_id),
            "status": SKIPPED if problem else OK,
            "reason": row["reason"] if row["status"] != OK else joined(reason, row["reason"]),
        }

    def _free(self, item_id: str) -> str:
        names = (f"{item_id}#{number}" for number in self._numbers[item_id])
        return next(name for name in names if not self._is_taken(name))

    def _is_taken(self, name: str) -> bool:
        mark = np.uint64(_hash(name))
        place = int(np.searchsorted(self._ordered, mark))
        return place < len(self._ordered) and bool(self._ordered[place] == mark)
