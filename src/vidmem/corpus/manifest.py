"""The manifest: one row a listed item, with what its file holds or why it can't be used, and which are the same file.

It is put together by streaming: 24 bytes an item are held in memory, and the ids of files that stand more than once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vidmem.config.media import Limits
from vidmem.corpus.listing import write_listing
from vidmem.corpus.probe import write_probed
from vidmem.progress import progress
from vidmem.tables import (
    MANIFEST,
    OK,
    check_counts,
    count_rows,
    folder_beside,
    iter_batches,
    read_made_by,
    table_writer,
)
from vidmem.userfiles import Roots

REASONS = 1000  # different reasons that are counted one by one
Numbers = npt.NDArray[np.int64]


def make_manifest(
    sources: Mapping[str, Mapping[str, Any]], roots: Roots, limits: Limits, max_loss: float, out: Path
) -> None:
    """List, probe and put together in one go: what the stage's three rules do. Raises as they do."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with folder_beside(out.parent, ".corpus.") as aside:
        listing, probed = aside / "listing.parquet", aside / "probed.parquet"
        write_listing(sources, isinstance(roots, Mapping), listing)
        write_probed(listing, 0, 1, roots, limits, probed)
        write_manifest([probed], max_loss, out)


def write_manifest(parts: Sequence[Path], max_loss: float, out: Path) -> None:
    """Write the probed parts of the listing, in their order, as one manifest with `same_as`.

    Raises `tables.TooManyLost`, after the manifest is written, if more than `max_loss` of the items are skipped.
    """
    first = first_of_bytes(_digests(parts))
    followed = np.zeros(len(first), bool)
    followed[first[(first >= 0) & (first != np.arange(len(first)))]] = True
    rows, lost = 0, Counter[str]()
    names: dict[int, str] = {}  # ids of files that stand more than once, by their first row
    with table_writer(out, MANIFEST, read_made_by(parts[0])) as write:
        for batch in progress(_batches(parts), None, "writing the manifest"):
            write(_with_same(batch, first[rows : rows + len(batch)], rows, followed, names))
            _count(batch, lost)
            rows += len(batch)
    check_counts("corpus", rows, lost, max_loss)


def first_of_bytes(digests: npt.NDArray[np.uint64]) -> Numbers:
    """For each row the number of the first row with the same digest; -1 for a digest of zeros, which is none.

    `digests`: (rows, 2), the first 128 bits of SHA-256.
    """
    order = np.lexsort((digests[:, 1], digests[:, 0]))  # stable: rows of one digest stay in their order
    ordered = digests[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.empty(len(order), np.int64)
    first[order] = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]]
    first[~digests.any(axis=1)] = -1
    return first


def _batches(parts: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        yield from iter_batches(part)


def _digests(parts: Sequence[Path]) -> npt.NDArray[np.uint64]:
    """The first 128 bits of every row's hash, (rows, 2); zeros for a row that is not ok."""
    found = np.zeros((sum(map(count_rows, parts)), 2), np.uint64)
    at = 0
    for part in parts:
        for batch in iter_batches(part, ["sha256", "status"]):
            hashes = batch.column("sha256").to_pylist()
            for number, (digest, status) in enumerate(zip(hashes, batch.column("status").to_pylist(), strict=True), at):
                if digest is not None and status == OK:
                    found[number] = int(digest[:16], 16), int(digest[16:32], 16)
            at += len(batch)
    return found


def _with_same(
    batch: pa.RecordBatch, first: Numbers, start: int, followed: npt.NDArray[np.bool_], names: dict[int, str]
) -> pa.Table:
    """The batch, whose first row is row `start` of the manifest, with `same_as`; `names` is filled as it goes."""
    own = np.arange(start, start + len(batch))
    ids = batch.column("item_id")
    for number in np.flatnonzero(followed[start : start + len(batch)]):
        names[start + int(number)] = ids[int(number)].as_py()
    same = pc.if_else(pa.array(first == own), ids, pa.nulls(len(batch), pa.string()))
    later = np.flatnonzero((first >= 0) & (first != own))
    if len(later):
        values = same.to_pylist()
        for number in later:
            values[number] = names[int(first[number])]
        same = pa.array(values, pa.string())
    table = pa.Table.from_batches([batch])
    return table.set_column(table.schema.get_field_index("same_as"), "same_as", same)


def _count(batch: pa.RecordBatch, lost: Counter[str]) -> None:
    skipped = batch.filter(pc.not_equal(batch.column("status"), OK))
    for found in pc.value_counts(skipped.column("reason")).to_pylist():
        reason = str(found["values"])
        lost[reason if reason in lost or len(lost) < REASONS else "other reasons"] += found["counts"]
