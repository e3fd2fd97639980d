"""Motion search: the corpus clips whose movement comes back, whatever they show.

Candidates are found by the inner product of motion windows over the whole corpus. Then every candidate's score is
held against what both clips score with *background* clips, which can't be copies of each other: some movements
resemble everything, and without this their scores would look like evidence. What is ranked is that normalised score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidmem.retrieve.library import Floats, Library, Vectors
from vidmem.retrieve.search import best_of, search_best
from vidmem.similarity.motion import (
    motion_vectors,
    ofs_k,
    score_against,
    window_score,
    windows,
    z_normalise,
)

Row = dict[str, Any]
BLOCK = 1024  # corpus clips whose windows are in memory at once


@dataclass(frozen=True)
class MotionSettings:
    """`window` flow fields a window; `floor`: flow under which a window is damped; `grid`: side of the flow grid."""

    window: int
    floor: float
    grid: int
    rate_hz: float
    top_k: int
    candidates: int


@dataclass(frozen=True)
class Background:
    """Clips that are unrelated to the corpus and to each other, as motion vectors."""

    ids: list[str]
    vectors: list[Vectors]


@dataclass
class _Candidate:
    raw: float
    fields: Vectors
    times_s: Floats
    vectors: Vectors


def motion_vectors_of(library: Library, grid: int) -> list[Vectors]:
    """Camera-free, compressed motion vectors (T, 2 grid grid) of each video of a flow library."""
    fields = library.vectors.reshape(-1, 2, grid, grid)
    return [motion_vectors(fields[library.rows(n)]) for n in range(len(library))]


def motion_matches(
    videos: Library,
    corpus: Iterable[Library],
    background: Background,
    settings: MotionSettings,
    *,
    own: Mapping[str, Set[str]],
    excluded: Mapping[str, Set[str]],
) -> list[Row]:
    """Rows of `tables.MATCHES` of kind `motion`: of each video the `top_k` best clips, and its own wherever they rank.

    `excluded` names the clips of corpus and background that a video is not held against: itself and its relatives.
    """
    queries = motion_vectors_of(videos, settings.grid)
    kept: list[dict[str, _Candidate]] = [{} for _ in videos.ids]
    for chunk in corpus:
        for block in chunk.blocks(BLOCK):
            _search_block(videos, queries, block, settings, own, excluded, kept)
    normaliser = _Normaliser(background, settings, excluded)
    rows: list[Row] = []
    for q, video in enumerate(videos.ids):
        rows += _ranked(videos, q, queries[q], kept[q], normaliser, settings, own.get(video, set()))
    return rows


def _search_block(
    videos: Library,
    queries: Sequence[Vectors],
    block: Library,
    settings: MotionSettings,
    own: Mapping[str, Set[str]],
    excluded: Mapping[str, Set[str]],
    kept: list[dict[str, _Candidate]],
) -> None:
    references = motion_vectors_of(block, settings.grid)
    numbers, barred = block.numbers(), block.barred(videos.ids, excluded)
    hits: dict[int, dict[int, float]] = {q: {} for q in range(len(videos))}
    for length in sorted({min(settings.window, len(x)) for x in queries if len(x)}):
        members = [q for q, x in enumerate(queries) if min(settings.window, len(x)) == length]
        _search_length(members, queries, references, length, settings, barred, hits)
    for q, video in enumerate(videos.ids):
        for r in own.get(video, ()):
            if r in numbers:
                n = numbers[r]
                hits[q][n] = window_score(queries[q], references[n], settings.window, settings.floor).score
        for n, score in hits[q].items():
            rows = block.rows(n)
            # copies: a view would keep the whole chunk in memory for as long as the candidate is kept
            fields, times = block.vectors[rows].copy(), block.times_s[rows].copy()
            kept[q][block.ids[n]] = _Candidate(score, fields, times, references[n])
        best = best_of({name: c.raw for name, c in kept[q].items()}, settings.candidates)
        keep = {*best, *own.get(video, ())}
        kept[q] = {name: c for name, c in kept[q].items() if name in keep}


def _search_length(
    members: Sequence[int],
    queries: Sequence[Vectors],
    references: Sequence[Vectors],
    length: int,
    settings: MotionSettings,
    barred: Mapping[int, Set[int]],
    hits: dict[int, dict[int, float]],
) -> None:
    """Search the windows of one length; references that are shorter than the window are scored one by one."""
    long = [n for n, r in enumerate(references) if len(r) >= length]
    if long:
        x, x_owner = _windows(queries, members, length, settings.floor)
        y, y_owner = _windows(references, long, length, settings.floor)
        for q, found in search_best(x, x_owner, y, y_owner, settings.candidates, barred).items():
            hits[q].update(found)
    short = [n for n, r in enumerate(references) if 0 < len(r) < length]
    for q in members if short else ():
        scores = score_against(queries[q], [references[n] for n in short], settings.window, settings.floor)
        hits[q].update({n: float(s) for n, s in zip(short, scores, strict=True) if n not in barred.get(q, ())})


def _windows(
    vectors: Sequence[Vectors], members: Sequence[int], length: int, floor: float
) -> tuple[Vectors, np.ndarray[Any, np.dtype[np.int64]]]:
    parts = [windows(vectors[n], length, floor) for n in members]
    return np.concatenate(parts), np.repeat(np.array(members, np.int64), [len(p) for p in parts])


class _Normaliser:
    """Scores against background clips, computed once a clip."""

    def __init__(self, background: Background, settings: MotionSettings, excluded: Mapping[str, Set[str]]) -> None:
        self.background = background
        self.settings = settings
        self.excluded = excluded
        self.cache: dict[str, Floats] = {}

    def scores(self, name: str, vectors: Vectors) -> Floats:
        """Scores of a clip against every background clip, (background,)."""
        if name not in self.cache:
            found = score_against(vectors, self.background.vectors, self.settings.window, self.settings.floor)
            self.cache[name] = found.astype(np.float64)
        return self.cache[name]

    def admissible(self, *names: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which background clips are neither one of the named clips nor a relative of one, (background,)."""
        barred = {r for name in names for r in (name, *self.excluded.get(name, ()))}
        return np.array([b not in barred for b in self.background.ids], bool)

    def normalise(self, video: str, x: Vectors, reference: str, y: Vectors, raw: float) -> float:
        """Mean of the z-values of `raw` among the background scores of both clips; raw where there are too few."""
        usable = self.admissible(video, reference)
        if usable.sum() < 2:
            return raw
        return float(z_normalise(raw, self.scores(video, x)[usable], self.scores(reference, y)[usable]))


