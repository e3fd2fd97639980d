"""Captions as a stock library has them, by the million: a grammar of sentences, rewordings, and a few that stand often.

The words are made of syllables, so that none has to be shipped; a caption depends on its number alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

REWORDED = 0.1  # of the rows
CHUNK = 250_000  # rows made at once
CONSONANTS, VOWELS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr", "gl"), "aeiou"
SENTENCES = (
    "{0} {1} {2} in the {3} {4}",
    "Close up of a {0} {1} {2} on {4}",
    "Aerial view of {3} {4} and {1} {5}",
    "{1} {2} with a {0} {5} at the {4}",
    "Young {1} {2} near {3} {5}, slow motion",
    "{3} {4} with {0} {1} and {5} in the background",
    "Time lapse of {0} {1} over the {3} {4}",
    "Portrait of a {0} {1} who {2} the {5}",
)
SUFFIXES = (", 4k", " stock footage", ". HD", ", static shot", " - slow motion")


def words(syllables: int, count: int, seed: int) -> list[str]:
    """`count` words of so many syllables."""
    parts = ["".join(p) for p in itertools.product(CONSONANTS, VOWELS)]
    drawn = np.random.default_rng(seed).integers(0, len(parts), (count, syllables))
    return ["".join(parts[p] for p in row) for row in drawn.tolist()]


VOCABULARY = (
    words(2, 800, 0), words(3, 5000, 1), words(2, 900, 2), words(2, 800, 3), words(3, 3000, 4), words(3, 5000, 5),
)  # fmt: skip


def caption(number: int, picks: list[int]) -> str:
    """The caption of a number, from random numbers that belong to it."""
    chosen = [those[pick % len(those)] for those, pick in zip(VOCABULARY, picks, strict=True)]
    return SENTENCES[number % len(SENTENCES)].format(*chosen)


def chunks(rows: int, seed: int) -> Iterator[tuple[list[str], npt.NDArray[np.int64]]]:
    """Captions of `rows` rows, and the number of the caption that each is or rewords.

    Which caption a row bears follows a power law: among as many captions as rows, number N u^1.5 with u uniform.
    """
    for first in range(0, rows, CHUNK):
        rng = np.random.default_rng([seed, first])
        count = min(CHUNK, rows - first)
        numbers = (rows * rng.random(count) ** 1.5).astype(np.int64)
        reworded = rng.random(count) < REWORDED
        suffix = rng.integers(0, len(SUFFIXES), count)
        picks = _picks(numbers)
        texts = [caption(n, p) for n, p in zip(numbers.tolist(), picks.tolist(), strict=True)]
        for n in np.flatnonzero(reworded).tolist():
            texts[n] = texts[n].replace(" a ", " the ") + SUFFIXES[suffix[n]]
        yield texts, numbers


def _picks(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Random numbers of each caption's number, (rows, 6): the bits of a 64-bit mix (splitmix64)."""
    out = np.empty((len(numbers), len(VOCABULARY)), np.int64)
    for n in range(len(VOCABULARY)):
        x = (numbers.astype(np.uint64) * np.uint64(len(VOCABULARY)) + np.uint64(n)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out[:, n] = (x >> np.uint64(33)).astype(np.int64)
    return out
