"""Evidence as pictures: reads frames of both sides of a match and writes them as strips, flow and marked frames."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaRef, read_clip
from vidmem.report import cells, strips
from vidmem.report.findings import Finding, Match
from vidmem.report.inputs import ReportInputs
from vidmem.report.sources import Flow, Source, duration

MOST_FRAMES_READ = 512


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


class Painter:
    """Reads frames and writes pictures; holds what is the same for all cards."""

    def __init__(self, inputs: ReportInputs, settings: Mapping[str, Any], out_dir: Path) -> None:
        self.count = int(settings.get("strip_frames", 6))
        self.width = int(settings.get("strip_width", 112))
        self.out = out_dir
        self.centred = (inputs.config.get("features") or {}).get("crop", "centre") == "centre"
        # Files were bounded when their stage read them; here the wider of the two stages' bounds applies.
        bounds = [Limits(**((inputs.config.get(s) or {}).get("limits") or {})) for s in ("corpus", "generate")]
        self.limits = Limits(**{k: max(getattr(b, k) for b in bounds) for k in Limits.model_fields})

    def aligned(
        self,
        finding: Finding,
        match: Match,
        video: Source | None,
        ref: Source | None,
        flows: Mapping[tuple[str, str], Flow],
    ) -> tuple[list[Strip], float | None]:
        """Frames of both sides at matched times, with the flow between them for motion; and the flow's full colour."""
        lengths = (duration(video), duration(ref))
        gen_t, ref_t, inside = strips.aligned_times(match.gen, match.ref, lengths, self.count)
        mark = inside if not inside.all() else np.zeros(self.count, bool)
        name = _name(finding, match)
        gen = self._frames(video, gen_t, mark, f"{name}-gen", "generated", match.kind)
        reference = self._frames(ref, ref_t, mark, f"{name}-ref", "reference", match.kind)
        painted, full = self._flow_pair(finding, match, ref, flows, (gen_t, ref_t), name)
        return [gen, *painted, reference], full

    def pair(self, finding: Finding, match: Match, video: Source | None, ref: Source | None) -> list[Strip]:
        """The frame whose part comes back, the same with the similarity map over it, and the reference frame."""
        name = _name(finding, match)
        gen = self._one(video, match.gen[0])
        reference = self._one(ref, match.ref[0])
        made = [self._still(gen, match.gen[0], f"{name}-gen", "generated", "The generated frame")]
        if match.cells is not None and not isinstance(gen, str):
            marked = cells.paint(gen, match.cells, self.centred)
            alt = f"The generated frame with the similarity map over it: {cells.describe(match.cells)}"
            made.append(self._still(marked, match.gen[0], f"{name}-map", "generated", alt, "what comes back"))
        return [*made, self._still(reference, match.ref[0], f"{name}-ref", "reference", "The reference frame")]

    def whole(self, source: Source | None, name: str, label: str) -> Strip:
        """Frames of a whole video, evenly over its duration."""
        times = np.linspace(0, duration(source), self.count, endpoint=False)
        frames = self._read(source, times)
        span = f"{duration(source):.2f} s"
        if isinstance(frames, str):
            return Strip(None, 0, 0, label, "generated", span, frames)
        alt = f"{len(frames)} frames of the video, {label}"
        return self._saved(strips.strip(frames, self.width), name, label, "generated", span, alt)

    def _one(self, source: Source | None, time: float) -> strips.Bytes | str:
        """One frame at twice the width of a strip's, uint8 (H, W, 3), or why there is none."""
        found = self._read(source, np.array([time]))
        return found if isinstance(found, str) else strips.still(found[0], 2 * self.width)

    def _still(
        self, frame: strips.Bytes | str, time: float, name: str, side: str, alt: str, label: str | None = None
    ) -> Strip:
        at = f"at {time:.2f} s"
        if isinstance(frame, str):
            return Strip(None, 0, 0, label or side, side, at, frame)
        return self._saved(frame, name, label or side, side, at, f"{alt}, {at}")

    def _read(self, source: Source | None, times: npt.NDArray[np.float64]) -> list[strips.Bytes] | str:
        """The frames on show at `times` (ascending), or why there are none."""
        if source is None or source.path is None:
            return f"No picture: {source.reason if source else 'not in the tables'}"
        rate = min(24.0, MOST_FRAMES_READ / max(float(times[-1]), 1.0))
        try:
            clip = read_clip(
                MediaRef(source.path, source.offset, source.size),
                rate_hz=rate,
                max_frames=int(max(float(times[-1]), 0.0) * rate) + 2,
                short_edge=min(2 * self.width, 512),
                limits=self.limits,
                info=source.info,
            )
        except (MediaError, OSError) as error:
            return f"No picture: the file could not be read ({_reason(error)})"
        return [clip.frames[i] for i in strips.nearest(clip.times_s, times)]

    def _frames(self, source: Source | None, times: Any, mark: Any, name: str, side: str, kind: str) -> Strip:
        span = f"{max(times[0], 0):.2f} to {times[-1]:.2f} s"
        frames = self._read(source, times)
        if isinstance(frames, str):
            return Strip(None, 0, 0, side, side, span, frames)
        alt = f"{len(frames)} frames of the {side} video, {span}" + (
            ", those that matched outlined" if mark.any() else ""
        )
        return self._saved(strips.strip(frames, self.width, mark, strips.MARKS[kind]), name, side, side, span, alt)

    def _flow_pair(
        self,
        finding: Finding,
        match: Match,
        ref: Source | None,
        flows: Mapping[tuple[str, str], Flow],
        times: Any,
        name: str,
    ) -> tuple[list[Strip], float | None]:
        keys = [(finding.model, finding.row["video_id"]), ("corpus", ref.flow_id if ref else match.ref_id)]
        if match.kind != "motion" or any(key not in flows for key in keys):
            return [], None
        fields = [flows[key][1][strips.nearest(flows[key][0], t)] for key, t in zip(keys, times, strict=True)]
        full = strips.full_magnitude(*fields)
        made = []
        for side, field, t in zip(("generated", "reference"), fields, times, strict=True):
            span = f"{max(t[0], 0):.2f} to {t[-1]:.2f} s"
            alt = f"Optical flow of the {side} video, {span}: hue is the direction, saturation the speed"
            pixels = strips.flow_strip(field, self.width, full)
            made.append(self._saved(pixels, f"{name}-{side[:3]}-flow", f"{side} flow", side, span, alt))
        return made, full

    def _saved(self, pixels: strips.Bytes, name: str, label: str, side: str, span: str, alt: str) -> Strip:
        width, height = strips.save(pixels, self.out / "media" / f"{name}.webp")
        return Strip(f"media/{name}.webp", width, height, label, side, span, alt)


def _name(finding: Finding, match: Match) -> str:
    return hashlib.sha256("\x1f".join((finding.model, finding.row["video_id"], match.kind)).encode()).hexdigest()[:16]


def _reason(error: Exception) -> str:
    # An OSError's text holds an absolute path, which is nobody's business in a report that is passed on.
    return str(error) if isinstance(error, MediaError) else error.strerror or type(error).__name__  # type: ignore[attr-defined]
