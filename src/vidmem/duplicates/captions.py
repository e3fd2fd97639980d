"""Captions: which items bear the same one, nearly the same one, or one that says the same in other words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem.duplicates.close import close_rows
from vidmem.duplicates.components import Indices, smallest, stars
from vidmem.duplicates.minhash import near_pairs
from vidmem.duplicates.shingles import fold
from vidmem.progress import progress
from vidmem.text import normalise_text, prompt_id

ITEMS = 2**17  # whose captions are normalised at once

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Distinct:
    """The distinct captions of items.

    `code` (items,) is the number of each item's caption, -1 for none; `keys` (captions,) their prompt_ids as numbers;
    `texts` (captions,) the captions themselves, as the first item bears them.
    """

    code: Indices
    keys: Keys
    texts: pl.Series

    def __len__(self) -> int:
        return len(self.keys)

    def prompt_ids(self) -> pl.Series:
        """prompt_id of each item, null for none."""
        names = pl.Series([*(f"{key:016x}" for key in self.keys.tolist()), None], dtype=pl.String)
        return names.gather(np.where(self.code < 0, len(self.keys), self.code))


def distinct_captions(captions: pl.Series) -> Distinct:
    """Captions by their prompt_id; null and empty ones are none."""
    keys = np.zeros(len(captions), np.uint64)
    named = np.zeros(len(captions), bool)
    firsts = range(0, len(captions), ITEMS)
    for first in progress(firsts, len(firsts), f"captions, {ITEMS} at once"):
        texts = [normalise_text(text or "") for text in captions[first : first + ITEMS].to_list()]
        named[first : first + ITEMS] = [bool(text) for text in texts]
        keys[first : first + ITEMS] = [int(prompt_id(text), 16) if text else 0 for text in texts]
    items = np.flatnonzero(named)
    distinct, first_of, inverse = np.unique(keys[items], return_index=True, return_inverse=True)
    code = np.full(len(captions), -1, np.int64)
    code[items] = inverse
    return Distinct(code, distinct, captions.gather(items[first_of]))


def caption_components(texts: pl.Series, threshold: float, folder: Path) -> Indices:
    """The component of each distinct caption, as the smallest number in it: same or nearly same captions.

    Captions that fold to the same text (other case or punctuation) are one before signatures are made. Files lie in
    `folder` meanwhile.
    """
    folded = fold(texts)
    _, first, group = np.unique(folded.hash(0).to_numpy(), return_index=True, return_inverse=True)
    order = np.argsort(first)  # by their place: which hash polars gives them changes nothing
    group = np.argsort(order)[group]
    left, right = near_pairs(folded.gather(first[order]), threshold, folder)
    return smallest(stars(len(first), left, right)[group], np.arange(len(texts)))


def semantic_neighbours(texts: pl.Series, component: Indices, threshold: float) -> Indices:
    """Of each distinct caption, how many captions of other components say the same: cosine from `threshold` on."""
    from vidmem.sentences import embed_texts  # loads torch and transformers, which nothing else here needs

    vectors = [embed_texts([text]).numpy() for text in progress(texts.to_list(), len(texts), "sentence vectors")]
    neighbours = np.zeros(len(texts), np.int64)
    if not vectors:
        return neighbours
    for left, right in close_rows(np.concatenate(vectors), threshold, exact_limit=len(vectors), nprobe=1):
        apart = component[left] != component[right]
        neighbours += np.bincount(left[apart], minlength=len(texts)) + np.bincount(right[apart], minlength=len(texts))
    return neighbours
