"""Which of some texts are nearly captions of a corpus: words in common, exactly, against millions of captions.

The overlap of two texts is the Jaccard index of their sets of words (lower case): words of both / words of either. To
reach J with a text of k words a caption must hold at least ceil(J k) of them, so at least one of any k - ceil(J k) + 1:
only captions that hold one of the text's rarest words, so many of them, are compared (prefix filtering; Chaudhuri et
al., ICDE 2006). None is missed. Memory is bounded whatever the captions are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem.prompts.items import batches

Ints = npt.NDArray[np.int64]
SLICE_ROWS = 20_000  # captions compared at once; of the first it is learnt which words are rare
SLICE_PAIRS = 500_000  # pairs of a caption and a text compared at once


def overlaps(texts: Sequence[str], manifest: Path, least: float) -> npt.NDArray[np.float64]:
    """Of each text the largest overlap with a caption of the manifest, 0 to 1; 0 where it is under `least`.

    Items of any status count: a caption is known to be the corpus' even where its file is broken.
    """
    ours: _Texts | None = None
    best = np.zeros(len(texts))
    for _, batch in batches(manifest, ["caption"]):
        for captions in batch["caption"].to_frame().iter_slices(SLICE_ROWS):
            words = split_words(captions["caption"])
            ours = ours or _Texts.of(texts, words, least)
            ours.compare(words, best)
    return np.where(best >= least, best, 0.0)


def split_words(texts: pl.Series) -> pl.DataFrame:
    """row, word, size: a row a distinct word (runs of letters and digits, lower case) of a text, size of them in it."""
    words = pl.col("text").str.normalize("NFKC").str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+").list.unique()
    rows = pl.DataFrame({"text": texts.cast(pl.String)}).with_row_index("row").select("row", word=words)
    sized = rows.with_columns(size=pl.col("word").list.len()).filter(pl.col("size") > 0)
    return sized.explode("word", empty_as_null=True)


@dataclass(frozen=True)
class _Texts:
    """Texts as numbers of words: `holds` (texts, words) says which text has which word, `sizes` how many.

    `places` and `rare` list, word after word, the texts that the word is one of the rarest of.
    """

    least: float
    words: pl.DataFrame  # word, number
    holds: npt.NDArray[np.bool_]
    sizes: Ints
    places: Ints
    rare: Ints

    @classmethod
    def of(cls, texts: Sequence[str], some: pl.DataFrame, least: float) -> _Texts:
        """The texts; which words are rare is learnt from some captions, and changes the time and no result."""
        split = split_words(pl.Series(texts, dtype=pl.String))
        seen = some.group_by("word").len().rename({"len": "seen"})
        words = split.select("word").unique().join(seen, on="word", how="left").fill_null(0).sort("seen", "word")
        words = words.with_row_index("number").select("word", "number")
        mine = split.join(words, on="word").sort("row", "number")
        row, number = (mine[name].to_numpy().astype(np.int64) for name in ("row", "number"))
        holds = np.zeros((len(texts), len(words)), bool)
        holds[row, number] = True
        rare = _rarest(row, number, least)
        counts = np.bincount(rare[:, 1], minlength=len(words))
        places = np.concatenate([[0], np.cumsum(counts)])
        return cls(least, words, holds, holds.sum(1), places, rare[np.argsort(rare[:, 1], kind="stable"), 0])

    def compare(self, captions: pl.DataFrame, best: npt.NDArray[np.float64]) -> None:
        """Raise `best` (texts,) to the overlaps with some captions (`split_words`) that share a rare word."""
        known = captions.join(self.words, on="word").sort("row")
        row, number, size = (known[name].to_numpy().astype(np.int64) for name in ("row", "number", "size"))
        rows, starts, counts = np.unique(row, return_index=True, return_counts=True)
        near = self.places[number + 1] - self.places[number]  # texts that a word is rare in
        for first, last in _slices(near, SLICE_PAIRS):
            place, text = self._pairs(number[first:last], near[first:last])
            caption = np.searchsorted(rows, row[first:last])[place]
            fits = self._can_be_near(size[starts[caption]], self.sizes[text])
            pairs = np.unique(caption[fits] * len(best) + text[fits])
            self._raise(best, np.divmod(pairs, len(best)), number, size, starts, counts)

    def _pairs(self, number: Ints, near: Ints) -> tuple[Ints, Ints]:
        """Each word's texts: the word's place, and the text."""
        place = np.repeat(np.arange(len(number)), near)
        offset = np.arange(len(place)) - np.repeat(np.cumsum(near) - near, near)
        return place, self.rare[self.places[number][place] + offset]

    def _can_be_near(self, one: Ints, other: Ints) -> npt.NDArray[np.bool_]:
        """The overlap is at most smaller / larger."""
        return np.asarray(np.minimum(one, other) >= (self.least - 1e-9) * np.maximum(one, other))

    def _raise(
        self,
        best: npt.NDArray[np.float64],
        pairs: tuple[Ints, Ints],
        number: Ints,
        size: Ints,
        starts: Ints,
        counts: Ints,
    ) -> None:
        caption, text = pairs
        many = counts[caption]
        offset = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        words = number[np.repeat(starts[caption], many) + offset]
        shared: Any = np.bincount(
            np.repeat(np.arange(len(caption)), many), self.holds[np.repeat(text, many), words], len(caption)
        )
        np.maximum.at(best, text, shared / (size[starts[caption]] + self.sizes[text] - shared))


def _rarest(row: Ints, number: Ints, least: float) -> Ints:
    """(text, word), a row each of the words that make sure that nothing is missed. Small numbers are rare words."""
    share = Fraction(least).limit_denominator(10**6)
    found = []
    for text in np.unique(row):
        words = number[row == text]  # sorted
        found += [(text, word) for word in words[: len(words) - math.ceil(share * len(words)) + 1]]
    return np.array(found, np.int64).reshape(-1, 2)


def _slices(sizes: Ints, most: int) -> list[tuple[int, int]]:
    """Ranges of neighbours whose sizes add up to about `most`."""
    edges = np.flatnonzero(np.diff(np.cumsum(sizes) // most, prepend=-1)).tolist()
    return list(pairwise([*edges, len(sizes)]))
