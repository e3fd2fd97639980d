"""Which rows of two items resemble each other, gathered from a search in bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST = 256  # partners of a lower number that are kept of an item
KEPT = 2**24  # keys that wait before they are thinned out
ROW_BITS, ITEM_BITS = 15, 24
MOST_ROWS, MOST_ITEMS = 2**ROW_BITS, 2**ITEM_BITS

Indices = npt.NDArray[np.int64]
_ROW, _ITEM = np.uint64(ROW_BITS), np.uint64(ITEM_BITS)


class Partners:
    """Pairs of items, and of each the rows that resemble a row of the other.

    Items are numbered, and `starts` (items + 1,) cuts the rows. Of an item that has more than `MOST` partners of a
    lower number the `MOST` lowest are kept: in a large family all are still linked to the family's first members.
    """

    def __init__(self, starts: Indices) -> None:
        self._lengths = np.diff(starts)
        if len(self._lengths) > MOST_ITEMS or self._lengths.max(initial=0) > MOST_ROWS:
            raise ValueError(f"more than {MOST_ITEMS} items, or one of more than {MOST_ROWS} rows")
        self._starts = starts
        self._owner = np.repeat(np.arange(len(self._lengths)), self._lengths)
        self._waiting: list[npt.NDArray[np.uint64]] = []
        self._count, self._limit = 0, KEPT

    def see(self, left: Indices, right: Indices) -> None:
        """Rows that resemble each other; pairs within an item are none."""
        apart = self._owner[left] != self._owner[right]
        for one, other in ((left[apart], right[apart]), (right[apart], left[apart])):
            keys = np.unique(self._keys(one, other))
            self._waiting.append(keys)
            self._count += len(keys)
        if self._count > self._limit:
            kept = self._thinned()
            self._waiting, self._count = [kept], len(kept)
            self._limit = max(KEPT, 2 * len(kept))

    def pairs(self) -> tuple[Indices, Indices, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(lower item, higher item, share of the lower's rows that resemble one of the higher's, and the other way)."""
        keys = self._thinned()
        pair, first, counts = np.unique(keys >> (_ROW + np.uint64(1)), return_index=True, return_counts=True)
        high = np.add.reduceat(_side(keys), first) if len(pair) else np.zeros(0, np.int64)
        a, b = (pair & np.uint64(MOST_ITEMS - 1)).astype(np.int64), (pair >> _ITEM).astype(np.int64)
        return a, b, (counts - high) / self._lengths[a], high / self._lengths[b]

    def _keys(self, row: Indices, other: Indices) -> npt.NDArray[np.uint64]:
        """higher item, lower item, whose row it is (1: the higher's), the row within its item: rising in that order."""
        mine, theirs = self._owner[row], self._owner[other]
        high, low = np.maximum(mine, theirs).astype(np.uint64), np.minimum(mine, theirs).astype(np.uint64)
        pair = ((high << _ITEM | low) << np.uint64(1)) | (mine > theirs).astype(np.uint64)
        return np.asarray(pair << _ROW | (row - self._starts[mine]).astype(np.uint64), np.uint64)

    def _thinned(self) -> npt.NDArray[np.uint64]:
        keys = np.unique(np.concatenate([np.zeros(0, np.uint64), *self._waiting]))
        pair = keys >> (_ROW + np.uint64(1))
        number = np.cumsum(np.diff(pair, prepend=pair[:1]) != 0)
        high = pair >> _ITEM
        new = np.flatnonzero(np.diff(high, prepend=high[:1]) != 0)
        first = np.zeros(len(keys), np.int64)
        first[new] = number[new]
        return keys[number - np.maximum.accumulate(first) < MOST]


def _side(keys: npt.NDArray[np.uint64]) -> Indices:
    return (keys >> _ROW & np.uint64(1)).astype(np.int64)
