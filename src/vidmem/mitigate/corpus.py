"""The corpus as remedies are judged by it: what clips look like, under which captions, and of which content."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidmem import tables
from vidmem.text import normalise_text, prompt_id, stable_fraction

Vectors = npt.NDArray[np.float64]
MOST_CAPTIONS = 20_000  # drawn of a larger corpus: more would cost memory and change little


@dataclass(frozen=True)
class Captions:
    """Distinct captions of the corpus: ids, texts, and the clips (`same_as` ids) under each."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    clips: tuple[frozenset[str], ...]


def read_captions(manifest: Path, most: int = MOST_CAPTIONS) -> Captions:
    """The captions of the ok items, in the order of their ids; of more than `most` those that a hash draws."""
    drawn = _Drawn(most)
    for rows in tables.iter_ok(manifest, ["same_as", "caption"]):
        for clip, caption in rows.select("same_as", "caption").unique().drop_nulls().iter_rows():
            if text := normalise_text(caption):
                drawn.see(prompt_id(text), text, clip)
    kept = drawn.end()
    ids = tuple(sorted(kept))
    return Captions(ids, tuple(kept[i][0] for i in ids), tuple(frozenset(kept[i][1]) for i in ids))


class _Drawn:
    """The `most` captions that a hash puts first, with their texts and clips; of others nothing is held for long."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._last = (1.0, "")  # nothing beyond it is among the first
        self._found: dict[str, tuple[str, set[str]]] = {}

    def see(self, key: str, text: str, clip: str) -> None:
        """One caption of one clip. A caption that was let go never comes back: it is beyond the last for good."""
        if key not in self._found:
            if self._place(key) > self._last:
                return
            self._found[key] = (text, set())
        self._found[key][1].add(clip)
        if len(self._found) > 2 * self._most:
            self.end()

    def end(self) -> dict[str, tuple[str, set[str]]]:
        """Let go of what is not among the first; the rest by caption."""
        first = sorted(self._found, key=self._place)[: self._most]
        if len(first) == self._most:
            self._last = self._place(first[-1])
        self._found = {key: self._found[key] for key in first}
        return self._found

    @staticmethod
    def _place(key: str) -> tuple[float, str]:
        return stable_fraction("captions", key), key


def mean_vectors(paths: Iterable[Path], ids: Iterable[str] | None = None) -> dict[str, Vectors]:
    """video_id -> the mean of its frames' copy-detection vectors, scaled to length 1: float64 (dim,).

    Of all videos in the tables, or of `ids`; one without frames has none. Tables are read one at a time.
    """
    wanted = None if ids is None else set(ids)
    found: dict[str, Vectors] = {}
    for path in paths:
        frame, vectors = tables.read_vectors(path)
        names, numbers = np.unique(frame["video_id"].to_numpy(), return_inverse=True)
        sums = np.zeros((len(names), vectors.shape[1]))
        np.add.at(sums, numbers, vectors.astype(np.float64))
        for name, total in zip(names, sums, strict=True):
            if wanted is None or name in wanted:
                found[str(name)] = total / max(float(np.linalg.norm(total)), 1e-12)
    return found


def read_contents(truth: Path | None) -> dict[str, str]:
    """item_id -> what a clip of the made corpus shows, by its truth table; empty where nothing is known."""
    if truth is None:
        return {}
    with truth.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {row["item_id"]: row["content"] for row in rows if row["side"] == "corpus" and row["content"]}


def sources_of(asked: Iterable[Mapping[str, object]]) -> dict[str, frozenset[str]]:
    """prompt_id -> the prompt's own clips, of rows of `tables.ASKED_AGAIN`."""
    found = {}
    for row in asked:
        clips = row["source_ids"]
        assert clips is None or isinstance(clips, Sequence)
        found[str(row["prompt_id"])] = frozenset(clips or ())
    return found
