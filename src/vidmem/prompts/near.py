"""Which of some texts are nearly captions of a corpus: words in common, exactly, against millions of captions.

The overlap of two texts is the Jaccard index of their sets of words (lower case): words of both / words of either. To
reach J with a text of k words a caption must hold at least ceil(J k) of them, so at least one of any k - ceil(J k) + 1:
only captions that hold one of the text's rarest words, so many of them, are compared (prefix filtering; Chaudhuri et
al., ICDE 2006). None is missed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem.prompts.items import batches

SAMPLE_ROWS = 20_000  # captions from which it is learnt which words are rare; it changes the time and no result


def overlaps(texts: Sequence[str], manifest: Path, least: float) -> npt.NDArray[np.float64]:
    """Of each text the largest overlap with a caption of the manifest, 0 to 1; 0 where it is under `least`.

    Items of any status count: a caption is known to be the corpus' even where its file is broken.
    """
    best = np.zeros(len(texts))
    ours = split_words(pl.Series(texts, dtype=pl.String)).rename({"row": "text", "size": "ours"})
    prefixes = pl.DataFrame()
    for start, batch in batches(manifest, ["caption"]):
        captions = split_words(batch["caption"].unique(maintain_order=True))
        if not start:  # what is rare is learnt from the first captions
            seen = Counter(captions.filter(pl.col("row") < SAMPLE_ROWS)["word"].to_list())
            prefixes = _prefixes(ours, seen, least)
        for text, overlap in _compare(captions, ours, prefixes).iter_rows():
            best[text] = max(best[text], overlap)
    return np.where(best >= least, best, 0.0)


def split_words(texts: pl.Series) -> pl.DataFrame:
    """row, word, size: a row a distinct word (runs of letters and digits, lower case) of a text, size of them in it."""
    words = pl.col("text").str.normalize("NFKC").str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+").list.unique()
    rows = pl.DataFrame({"text": texts.cast(pl.String)}).with_row_index("row").select("row", word=words)
    sized = rows.with_columns(size=pl.col("word").list.len()).filter(pl.col("size") > 0)
    return sized.explode("word", empty_as_null=True)


def _prefixes(ours: pl.DataFrame, seen: Counter[str], least: float) -> pl.DataFrame:
    """text, word: the rarest words of each text, as many as make sure that nothing is missed."""
    share = Fraction(least).limit_denominator(10**6)
    rows = []
    for (text,), words in ours.sort("text").group_by("text", maintain_order=True):
        rarest = sorted(words["word"], key=lambda word: (seen[word], word))
        rows += [(text, word) for word in rarest[: len(rarest) - math.ceil(share * len(rarest)) + 1]]
    return pl.DataFrame(rows, schema={"text": pl.UInt32, "word": pl.String}, orient="row")


def _compare(captions: pl.DataFrame, ours: pl.DataFrame, prefixes: pl.DataFrame) -> pl.DataFrame:
    """text, overlap: the largest overlap of each text with one of the captions that share a rare word with it."""
    candidates = captions.join(prefixes, on="word").select("row", "text").unique()
    shared = candidates.join(captions, on="row").join(ours, on=["text", "word"])
    counted = shared.group_by("text", "row").agg(pl.len().alias("both"), pl.col("size", "ours").first())
    overlap = pl.col("both") / (pl.col("size") + pl.col("ours") - pl.col("both"))
    return counted.group_by("text").agg(overlap.max().alias("overlap"))
