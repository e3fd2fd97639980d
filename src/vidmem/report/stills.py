"""The still pictures of a match: strips of frames and of flow at matched times, and frames with what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.report import cells, privacy, strips, words
from vidmem.report.films import Flow
from vidmem.report.findings import Match
from vidmem.report.frames import Floats, Frames

SIDES = ("generated", "reference")
# Times of the strips' columns on both sides, and which of the columns lie in the match.
Columns = tuple[Floats, Floats, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Strip:
    """One picture of a card: `src` relative to the page, size in pixels, and its text for those who don't see it."""

    src: str | None  # None: it could not be made, and `alt` says why
    width: int
    height: int
    label: str
    side: str  # generated | reference
    span: str
    alt: str


class Stills:
    """Writes pictures under `out/media`, with frames `width` pixels wide in strips and twice that alone.

    `centred`: similarity maps are of the centred square of a frame.
    """

    def __init__(self, out: Path, width: int, references: str, centred: bool) -> None:
        self._out, self._width, self._references, self._centred = out, width, references, centred

    def whole(self, frames: Frames, name: str, label: str, span: str) -> Strip:
        """Frames of a whole video."""
        if isinstance(frames, str):
            return Strip(None, 0, 0, label, "generated", span, frames)
        alt = f"{len(frames)} frames of the video, {label}"
        return self._saved(strips.strip(frames, self._width), name, label, "generated", span, alt)

    def sides(self, match: Match, columns: Columns, frames: Sequence[Frames], name: str) -> list[Strip]:
        """A strip of each side; columns in the match are outlined where others lie outside."""
        inside = columns[2]
        mark = inside if not inside.all() else np.zeros(len(inside), bool)
        return [
            self._side(f, times, mark, f"{name}-{side[:3]}", side, match.kind)
            for f, times, side in zip(frames, columns[:2], SIDES, strict=True)
        ]

    def _side(self, frames: Frames, times: Floats, mark: Any, name: str, side: str, kind: str) -> Strip:
        span = words.span(times)
        if isinstance(frames, str):
            return Strip(None, 0, 0, side, side, span, frames)
        alt = f"{len(frames)} frames of the {side} video, {span}"
        alt += ", those that matched outlined" if mark.any() else ""
        colour = strips.MARKS.get(kind, strips.MARKS["content"])
        return self._saved(strips.strip(frames, self._width, mark, colour), name, side, side, span, alt)

    def flows(self, flows: Sequence[Flow], columns: Columns, full: float, name: str) -> list[Strip]:
        """A strip of the flow of each side, both with full saturation at the magnitude `full`."""
        made = []
        for (at, fields), times, side in zip(flows, columns[:2], SIDES, strict=True):
            span = words.span(times)
            if side == "reference" and self._references == privacy.OMIT:
                made.append(Strip(None, 0, 0, f"{side} flow", side, span, privacy.WITHHELD))
                continue
            alt = f"Optical flow of the {side} video, {span}: hue is the direction, saturation the speed"
            pixels = strips.flow_strip(fields[strips.nearest(at, times)], self._width, full)
            made.append(self._saved(pixels, f"{name}-{side[:3]}-flow", f"{side} flow", side, span, alt))
        return made

    def pair(self, match: Match, frames: Sequence[Frames], name: str) -> list[Strip]:
        """The frame whose part comes back, the same with the similarity map over it, and the reference frame."""
        gen, ref = (f if isinstance(f, str) else strips.still(f[0], 2 * self._width) for f in frames)
        made = [self._still(gen, match.gen[0], f"{name}-gen", "generated", "The generated frame")]
        if match.cells is not None and not isinstance(gen, str):
            marked = cells.paint(gen, match.cells, self._centred)
            alt = f"The generated frame with the similarity map over it: {cells.describe(match.cells)}"
            made.append(self._still(marked, match.gen[0], f"{name}-map", "generated", alt, "what comes back"))
        return [*made, self._still(ref, match.ref[0], f"{name}-ref", "reference", "The reference frame")]

    def where(self, match: Match, film: Frames, times: Floats, moving: cells.Cells | None, name: str) -> Strip | None:
        """Which part of a frame comes back: of content by its similarity map, of motion the cells that move alike."""
        known = moving if match.kind == "motion" else match.cells
        at = sum(match.gen) / 2 if match.kind == "motion" else match.cells_at
        if known is None or at is None or isinstance(film, str) or match.kind == "template":
            return None
        near = int(np.abs(times - at).argmin())
        frame = strips.still(film[near], 2 * self._width)
        marked = cells.paint(frame, known, self._centred, overlap=match.kind != "motion")
        said = cells.describe(known, "that move" if match.kind == "motion" else "with texture")
        label = "moves alike" if match.kind == "motion" else "comes back"
        return self._still(
            marked, float(times[near]), f"{name}-map", "generated", f"Outlined is what {label}: {said}", label
        )

    def _still(
        self, frame: strips.Bytes | str, time: float, name: str, side: str, alt: str, label: str | None = None
    ) -> Strip:
        at = f"at {time:.2f} s"
        if isinstance(frame, str):
            return Strip(None, 0, 0, label or side, side, at, frame)
        return self._saved(frame, name, label or side, side, at, f"{alt}, {at}")

    def _saved(self, pixels: strips.Bytes, name: str, label: str, side: str, span: str, alt: str) -> Strip:
        width, height = strips.save(pixels, self._out / "media" / f"{name}.webp")
        return Strip(f"media/{name}.webp", width, height, label, side, span, alt)
