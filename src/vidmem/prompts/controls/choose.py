"""Controls: prompts that the corpus does not hold, nor nearly, and that are like its captions in length and words."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem.prompts.near import split_words

Refuse = Callable[[Sequence[str]], npt.NDArray[np.bool_]]


def read_list(version: str) -> list[str]:
    """The captions of a list that comes with vidmem."""
    with (Path(__file__).parent / f"{version}.csv").open(encoding="utf-8", newline="") as file:
        return [row["caption"] for row in csv.DictReader(file)]


def first_fit(texts: Sequence[str], refuse: Refuse, number: int) -> list[str]:
    """The first `number` of some texts that are not refused. No more are asked about than needed, block by block."""
    found: list[str] = []
    for start in count(0, 2 * number or 1):
        if len(found) >= number or start >= len(texts):
            return found[:number]
        block = texts[start : start + 2 * number]
        found += [text for text, no in zip(block, refuse(block), strict=True) if not no]
    raise AssertionError("count never ends")


def matched_fit(texts: Sequence[str], like: Sequence[str], refuse: Refuse, number: int) -> list[str]:
    """What `matched` gives of the texts that are not refused, without asking about all of them.

    Only what is picked is asked about, with as many to spare as were refused before. What is refused is left out and
    the rest picked again. Once nothing that is picked is refused, no text that is left out could have been picked.
    """
    fit: set[str] = set()
    left = list(texts)
    while True:
        picked = matched(left, like, number + max(number // 2, len(texts) - len(left)))
        unknown = [text for text in picked if text not in fit]
        if fit.issuperset(picked[:number]):
            return picked[:number]
        refused = {text for text, no in zip(unknown, refuse(unknown), strict=True) if no}
        fit.update(set(unknown) - refused)
        left = [text for text in left if text not in refused]


def matched(texts: Sequence[str], like: Sequence[str], number: int) -> list[str]:
    """`number` of some texts, matched one by one to other texts in length and words; more only append.

    The i-th is the one not yet taken with the smallest |words - words of like[i]| / words of like[i] + the share of
    its words that none of `like` has (our definition); of equal ones the first. After the last of `like` the first
    is matched again. Words are distinct ones in lower case.
    """
    sizes, shares = _sizes(texts), _known_shares(texts, like)
    wanted = np.maximum(_sizes(like), 1) if like else np.array([max(1, int(np.median(sizes)))])
    free, taken = np.ones(len(texts), bool), []
    for n in range(min(number, len(texts))):
        target = wanted[n % len(wanted)]
        cost = np.abs(sizes - target) / target + (1 - shares)
        best = int(np.argmin(np.where(free, cost, np.inf)))
        free[best] = False
        taken.append(texts[best])
    return taken


def _sizes(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    sizes = np.zeros(len(texts), np.int64)
    words = split_words(pl.Series(texts, dtype=pl.String)).select("row", "size").unique()
    sizes[words["row"].to_numpy()] = words["size"].to_numpy()
    return sizes


def _known_shares(texts: Sequence[str], like: Sequence[str]) -> npt.NDArray[np.float64]:
    """Share of each text's words that one of the other texts has."""
    shares = np.zeros(len(texts))
    vocabulary = split_words(pl.Series(like, dtype=pl.String)).select("word").unique()
    words = split_words(pl.Series(texts, dtype=pl.String)).join(vocabulary, on="word", how="semi")
    found = words.group_by("row").agg(share=pl.len() / pl.col("size").first())
    shares[found["row"].to_numpy()] = found["share"].to_numpy()
    return shares
