"""Searching only the clips that indices proposed, with exact scores, and how often that misses a clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidmem.retrieve.index import propose, read_index
from vidmem.search.library import Library, Vectors, load_library, sample_library
from vidmem.search.moving import window_rows

Row = dict[str, Any]
Proposed = dict[str, set[str]]  # video -> clips
BLOCK = 256  # clips; `barred` names most of a block for every video
RECALL_QUERIES = 50  # videos whose exact matches are found too


@dataclass(frozen=True)
class Shortlist(Library):
    """Clips that were proposed for some video: each video is held against its own proposals alone."""

    proposed: Mapping[str, Set[str]]

    def barred(self, videos: Sequence[str], excluded: Mapping[str, Set[str]]) -> dict[int, set[int]]:
        """As `Library.barred`, with every clip that was not proposed for the video among them."""
        numbers, every = self.numbers(), set(range(len(self)))
        return {
            q: every - {numbers[r] for r in self.proposed.get(v, set()) - excluded.get(v, set()) if r in numbers}
            for q, v in enumerate(videos)
        }

    def blocks(self, size: int) -> Iterator[Library]:
        """As `Library.blocks`, of at most `BLOCK` videos."""
        for block in super().blocks(min(size, BLOCK)):
            yield Shortlist(**vars(block), proposed=self.proposed)


def propose_content(
    videos: Library, indices: Iterable[Path], wanted: int, nprobe: int, excluded: Mapping[str, Set[str]]
) -> tuple[Proposed, Row]:
    """The clips that the content indices propose for each video, and what is to be said of these indices."""
    return _propose(videos.ids, lambda _: (videos.vectors, videos.owners()), indices, wanted, nprobe, excluded)


def propose_motion(
    ids: Sequence[str],
    queries: Sequence[Vectors],
    owners: Sequence[int],
    indices: Iterable[Path],
    wanted: int,
    nprobe: int,
    excluded: Mapping[str, Set[str]],
    *,
    window: int,
    floor: float,
) -> tuple[Proposed, Row]:
    """As `propose_content`, of motion vectors; `owners` says which of the videos `ids` each query is a variant of."""
    owner = np.asarray(owners, np.int64)

    def rows(basis: Vectors) -> tuple[Vectors, np.ndarray[Any, np.dtype[np.int64]]]:
        projected, clip = window_rows(queries, basis, window, floor)
        return projected, owner[clip]

    return _propose(ids, rows, indices, wanted, nprobe, excluded)


def _propose(
    ids: Sequence[str],
    rows_for: Callable[[Vectors], tuple[Vectors, np.ndarray[Any, np.dtype[np.int64]]]],
    indices: Iterable[Path],
    wanted: int,
    nprobe: int,
    excluded: Mapping[str, Set[str]],
) -> tuple[Proposed, Row]:
    found: list[dict[str, float]] = [{} for _ in ids]
    barred = [excluded.get(v, frozenset()) for v in ids]
    whole: dict[str, str] = {}
    for path in indices:
        made = read_index(path)
        if len(made.owner):
            propose(found, *rows_for(made.basis), made, wanted, nprobe, barred)
        if made.why:
            whole[path.name] = made.why
    return {v: set(found[q]) for q, v in enumerate(ids)}, {"proposed": wanted, "searched_whole": whole}


def shortlisted(
    paths: Iterable[Path], proposed: Mapping[str, Set[str]], own: Mapping[str, Set[str]]
) -> Iterator[Library]:
    """Of each corpus table the clips that are proposed for a video or its own, as a `Shortlist`."""
    named = set().union(*proposed.values(), *own.values())
    for path in paths:
        library = load_library(path)
        chosen = library.take([n for n, item in enumerate(library.ids) if item in named])
        yield Shortlist(**vars(chosen), proposed=proposed)


def recall_sample(videos: Iterable[Path]) -> Library:
    """Of feature tables the videos whose exact matches are found too: at most `RECALL_QUERIES`."""
    return sample_library(videos, RECALL_QUERIES, "recall")


def recall(rows: Iterable[Row], exact: Iterable[Row]) -> Row:
    """How much of an exact search's matches another one reports: of the best ones, and of all that are ranked.

    Both are rows of `tables.MATCHES` of one kind; only the videos of `exact` are looked at. The shares are None where
    there is nothing to find.
    """
    mine, true = _ranked(rows), _ranked(exact)
    first = [mine.get(v, [None])[0] == names[0] for v, names in true.items()]
    every = [r in mine.get(v, []) for v, names in true.items() for r in names]
    shares = {"recall_at_1": first, "recall_at_k": every}
    return {"queries": len(true), **{k: float(np.mean(v)) if v else None for k, v in shares.items()}}


def _ranked(rows: Iterable[Row]) -> dict[str, list[str]]:
    """video -> its ranked matches, the best one first."""
    found: dict[str, list[str]] = {}
    for row in sorted((r for r in rows if r["rank"]), key=lambda r: (r["video_id"], r["rank"])):
        found.setdefault(row["video_id"], []).append(row["ref_id"])
    return found