def _ranked(
    videos: Library,
    q: int,
    x: Vectors,
    kept: Mapping[str, _Candidate],
    normaliser: _Normaliser,
    settings: MotionSettings,
    own: Set[str],
) -> list[Row]:
    video = videos.ids[q]
    scores = {r: normaliser.normalise(video, x, r, c.vectors, c.raw) for r, c in kept.items()}
    ranked: list[Row] = []
    for rank, item in enumerate(sorted(scores, key=lambda r: (-scores[r], r)), 1):
        if rank > settings.top_k and item not in own:
            continue
        row = _compare(videos, q, x, kept[item], settings)
        row.update(video_id=video, kind="motion", ref_id=item, own=item in own, score=scores[item])
        row["rank"] = rank if rank <= settings.top_k else 0
        if rank == 1:
            row["background"] = _background_scores(video, x, item, normaliser)
        ranked.append(row)
    return ranked


def _background_scores(video: str, x: Vectors, best: str, normaliser: _Normaliser) -> list[float]:
    """Normalised scores of a video against the background clips, as if they were references.

    Relatives of the best match are left out: that the original has duplicates does not make its motion common.
    """
    usable = normaliser.admissible(video, best)
    raw = normaliser.scores(video, x)
    names, vectors = normaliser.background.ids, normaliser.background.vectors
    return [
        normaliser.normalise(video, x, names[b], vectors[b], float(raw[b])) for b in np.flatnonzero(usable).tolist()
    ]


def _compare(videos: Library, q: int, x: Vectors, candidate: _Candidate, settings: MotionSettings) -> Row:
    best = window_score(x, candidate.vectors, settings.window, settings.floor)
    shape = (-1, 2, settings.grid, settings.grid)
    raw = ofs_k(videos.vectors[videos.rows(q)].reshape(shape), candidate.fields.reshape(shape), settings.window)
    times = videos.times_s[videos.rows(q)]
    row: Row = {"ofs": raw.score, "ofs_residual": best.score}
    if best.length:
        span = best.length / settings.rate_hz
        row.update(gen_start_s=float(times[best.i]), gen_end_s=float(times[best.i]) + span)
        row.update(ref_start_s=float(candidate.times_s[best.j]), ref_end_s=float(candidate.times_s[best.j]) + span)
    return row
