"""Captions as sets of shingles, and how alike two sets are.

A shingle is a run of five characters of the folded caption (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets,
section 3.2: five for short texts); of a shorter caption, the whole of it. Runs of characters need no spaces between
words, so all scripts are treated alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

SHINGLE = 5  # characters

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits without a pattern: 2^64 over the golden ratio
_MIX = np.uint64(0xFF51AFD7ED558CCD)


def fold(captions: pl.Series) -> pl.Series:
    """Captions as they are compared: NFKC, lower case, letters and digits alone, words with one space between.

    A caption without letters and digits stays as it is.
    """
    plain = captions.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ")
    return plain.str.strip_chars().zip_with(plain.str.strip_chars() != "", captions)


def shingle_set(text: str) -> frozenset[str]:
    """The shingles of a folded caption."""
    return frozenset(text[n : n + SHINGLE] for n in range(max(1, len(text) - SHINGLE + 1)))


def shingle_hashes(texts: Sequence[str]) -> tuple[Hashes, Indices]:
    """Hashes of the shingles of each folded caption: one flat array, and where each caption begins, (texts + 1,).

    A shingle that stands twice in a caption stands twice here.
    """
    padded = [text.ljust(SHINGLE, "\0") for text in texts]
    lengths = np.array([len(text) for text in padded], np.int64)
    flat = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    hashes = np.zeros(max(len(flat) - SHINGLE + 1, 0), np.uint64)
    for n in range(SHINGLE):
        hashes *= _FACTOR
        hashes += flat[n : n + len(hashes)]
    whole = np.ones(len(hashes), bool)
    for n in range(1, SHINGLE):  # runs that begin in one caption and end in the next
        whole[starts[1:-1] - n] = False
    hashes = hashes[whole]
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(29)
    return hashes, np.concatenate([[0], np.cumsum(lengths - SHINGLE + 1)])


def jaccard(texts: pl.Series, left: Indices, right: Indices) -> npt.NDArray[np.float64]:
    """|A and B| / |A or B| of the shingle sets of the folded captions `left` and `right`, float64 (pairs,)."""
    numbers, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    sets = [shingle_set(text) for text in texts.gather(numbers).to_list()]
    scores = np.empty(len(left))
    for n, (i, j) in enumerate(zip(places[: len(left)].tolist(), places[len(left) :].tolist(), strict=True)):
        shared = len(sets[i] & sets[j])
        scores[n] = shared / (len(sets[i]) + len(sets[j]) - shared)
    return scores
