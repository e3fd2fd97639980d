"""Features of many videos as flat arrays: which rows belong to which video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem import tables
from vidmem.text import stable_fraction

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Library:
    """Vectors (rows, size) of videos, the rows of a video together and in the order of time.

    `starts` (videos + 1,) cuts the rows; `times_s` (rows,). `thumbnails` uint8 (rows, 768) and `pictures` uint8
    (rows, 48 * 48) show the embedded view in colour and in grey; both are empty for flow.
    """

    ids: list[str]
    starts: npt.NDArray[np.int64]
    times_s: Floats
    vectors: Vectors
    thumbnails: npt.NDArray[np.uint8]
    pictures: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, n: int) -> slice:
        """Rows of the n-th video."""
        return slice(int(self.starts[n]), int(self.starts[n + 1]))

    def numbers(self) -> dict[str, int]:
        """Number of each video by its id."""
        return {item: n for n, item in enumerate(self.ids)}

    def barred(self, videos: Sequence[str], excluded: Mapping[str, Set[str]]) -> dict[int, set[int]]:
        """By position in `videos`, the numbers of the clips here that a video is not held against."""
        numbers = self.numbers()
        return {q: {numbers[r] for r in excluded.get(v, ()) if r in numbers} for q, v in enumerate(videos)}

    def owners(self) -> npt.NDArray[np.int64]:
        """Number of the video of each row, (rows,)."""
        return np.repeat(np.arange(len(self.ids)), np.diff(self.starts))

    def take(self, numbers: Sequence[int]) -> Library:
        """The videos of these numbers, in that order, copied, so that the rest can be forgotten."""
        lengths = np.diff(self.starts)[np.asarray(numbers, int)]
        rows = np.concatenate([np.empty(0, int), *(np.arange(self.starts[n], self.starts[n + 1]) for n in numbers)])
        return Library(
            [self.ids[n] for n in numbers],
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            self.times_s[rows],
            self.vectors[rows],
            self.thumbnails[rows] if len(self.thumbnails) else self.thumbnails,
            self.pictures[rows] if len(self.pictures) else self.pictures,
        )

    def blocks(self, size: int) -> Iterator[Library]:
        """Libraries of at most `size` videos each, which bounds the memory of what is built from them."""
        for first in range(0, len(self.ids), size):
            last = min(first + size, len(self.ids))
            rows = slice(int(self.starts[first]), int(self.starts[last]))
            yield Library(
                self.ids[first:last],
                self.starts[first : last + 1] - self.starts[first],
                self.times_s[rows],
                self.vectors[rows],
                self.thumbnails[rows] if len(self.thumbnails) else self.thumbnails,
                self.pictures[rows] if len(self.pictures) else self.pictures,
            )


def load_library(paths: Path | Iterable[Path]) -> Library:
    """Read feature tables (`tables.frames_schema` or `tables.flow_schema`) whose rows are grouped by video."""
    files = [paths] if isinstance(paths, Path) else list(paths)
    frame, vectors = tables.read_vectors(files)
    owner = frame["video_id"].to_numpy()
    changes = np.flatnonzero(owner[1:] != owner[:-1]) + 1 if len(owner) else np.empty(0, int)
    starts = np.concatenate([[0], changes, [len(owner)]]) if len(owner) else np.zeros(1, int)
    ids = [str(owner[s]) for s in starts[:-1]]
    if len(set(ids)) != len(ids):
        raise ValueError(f"{files}: the rows of a video are not together")
    thumbnails, pictures = _images(files, "thumbnail"), _images(files, "picture")
    return Library(ids, starts.astype(np.int64), frame["time_s"].to_numpy(), vectors, thumbnails, pictures)


def sample_library(paths: Iterable[Path], most: int, purpose: str = "background") -> Library:
    """At most `most` videos of feature tables, drawn by their ids (`draw`); one table at a time is in memory.

    The same videos are drawn however the tables are cut.
    """
    drawn: Library | None = None
    for path in paths:
        found = load_library(path)
        drawn = draw(found if drawn is None else join([drawn, found]), most, purpose)
    if drawn is None:
        raise ValueError("no feature tables to draw from")
    return drawn


def draw(library: Library, most: int, purpose: str) -> Library:
    """At most `most` of the videos, drawn by their ids: others for another purpose."""
    if len(library) <= most:
        return library
    order = sorted(range(len(library)), key=lambda n: (stable_fraction(purpose, library.ids[n]), library.ids[n]))
    return library.take(sorted(order[:most], key=lambda n: library.ids[n]))


def admissible(ids: Sequence[str], names: Sequence[str], excluded: Mapping[str, Set[str]]) -> npt.NDArray[np.bool_]:
    """Which of the clips `ids` are neither one of `names` nor excluded for one of them, bool (clips,)."""
    barred = {r for name in names for r in (name, *excluded.get(name, ()))}
    return np.array([name not in barred for name in ids], bool)


def join(libraries: Sequence[Library]) -> Library:
    """Several libraries as one, at least one. Raises `ValueError` where an id stands in two of them."""
    ids = [name for library in libraries for name in library.ids]
    if len(set(ids)) != len(ids):
        raise ValueError("a video stands in two feature tables")
    lengths = np.concatenate([np.diff(library.starts) for library in libraries])
    return Library(
        ids,
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate([library.times_s for library in libraries]),
        np.concatenate([library.vectors for library in libraries]),
        np.concatenate([library.thumbnails for library in libraries]),
        np.concatenate([library.pictures for library in libraries]),
    )


def _images(files: Iterable[Path], column: str) -> npt.NDArray[np.uint8]:
    size = {"thumbnail": tables.THUMBNAIL_BYTES, "picture": tables.PICTURE_BYTES}[column]
    found: list[Any] = []
    for path in files:
        if column in tables.column_names(path):
            values = tables.read_arrow(path, [column]).column(0)
            found.append(np.frombuffer(b"".join(values.to_pylist()), np.uint8).reshape(-1, size))
    return np.concatenate(found) if found else np.empty((0, size), np.uint8)
