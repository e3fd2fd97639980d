"""Motion search: the corpus clips whose movement comes back, whatever they show.

Candidates are found by the inner product of motion windows over the whole corpus, by windows of four lengths and
at every speed that is asked for. Then every candidate's scores are held against what both clips score with *background*
clips, which can't be copies of each other: some movements resemble everything, and without this their scores would
look like evidence. What is ranked is that normalised score, the mean over the lengths of window that both clips have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.retrieve.background import Background, Normaliser
from vidmem.search.library import Floats, Library, Vectors
from vidmem.search.moving import motion_vectors_of
from vidmem.search.rows import best_of
from vidmem.search.windows import search_windows
from vidmem.similarity.motion import (
    NO_MATCH,
    WindowMatch,
    ofs_k,
    window_lengths,
    window_score,
)

Row = dict[str, Any]
BLOCK = 1024  # corpus clips whose motion vectors are in memory at once
POWER = 0.5  # to which magnitudes are raised (`similarity.motion.compress`)


@dataclass(frozen=True)
class MotionSettings:
    """`window`: flow fields a window; `floor`: flow under which a window is damped (share of the width a second);
    `grid`: side of the flow grid; `rate_hz`: fields a second; `top_k`: matches kept of each video; `candidates`: clips
    that are scored in full, by each length of window; `speeds` at which a video may play the movement of a clip."""

    window: int
    floor: float
    grid: int
    rate_hz: float
    top_k: int
    candidates: int
    speeds: tuple[float, ...] = (1.0,)

    @property
    def lengths(self) -> list[int]:
        """Lengths of window that are searched."""
        return window_lengths(self.window)


@dataclass
class _Found:
    """What is known of one video so far: the best raw scores by length of window, and a row of each clip in them."""

    raw: dict[int, dict[str, float]]
    rows: dict[str, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class _Pair:
    """A video at one speed against a clip: normalised score, and the windows that match, by their length."""

    score: float
    speed: float
    matches: Mapping[int, WindowMatch]


def motion_matches(
    videos: Library,
    corpus: Iterable[Library],
    background: Background,
    settings: MotionSettings,
    *,
    own: Mapping[str, Set[str]],
    excluded: Mapping[str, Set[str]],
    background_excluded: Mapping[str, Set[str]],
) -> list[Row]:
    """Rows of `tables.MATCHES` of kind `motion`: of each video the `top_k` best clips, and its own wherever they rank.

    `excluded` names the clips of the corpus that a video is not held against, its relatives; `background_excluded`
    those of the background.
    Clips of fewer than `window` fields have no motion to compare: they match nothing, on both sides.
    """
    queries = _Queries(videos, settings)
    normaliser = Normaliser(background, settings.lengths, settings.floor, POWER, background_excluded)
    found = [_Found({length: {} for length in settings.lengths}) for _ in videos.ids]
    for chunk in corpus:
        for block in chunk.blocks(BLOCK):
            _search_block(queries, block, normaliser, found, own, excluded)
    rows: list[Row] = []
    for q, video in enumerate(videos.ids):
        rows += _ranked(queries, q, found[q].rows, normaliser, own.get(video, set()))
    return rows


class _Queries:
    """The videos that are searched for, at every speed."""

    def __init__(self, videos: Library, settings: MotionSettings) -> None:
        self.videos = videos
        self.settings = settings
        self.at = {s: motion_vectors_of(videos, settings.grid, s, settings.rate_hz) for s in settings.speeds}

    def variants(self) -> tuple[list[Vectors], list[int]]:
        """Motion vectors of all videos at all speeds, and the number of each one's video."""
        vectors = [x for speed in self.settings.speeds for x in self.at[speed]]
        return vectors, [*range(len(self.videos))] * len(self.settings.speeds)

    def name(self, q: int, speed: float) -> tuple[str, float]:
        """What tells one video at one speed from others."""
        return self.videos.ids[q], speed


def _search_block(
    queries: _Queries,
    block: Library,
    normaliser: Normaliser,
    found: Sequence[_Found],
    own: Mapping[str, Set[str]],
    excluded: Mapping[str, Set[str]],
) -> None:
    settings, videos = queries.settings, queries.videos
    references = motion_vectors_of(block, settings.grid)
    numbers, barred = block.numbers(), block.barred(videos.ids, excluded)
    vectors, owners = queries.variants()
    for length in settings.lengths:
        hits = search_windows(
            vectors,
            owners,
            references,
            window=length,
            floor=settings.floor,
            power=POWER,
            wanted=settings.candidates,
            barred=barred,
            least=_least(found, length, settings.candidates),
        )
        for q, scores in hits.items():
            raw = {**found[q].raw[length], **{block.ids[n]: score for n, score in scores.items()}}
            found[q].raw[length] = best_of(raw, settings.candidates)
    for q, video in enumerate(videos.ids):
        mine = own.get(video, set())
        keep = {name for raw in found[q].raw.values() for name in raw} | mine
        for name in sorted((keep - found[q].rows.keys()) & numbers.keys()):
            n = numbers[name]
            row = _row(queries, q, block, n, references[n], normaliser)
            if row is not None:
                found[q].rows[name] = row
        found[q].rows = {name: row for name, row in found[q].rows.items() if name in keep}
    normaliser.forget(set(block.ids) - normaliser.held - set(videos.ids))


