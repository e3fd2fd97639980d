"""What is said of one video and one corpus clip: every content score, and which times and part match on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidmem.search.library import Floats, Library, Vectors, admissible
from vidmem.similarity.content import best_segment, gsscd_k, gsscd_max, match_fractions, vsscd
from vidmem.similarity.template import template_match
from vidmem.tables import PICTURE_SIDE

Row = dict[str, Any]


@dataclass(frozen=True)
class ContentSettings:
    """`segment`: k of GSSCD-k; `match_from`: similarity from which a frame counts as matched; `rate_hz`: frames a
    second that are compared; `top_k`: matches that are kept of each video; `beta`, `background_k`: weight of the
    background in the normalised score, and how many of its clips count."""

    segment: int
    match_from: float
    rate_hz: float
    top_k: int
    beta: float = 1.0
    background_k: int = 5


class Comparer:
    """Compares videos of one library with clips of another. `background` holds clips that share nothing with the
    corpus; a video is not held against those of them that `excluded` names for it or the clip."""

    def __init__(
        self, videos: Library, background: Library, excluded: Mapping[str, Set[str]], settings: ContentSettings
    ) -> None:
        self.videos = videos
        self.background = background
        self.excluded = excluded
        self.settings = settings
        self._last: tuple[int, Floats] | None = None  # rows are asked for video by video

    def row(self, q: int, block: Library, n: int) -> Row:
        """The content columns of `tables.MATCHES` of the q-th video and the n-th clip of `block`."""
        settings, ours, theirs = self.settings, self.videos.rows(q), block.rows(n)
        x, y = self.videos.vectors[ours], block.vectors[theirs]
        best = gsscd_max(x, y)
        x_times, y_times = self.videos.times_s[ours], block.times_s[theirs]
        fractions = match_fractions(x, y, settings.match_from)
        return {
            "score": best.score,
            "gsscd_max": best.score,
            "gsscd_k": gsscd_k(x, y, settings.segment).score,
            "vsscd": vsscd(x, y),
            "content_normalised": self._normalised(q, x, block.ids[n], y),
            "gen_fraction": fractions[0],
            "ref_fraction": fractions[1],
            "gen_time_s": float(x_times[best.i]),
            "ref_time_s": float(y_times[best.j]),
            **_segment(x, x_times, y, y_times, settings),
            **self._template(q, block, n),
        }

    def _normalised(self, q: int, x: Vectors, reference: str, y: Vectors) -> float | None:
        """max over i, j of s_ij - beta b_i, b_i the mean similarity of frame i to the background clips most like it.

        The score normalisation of the video similarity challenge (VSC2022). The nearest neighbours are clips by their
        best frame, not frames: those of one clip are nearly the same. Left out are the video and the reference
        themselves and their relatives; None where no background is left.
        """
        usable = admissible(self.background.ids, (self.videos.ids[q], reference), self.excluded)
        if not usable.any():
            return None
        best = self._background_scores(q)[:, usable]
        k = min(self.settings.background_k, best.shape[1])
        noise = np.partition(best, best.shape[1] - k, axis=1)[:, -k:].mean(axis=1)
        nearest = (x.astype(np.float64) @ y.T.astype(np.float64)).max(axis=1)
        return float((nearest - self.settings.beta * noise).max())

    def _background_scores(self, q: int) -> Floats:
        """Similarity of each frame of the q-th video to the best frame of each background clip, (frames, clips)."""
        if self._last is None or self._last[0] != q:
            x, clips = self.videos.vectors[self.videos.rows(q)], self.background
            scores = x.astype(np.float64) @ clips.vectors.T.astype(np.float64)
            self._last = q, np.maximum.reduceat(scores, clips.starts[:-1], axis=1)
        return self._last[1]

    def _template(self, q: int, block: Library, n: int) -> Row:
        """Which part of the frame comes back; nothing is said where a library has no pictures."""
        ours, theirs = self.videos.rows(q), block.rows(n)
        if not len(self.videos.pictures) or not len(block.pictures):
            return {}
        side = (-1, PICTURE_SIDE, PICTURE_SIDE)
        found = template_match(
            self.videos.vectors[ours],
            self.videos.pictures[ours].reshape(side),
            block.vectors[theirs],
            block.pictures[theirs].reshape(side),
        )
        return {
            "template": found.score,
            "template_map": found.cells.ravel().tolist(),
            "template_gen_time_s": float(self.videos.times_s[ours][found.i]),
            "template_ref_time_s": float(block.times_s[theirs][found.j]),
        }


def _segment(x: Vectors, x_times: Floats, y: Vectors, y_times: Floats, settings: ContentSettings) -> Row:
    """Start and end on both sides of what comes back: of the replicated segment, or of GSSCD-k where none is.

    Frames are aligned by their times, since gated frames are missing. The end is when the last frame's place ends.
    """
    x_slots, y_slots = (np.rint(t * settings.rate_hz).astype(np.int64) for t in (x_times, y_times))
    found = best_segment(x, y, settings.match_from, x_slots, y_slots)
    if found:
        i, j, last_i, last_j = found[1:5]
    else:
        run = gsscd_k(x, y, settings.segment)
        i, j, last_i, last_j = run.i, run.j, run.i + run.length - 1, run.j + run.length - 1
    step = 1 / settings.rate_hz
    return {
        "gen_start_s": float(x_times[i]),
        "gen_end_s": float(x_times[last_i]) + step,
        "ref_start_s": float(y_times[j]),
        "ref_end_s": float(y_times[last_j]) + step,
    }
