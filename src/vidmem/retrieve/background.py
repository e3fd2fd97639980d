"""Scores of clips against background clips, and what a score is worth beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vidmem.search.library import Floats, Vectors, admissible
from vidmem.search.windows import Clip, Laid
from vidmem.similarity.motion import z_normalise

Mask = npt.NDArray[np.bool_]
Name = tuple[str, float]  # a clip, and the speed it is played at


@dataclass(frozen=True)
class Background:
    """Clips that are unrelated to the corpus and to each other, as motion vectors."""

    ids: list[str]
    vectors: list[Vectors]


class Normaliser:
    """Holds scores against what both clips score with background clips; those are computed once a clip."""

    def __init__(
        self,
        background: Background,
        lengths: Sequence[int],
        floor: float,
        power: float,
        excluded: Mapping[str, Set[str]],
    ) -> None:
        self._background = background
        self.held = frozenset(background.ids)
        self._lengths = lengths
        self._floor, self._power = floor, power
        self._excluded = excluded
        self._laid = {k: self._lay_out(k) for k in lengths}
        self._scores: dict[Name, dict[int, Floats]] = {}

    def admissible(self, *names: str) -> Mask:
        """Which background clips are neither one of the named clips nor a relative of one, bool (background,)."""
        return admissible(self._background.ids, names, self._excluded)

    def normalise(
        self, raw: Mapping[int, float], video: Name, x: Vectors, clip: Name, y: Vectors, usable: Mask
    ) -> float:
        """Mean over the lengths of window in `raw` of the z-values of its scores (`similarity.motion.z_normalise`).

        The mean of the raw scores where fewer than two background clips are usable.
        """
        mine, theirs = self._of(video, x), self._of(clip, y)
        values = [_normalised(score, mine[k], theirs[k], usable) for k, score in raw.items()]
        return float(np.mean(values))

    def against_background(self, video: Name, x: Vectors, usable: Mask) -> Floats:
        """Normalised scores of a video against the background clips as if they were references.

        NaN where a clip is not usable, or as short as no window.
        """
        mine = self._of(video, x)
        scores = np.full(len(self._background.ids), np.nan)
        for b in np.flatnonzero(usable).tolist():
            name, vectors = self._background.ids[b], self._background.vectors[b]
            raw = {k: float(mine[k][b]) for k in self._lengths if np.isfinite(mine[k][b])}
            others = usable & self.admissible(name)
            if raw:
                scores[b] = self.normalise(raw, video, x, (name, 1.0), vectors, others)
        return scores

    def forget(self, names: Iterable[str]) -> None:
        """Drop what is known of clips that won't be asked for again, so that memory does not grow with the corpus."""
        for name in names:
            self._scores.pop((name, 1.0), None)

    def _of(self, name: Name, vectors: Vectors) -> dict[int, Floats]:
        """Scores of a clip against every background clip by length of window, NaN where one is too short."""
        if name not in self._scores:
            self._scores[name] = {k: self._against(vectors, k) for k in self._lengths}
        return self._scores[name]

    def _against(self, vectors: Vectors, k: int) -> Floats:
        scores = np.full(len(self._background.ids), np.nan)
        numbers, laid = self._laid[k]
        if laid is not None and len(vectors) >= k:
            scores[numbers] = laid.scores(Laid.out([Clip.of(vectors, k, self._floor, self._power)], k))[0]
        return scores

    def _lay_out(self, k: int) -> tuple[list[int], Laid | None]:
        long = [n for n, b in enumerate(self._background.vectors) if len(b) >= k]
        clips = [Clip.of(self._background.vectors[n], k, self._floor, self._power) for n in long]
        return long, Laid.out(clips, k) if clips else None


def _normalised(raw: float, mine: Floats, theirs: Floats, usable: Mask) -> float:
    query, reference = (scores[usable & np.isfinite(scores)] for scores in (mine, theirs))
    return float(z_normalise(raw, query, reference)) if max(len(query), len(reference)) >= 2 else raw
