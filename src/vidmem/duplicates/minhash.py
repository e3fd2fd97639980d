"""Near-duplicate captions among millions: MinHash signatures, banded candidates, exact verification.

MinHash (Broder, On the resemblance and containment of documents, 1997): two signatures agree in a slot with the
probability of the sets' Jaccard similarity. Slots are cut into bands; captions that agree in all slots of a band are
candidates (Mining of Massive Datasets, section 3.4). With b bands of r slots a pair of similarity s is a candidate with
probability 1 - (1 - s^r)^b: at the default .98 at s = .7, .998 at .75, .002 at .2.

What is in memory is one byte a slot (b-bit minwise hashing, Li and Koenig 2010), which tells most false candidates, and
one band at a time; the other bands are on disk. Candidates that are left are compared by their sets.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import rensa

from vidmem.duplicates.shingles import Hashes, Indices, jaccard, shingle_hashes
from vidmem.progress import progress
from vidmem.tables import folder_beside

BANDS, SLOTS = 32, 6  # slots of a band
SEED = 0
TEXTS = 8192  # whose signatures are made at once
HUBS = 8  # members of a bucket that all its members are compared with: a large bucket costs no more than its size
FINER = 2  # further slots by which a bucket of more is cut: captions of one template share many shingles
PAIRS = 2**18  # whose signatures are compared at once
VERIFIED = 2**16  # pairs whose sets are compared at once
MARGIN = 0.1  # by which a signature may underrate a pair: three standard deviations of 192 slots

Sketches = npt.NDArray[np.uint8]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def near_pairs(texts: pl.Series, threshold: float, folder: Path) -> tuple[Indices, Indices]:
    """Pairs of folded captions, which are distinct, whose Jaccard similarity is `threshold` or more: (left, right).

    left < right, in rising order. Files of 8 bytes a caption and band lie in `folder` meanwhile.
    """
    empty = np.zeros(0, np.int64)
    if len(texts) < 2:
        return empty, empty
    with folder_beside(folder, ".bands.") as held:
        sketches = _write_bands(texts, held)
        found = np.zeros(0, np.uint64)
        for band in progress(range(BANDS), BANDS, "near-duplicate captions, bands"):
            keys = np.fromfile(_file(held, band), np.uint64)
            keys = cut_large(keys, sketches[:, (np.arange(FINER) + SLOTS * (band + 1)) % sketches.shape[1]])
            found = np.union1d(found, _candidates(keys, sketches, threshold))
    return _verified(texts, found, threshold)


def _write_bands(texts: pl.Series, folder: Path) -> Sketches:
    """Write the keys of every band, and return a byte a slot, (texts, BANDS * SLOTS)."""
    sketches = np.empty((len(texts), BANDS * SLOTS), np.uint8)
    firsts = range(0, len(texts), TEXTS)
    with ExitStack() as stack:
        files = [stack.enter_context(_file(folder, band).open("wb")) for band in range(BANDS)]
        for first in progress(firsts, len(firsts), f"signatures of captions, {TEXTS} at once"):
            hashes, offsets = shingle_hashes(texts[first : first + TEXTS].to_list())
            made = signatures(hashes, offsets)
            sketches[first : first + len(made)] = made & 0xFF
            keys = _band_keys(made)
            for band, file in enumerate(files):
                file.write(keys[:, band].tobytes())
    return sketches


def signatures(hashes: Hashes, offsets: Indices) -> npt.NDArray[np.uint32]:
    """MinHash signatures of sets of hashes that lie end to end, uint32 (sets, BANDS * SLOTS)."""
    made = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        hashes, offsets.astype(np.uint64), num_perm=BANDS * SLOTS, seed=SEED
    )
    flat = b"".join(array("I", row) for row in made.to_rows())  # faster than numpy reads lists
    return np.frombuffer(flat, np.uintc).astype(np.uint32, copy=False).reshape(len(offsets) - 1, BANDS * SLOTS)


def _band_keys(made: npt.NDArray[np.uint32]) -> Hashes:
    """One number for the slots of each band, (texts, BANDS). That two bands share one by chance costs a comparison."""
    slots = made.reshape(len(made), BANDS, SLOTS).astype(np.uint64)
    keys = np.zeros((len(made), BANDS), np.uint64)
    for n in range(SLOTS):
        keys = (keys ^ slots[:, :, n]) * _FACTOR
        keys ^= keys >> np.uint64(31)
    return keys


def _file(folder: Path, band: int) -> Path:
    return folder / f"{band}.band"


def _candidates(keys: Hashes, sketches: Sketches, threshold: float) -> Hashes:
    """Pairs of one band whose signatures agree enough, each as left << 32 | right."""
    least = (threshold - MARGIN) * sketches.shape[1]
    found = [np.zeros(0, np.uint64)]
    for left, right in bucket_pairs(keys):
        for first in range(0, len(left), PAIRS):
            i, j = left[first : first + PAIRS], right[first : first + PAIRS]
            near = np.count_nonzero(sketches[i] == sketches[j], axis=1) >= least
            found.append(i[near].astype(np.uint64) << np.uint64(32) | j[near].astype(np.uint64))
    return np.unique(np.concatenate(found))


def cut_large(keys: Hashes, further: Sketches) -> Hashes:
    """Keys of a band, those of buckets of more than `HUBS` + 1 members made finer by `further` slots, (texts, FINER).

    Else the captions of one template would fill buckets in proportion to the corpus, and pairs that are alike would go
    under in them. An LSH forest (Bawa, Condie and Ganesan 2005) of two levels.
    """
    order = np.argsort(keys, kind="stable")
    new = np.concatenate([[True], np.diff(keys[order]) != 0])
    starts = np.flatnonzero(new)
    size = np.diff(np.append(starts, len(keys)))
    large = order[np.repeat(size > HUBS + 1, size)]
    finer = keys.copy()
    for slot in further[large].T.astype(np.uint64):
        finer[large] = (finer[large] ^ (slot + np.uint64(1))) * _FACTOR
    return finer


def bucket_pairs(keys: Hashes) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of texts with equal keys, left < right: each text with the first `HUBS` of its bucket.

    In buckets of up to `HUBS` + 1 that are all pairs.
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    start = np.flatnonzero(new)[np.cumsum(new) - 1]  # of each one's bucket
    place = np.arange(len(keys)) - start
    for hub in range(HUBS):
        later = np.flatnonzero(place > hub)
        if not len(later):
            return
        yield order[start[later] + hub], order[later]


def _verified(texts: pl.Series, packed: Hashes, threshold: float) -> tuple[Indices, Indices]:
    left, right = (packed >> np.uint64(32)).astype(np.int64), (packed & np.uint64(2**32 - 1)).astype(np.int64)
    near = np.zeros(len(packed), bool)
    firsts = range(0, len(packed), VERIFIED)
    for first in progress(firsts, len(firsts), f"near-duplicate captions, {VERIFIED} pairs at once"):
        part = slice(first, first + VERIFIED)
        near[part] = jaccard(texts, left[part], right[part]) >= threshold
    return left[near], right[near]
