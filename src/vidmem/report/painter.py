"""Evidence as pictures: what is read of both sides of a match, at which moments, for its film and its stills."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidmem.report import clips, privacy, strips
from vidmem.report.clips import Clip
from vidmem.report.films import Films, Flow
from vidmem.report.findings import Finding, Match
from vidmem.report.frames import Floats, Frames, Reader
from vidmem.report.inputs import ReportInputs
from vidmem.report.likeness import Likeness, Vectors, likeness, moving_cells
from vidmem.report.sources import Source, duration
from vidmem.report.stills import Columns, Stills, Strip


@dataclass(frozen=True)
class Evidence:
    """What a card shows of one match; a clip where both sides could be read, `full_flow` where flow is shown.

    `where`: the generated frame with the part that comes back; a template has it among its `strips`.
    """

    clip: Clip | None
    strips: tuple[Strip, ...]
    where: Strip | None
    full_flow: float | None  # magnitude of full saturation, shares of the width a second
    likeness: Likeness | None


class Painter:
    """Reads frames and has pictures made of them; holds what is the same for all cards."""

    def __init__(self, inputs: ReportInputs, settings: Mapping[str, Any], out_dir: Path) -> None:
        width = int(settings.get("strip_width", 112))
        centred = (inputs.config.get("features") or {}).get("crop", "centre") == "centre"
        self._count = int(settings.get("strip_frames", 6))
        self._references = str(settings.get("references", privacy.SHOW))
        self._reader = Reader(inputs.config, min(2 * width, 512))
        self._films = Films(out_dir, int(settings.get("clip_width", 192)))
        self._stills = Stills(out_dir, width, self._references, centred)

    def show(
        self, finding: Finding, match: Match, video: Source | None, ref: Source | None, vectors: Vectors
    ) -> Evidence:
        """Both sides of a match at matched times: a film, and strips whose columns are the same moments.

        Of a template the strips are the two frames, with the similarity map over the generated one.
        """
        name = _name(finding, match)
        moving, columns = self._moments(match, video, ref)
        pairs = zip((video, ref), moving, columns[:2], strict=True)
        read = [self._reader.read(s, np.concatenate([m, c])) for s, m, c in pairs]
        read[1] = read[1] if isinstance(read[1], str) else privacy.hide(read[1], self._references)
        films, stills = ([_part(r, len(moving[0]), first) for r in read] for first in (True, False))
        flows = _fields(finding, match, ref, vectors)
        full = strips.full_magnitude(*(rows for _, rows in flows)) if flows else None
        made = self._stills.sides(match, columns, stills, name)
        if match.kind == "template":
            made = self._stills.pair(match, stills, name)
        elif flows and full is not None:
            made = [made[0], *self._stills.flows(flows, columns, full, name), made[1]]
        clip = self._films.film(films, moving, flows, full, name)
        alike = moving_cells(finding, match, ref, vectors, moving)
        where = self._stills.where(match, films[0], moving[0], alike, name)
        return Evidence(clip, tuple(made), where, full, likeness(finding, match, ref, vectors, moving))

    def whole(self, source: Source | None, name: str, label: str) -> Strip:
        """Frames of a whole video, evenly over its duration."""
        times = np.linspace(0, duration(source), self._count, endpoint=False)
        return self._stills.whole(self._reader.read(source, times), name, label, f"{duration(source):.2f} s")

    def _moments(self, match: Match, video: Source | None, ref: Source | None) -> tuple[tuple[Floats, Floats], Columns]:
        """Times of the film on both sides; and those of the strips, with the columns that lie in the match."""
        lengths = (duration(video), duration(ref))
        reach = (lengths[0], lengths[1] or lengths[0])  # an image has no end: its time stands still in any case
        start, end, _ = strips.aligned_times(match.gen, match.ref, reach, 2, clips.LEAST_SPAN_S)
        fps = video.info.fps if video and video.info else None
        count = clips.clip_count(float(start[-1] - start[0]), fps)
        moving = tuple(np.linspace(float(t[0]), float(t[-1]), count) for t in (start, end))
        moments = (moving[0], moving[1])
        if match.kind == "template":
            one = np.array([match.gen[0]]), np.array([match.ref[0]])
            return moments, (*one, np.zeros(1, bool))
        return moments, strips.aligned_times(match.gen, match.ref, lengths, self._count)


def _fields(finding: Finding, match: Match, ref: Source | None, vectors: Vectors) -> list[Flow]:
    """Flow of both sides of a motion match; nothing where either is not known."""
    keys = [(finding.model, finding.row["video_id"]), ("corpus", ref.flow_id if ref else match.ref_id)]
    known = match.kind == "motion" and all(key in vectors.flow for key in keys)
    return [vectors.flow[key] for key in keys] if known else []


def _part(frames: Frames, count: int, first: bool) -> Frames:
    """Of frames that were read for the film and the strips at once, those of either."""
    return frames if isinstance(frames, str) else frames[:count] if first else frames[count:]


def _name(finding: Finding, match: Match) -> str:
    return hashlib.sha256("\x1f".join((finding.model, finding.row["video_id"], match.kind)).encode()).hexdigest()[:16]
