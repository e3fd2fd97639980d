"""What a search found as one picture: the query's frames beside those of each clip, at the segment that matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidmem import tables
from vidmem.cli import canvas
from vidmem.cli.canvas import CONTENT, INK, MOTION, Floats, Part, Pixels, Video
from vidmem.cli.errors import Failure, plain
from vidmem.cli.find import Found, Match
from vidmem.cli.results import Results
from vidmem.media import MediaRef
from vidmem.report.strips import nearest
from vidmem.userfiles import media_path

MOST = 10  # matches of a kind that are drawn: more make no picture that is looked at
QUERY = "query"
TITLES = {"content": ("By content", CONTENT), "motion": ("By motion", MOTION)}
FROM_STORE = "its file is not at hand: small pictures that the audit keeps"


def draw_found(found: Found, out: str | Path) -> Path:
    """Write the picture of a search, best matches first, at most `MOST` of a kind; the suffix of `out` says the format.

    Of each match frames of the query and of the clip in step, those that match outlined; of a motion match the flow of
    both windows as colours. A clip whose file has gone is shown by the pictures that the audit's features hold.
    Raises `Failure` for a format that isn't known, a query that has gone and a file that can't be written.
    """
    path = canvas.check_suffix(out)
    query, results = Video.of_file(found.query), Results(found.audit)
    shown = {"content": found.content[:MOST], "motion": found.motion[:MOST]}
    clips = _Clips(results, [match.item_id for matches in shown.values() for match in matches])
    parts = [canvas.title(f"{QUERY}: {plain(Path(found.query).name)}")]
    for kind, matches in shown.items():
        name, colour = TITLES[kind]
        why = f": {found.motion_reason or 'nothing'}" if not matches else ""
        parts.append(canvas.title(name + why, colour))
        parts += [part for match in matches for part in _match(match, query, clips)]
    return canvas.save(parts, path)


def _match(match: Match, query: Video, clips: _Clips) -> Iterator[Part]:
    clip = clips.of(match.item_id)
    at = f"{match.start_s:.2f} to {match.end_s:.2f} s like {match.ref_start_s:.2f} to {match.ref_end_s:.2f} s of"
    named = f"{plain(match.item_id)}  {plain(match.caption or '')}"
    yield canvas.title(f"{match.rank}.  {match.score:.2f}  {at} {named}", INK)
    if not isinstance(clip, Video):
        yield canvas.title(f"     {FROM_STORE}", INK)
    names = QUERY, "clip"
    spans = (match.start_s, match.end_s), (match.ref_start_s, match.ref_end_s)
    if match.kind == "motion" and isinstance(clip, Video):
        rows, full = canvas.flow_rows((query, clip), spans, names)
        yield from [*rows, canvas.wheel(full)]
    else:
        yield from canvas.pair_rows((query, clip), spans, names, TITLES[match.kind][1])


class _Stored:
    """A clip as the audit's features keep it: frames in grey, 48 pixels wide."""

    def __init__(self, frames: Mapping[str, Any], duration_s: float) -> None:
        side = (-1, tables.PICTURE_SIDE, tables.PICTURE_SIDE)
        order = np.argsort(frames["time_s"])
        self._times = np.asarray(frames["time_s"], np.float64)[order]
        grey = np.frombuffer(b"".join(frames["picture"]), np.uint8).reshape(side)[order]
        self._frames: Pixels = np.repeat(grey[..., None], 3, axis=-1)
        self.duration_s = duration_s

    def at(self, times: Floats) -> list[Pixels]:
        """The frame on show at each of `times` (seconds), uint8 (48, 48, 3)."""
        return [self._frames[n] for n in nearest(self._times, times)]


class _Clips:
    """The clips of an audit's corpus by item_id: their files, or what is kept of them."""

    def __init__(self, results: Results, ids: Sequence[str]) -> None:
        self._results, self._items, self._roots = results, results.items(ids), results.corpus_folders()
        self._known: dict[str, canvas.Shown] = {}

    def of(self, item: str) -> canvas.Shown:
        """The clip of this item."""
        if item not in self._known:
            self._known[item] = self._file(item) or self._stored(item)
        return self._known[item]

    def _file(self, item: str) -> Video | None:
        row = self._items.get(item)
        if row is None or not row["path"]:
            return None
        try:
            path = media_path(self._roots, row["corpus"], row["path"])
            return Video(MediaRef(path, row["offset"], row["size"], row["sha256"]), item)
        except (ValueError, Failure):  # its folder is not known, or the file is gone or another one
            return None

    def _stored(self, item: str) -> _Stored:
        frames = self._results.stored_frames(item)
        known = self._items.get(item, {}).get("duration_s")
        return _Stored(frames, known or max(frames["time_s"], default=0.0))
