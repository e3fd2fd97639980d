"""Captions said again: the ways in which a stock caption is reworded, and one in which it becomes another."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Reword = Callable[[str, np.random.Generator], str]

SUFFIXES = (", stock footage", ". 4k video", " - HD", ", slow motion", ". Royalty free")
PREFIXES = ("4K ", "Video of ", "Footage: ", "Beautiful ")
SYNONYMS = {
    "animation": "cartoon", "ball": "sphere", "big": "large", "bounces": "hops", "bouncing": "hopping",
    "car": "vehicle",
    "city": "town", "dark": "black", "footage": "video", "house": "home", "looking": "gazing", "meadow": "field",
    "over": "above", "past": "beside", "photo": "picture", "road": "street", "shot": "take", "slow": "gentle",
    "small": "little", "still": "motionless", "street": "road", "talks": "speaks", "three": "3", "two": "2",
    "walk": "stroll", "walks": "strolls", "wide": "broad", "woman": "lady", "young": "youthful",
}  # fmt: skip


def plain(text: str, rng: np.random.Generator) -> str:
    """Other case, no punctuation."""
    return re.sub(r"[^\w\s]", "", text).lower()


def article(text: str, rng: np.random.Generator) -> str:
    """The first indefinite article becomes definite."""
    return re.sub(r"\b[Aa]n?\b", "the", text, count=1)


def longer(text: str, rng: np.random.Generator) -> str:
    """A word or two before or after it."""
    if rng.integers(0, 2):
        return text + str(rng.choice(SUFFIXES))
    return str(rng.choice(PREFIXES)) + text[0].lower() + text[1:]


def turned(text: str, rng: np.random.Generator) -> str:
    """What follows the last comma comes first; the article changes where there is no comma."""
    head, _, tail = text.rpartition(", ")
    return f"{tail.capitalize()}, {head[0].lower()}{head[1:]}" if head else article(text, rng)


def synonym(text: str, rng: np.random.Generator) -> str:
    """One word exchanged for one that means the same; misspelt where none is known."""
    words = text.split(" ")
    known = [n for n, word in enumerate(words) if word.lower() in SYNONYMS]
    n = int(rng.choice(known)) if known else int(np.argmax([len(word) for word in words]))
    words[n] = SYNONYMS[words[n].lower()] if known else words[n][:-2] + words[n][-1] + words[n][-2]
    return " ".join(words)


REWORDINGS: dict[str, Reword] = {
    "plain": plain,
    "article": article,
    "longer": longer,
    "turned": turned,
    "synonym": synonym,
}