def _least(found: Sequence[_Found], length: int, candidates: int) -> dict[int, float]:
    """By video, the score under which a clip can't be among the candidates any more."""
    full = {q: f.raw[length].values() for q, f in enumerate(found) if len(f.raw[length]) >= candidates}
    return {q: min(scores) for q, scores in full.items()}


def _row(queries: _Queries, q: int, block: Library, n: int, y: Vectors, normaliser: Normaliser) -> Row | None:
    """What is said of a video and a clip; None where either is shorter than the window."""
    settings, videos = queries.settings, queries.videos
    pairs = [_pair(queries, q, speed, block.ids[n], y, normaliser) for speed in settings.speeds]
    best = max((p for p in pairs if p is not None), key=lambda p: p.score, default=None)
    if best is None:
        return None
    shape = (-1, 2, settings.grid, settings.grid)
    raw, theirs = (x.vectors[x.rows(m)].reshape(shape) for x, m in ((videos, q), (block, n)))
    return {
        "score": best.score,
        "ofs": ofs_k(raw, theirs, settings.window).score,
        "ofs3": ofs_k(raw, theirs, 3).score,
        "ofs_residual": best.matches[settings.window].score,
        "speed": best.speed,
        **_times(best, videos.times_s[videos.rows(q)], block.times_s[block.rows(n)], settings.rate_hz),
    }


def _times(pair: _Pair, video_times: Floats, clip_times: Floats, rate_hz: float) -> Row:
    """Start and end in seconds of the longest windows that match, in the video and in the clip."""
    match = pair.matches[max(pair.matches)]
    span = match.length / rate_hz
    gen_start = float(video_times[0]) + match.i / rate_hz / pair.speed
    ref_start = float(clip_times[match.j])
    return {
        "gen_start_s": gen_start,
        "gen_end_s": gen_start + span / pair.speed,
        "ref_start_s": ref_start,
        "ref_end_s": ref_start + span,
    }


def _pair(queries: _Queries, q: int, speed: float, clip: str, y: Vectors, normaliser: Normaliser) -> _Pair | None:
    x = queries.at[speed][q]
    matches = {k: window_score(x, y, k, queries.settings.floor, POWER) for k in queries.settings.lengths}
    matches = {k: match for k, match in matches.items() if match is not NO_MATCH}
    if not matches:
        return None
    video, one = queries.videos.ids[q], (clip, 1.0)
    raw = {k: match.score for k, match in matches.items()}
    score = normaliser.normalise(raw, queries.name(q, speed), x, one, y, normaliser.admissible(video, clip))
    return _Pair(score, speed, matches)


def _ranked(queries: _Queries, q: int, rows: Mapping[str, Row], normaliser: Normaliser, own: Set[str]) -> list[Row]:
    video, top_k = queries.videos.ids[q], queries.settings.top_k
    ranked: list[Row] = []
    for rank, item in enumerate(sorted(rows, key=lambda r: (-rows[r]["score"], r)), 1):
        if rank > top_k and item not in own:
            continue
        row = {"video_id": video, "kind": "motion", "ref_id": item, "own": item in own, **rows[item]}
        row["rank"] = rank if rank <= top_k else 0
        if rank == 1:
            row["background"] = _background_scores(queries, q, item, normaliser)
        ranked.append(row)
    return ranked


def _background_scores(queries: _Queries, q: int, best: str, normaliser: Normaliser) -> list[float]:
    """Normalised scores of a video against the background clips, as if they were references.

    Relatives of the best match are left out: that the original has duplicates does not make its motion common.
    """
    usable = normaliser.admissible(queries.videos.ids[q], best)
    by_speed = [
        normaliser.against_background(queries.name(q, speed), queries.at[speed][q], usable)
        for speed in queries.settings.speeds
    ]
    scores: npt.NDArray[np.float64] = np.max(by_speed, axis=0)
    return [float(s) for s in scores if np.isfinite(s)]
