"""Evidence as pictures: reads frames of both sides of a match and writes them as a film, strips, and marked frames."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaRef, read_clip
from vidmem.report import cells, clips, privacy, strips
from vidmem.report.clips import Clip
from vidmem.report.findings import Finding, Match
from vidmem.report.inputs import ReportInputs
from vidmem.report.likeness import Likeness, Vectors, likeness, moving_cells
from vidmem.report.sources import Source, duration

MOST_FRAMES_READ = 512
Floats = npt.NDArray[np.float64]
Frames = list[strips.Bytes] | str  # or why there are none


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
    """Reads frames and writes pictures; holds what is the same for all cards."""

    def __init__(self, inputs: ReportInputs, settings: Mapping[str, Any], out_dir: Path) -> None:
        self.count = int(settings.get("strip_frames", 6))
        self.width = int(settings.get("strip_width", 112))
        self.clip_width = 2 * (int(settings.get("clip_width", 192)) // 2)
        self.references = str(settings.get("references", privacy.SHOW))
        self.out = out_dir
        self.centred = (inputs.config.get("features") or {}).get("crop", "centre") == "centre"
        # Files were bounded when their stage read them; here the wider of the two stages' bounds applies.
        bounds = [Limits(**((inputs.config.get(s) or {}).get("limits") or {})) for s in ("corpus", "generate")]
        self.limits = Limits(**{k: max(getattr(b, k) for b in bounds) for k in Limits.model_fields})

    def show(
        self, finding: Finding, match: Match, video: Source | None, ref: Source | None, vectors: Vectors
    ) -> Evidence:
        """Both sides of a match at matched times: a film, and strips whose columns are the same moments.

        Of a template the strips are the two frames, with the similarity map over the generated one.
        """
        name = _name(finding, match)
        moving, columns = self._moments(match, video, ref)
        kinds = (video, ref)
        read = [self._read(s, np.concatenate([m, c])) for s, m, c in zip(kinds, moving, columns[:2], strict=True)]
        read[1] = read[1] if isinstance(read[1], str) else privacy.hide(read[1], self.references)
        films, stills = ([_part(r, len(moving[0]), first) for r in read] for first in (True, False))
        flows = self._fields(finding, match, ref, vectors)
        full = strips.full_magnitude(*(rows for _, rows in flows)) if flows else None
        made = self._strips(match, columns, stills, name)
        if match.kind == "template":
            made = self._pair(match, stills, name)
        elif flows and full is not None:
            made = [made[0], *self._flow_strips(flows, columns, full, name), made[1]]
        clip = self._clip(match, films, moving, flows, full, name)
        where = self._where(match, films[0], moving[0], moving_cells(finding, match, ref, vectors, moving), name)
        return Evidence(clip, tuple(made), where, full, likeness(finding, match, ref, vectors, moving))

    def whole(self, source: Source | None, name: str, label: str) -> Strip:
        """Frames of a whole video, evenly over its duration."""
        times = np.linspace(0, duration(source), self.count, endpoint=False)
        frames = self._read(source, times)
        span = f"{duration(source):.2f} s"
        if isinstance(frames, str):
            return Strip(None, 0, 0, label, "generated", span, frames)
        alt = f"{len(frames)} frames of the video, {label}"
        return self._saved(strips.strip(frames, self.width), name, label, "generated", span, alt)

    def _moments(
        self, match: Match, video: Source | None, ref: Source | None
    ) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats, npt.NDArray[np.bool_]]]:
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
        return moments, strips.aligned_times(match.gen, match.ref, lengths, self.count)

    def _read(self, source: Source | None, times: Floats) -> Frames:
        """The frames on show at `times`, or why there are none."""
        if source is None or source.path is None:
            return f"No picture: {source.reason if source else 'not in the tables'}"
        last = max(float(times.max()), 0.0)
        rate = min(24.0, MOST_FRAMES_READ / max(last, 1.0))
        try:
            clip = read_clip(
                MediaRef(source.path, source.offset, source.size),
                rate_hz=rate,
                max_frames=int(last * rate) + 2,
                short_edge=min(2 * self.width, 512),
                limits=self.limits,
                info=source.info,
            )
        except (MediaError, OSError) as error:
            return f"No picture: the file could not be read ({_reason(error)})"
        return [clip.frames[i] for i in strips.nearest(clip.times_s, times)]

    def _fields(
        self, finding: Finding, match: Match, ref: Source | None, vectors: Vectors
    ) -> list[tuple[Floats, npt.NDArray[Any]]]:
        """Flow of both sides of a motion match, times and fields; nothing where either is not known."""
        keys = [(finding.model, finding.row["video_id"]), ("corpus", ref.flow_id if ref else match.ref_id)]
        known = match.kind == "motion" and all(key in vectors.flow for key in keys)
        return [vectors.flow[key] for key in keys] if known else []

    def _clip(
        self,
        match: Match,
        films: Sequence[Frames],
        times: tuple[Floats, Floats],
        flows: Sequence[tuple[Floats, npt.NDArray[Any]]],
        full: float | None,
        name: str,
    ) -> Clip | None:
        gen, ref = films
        if isinstance(gen, str) or (isinstance(ref, str) and ref != privacy.WITHHELD):
            return None
        shown = [clips.withheld(gen[0])] if isinstance(ref, str) else ref
        rows = [[gen, shown]]
        if flows and full is not None:
            painted = [
                clips.flow_pictures(fields[strips.nearest(at, wanted)], full)
                for (at, fields), wanted in zip(flows, times, strict=True)
            ]
            rows.append([painted[0], [clips.withheld(painted[1][0])] if isinstance(ref, str) else painted[1]])
        frames = clips.compose(rows, self.clip_width)
        fps = clips.rate_of(times[0])
        clips.write_clip(self.out / "media" / f"{name}.mp4", frames, fps)
        alt = f"The generated video, left, in step with the reference, right, {_seconds(times[0])}"
        alt += ", the optical flow of both below" if flows else ""
        return Clip(f"media/{name}.mp4", frames.shape[2], frames.shape[1], len(frames), fps, float(times[0][0]), alt)

    def _strips(self, match: Match, columns: tuple[Floats, Floats, Any], frames: Sequence[Frames], name: str) -> Any:
        inside = columns[2]
        mark = inside if not inside.all() else np.zeros(len(inside), bool)
        return [
            self._strip(f, times, mark, f"{name}-{side[:3]}", side, match.kind)
            for f, times, side in zip(frames, columns[:2], ("generated", "reference"), strict=True)
        ]

    def _strip(self, frames: Frames, times: Floats, mark: Any, name: str, side: str, kind: str) -> Strip:
        span = _seconds(times)
        if isinstance(frames, str):
            return Strip(None, 0, 0, side, side, span, frames)
        alt = f"{len(frames)} frames of the {side} video, {span}"
        alt += ", those that matched outlined" if mark.any() else ""
        colour = strips.MARKS.get(kind, strips.MARKS["content"])
        return self._saved(strips.strip(frames, self.width, mark, colour), name, side, side, span, alt)

    def _flow_strips(
        self,
        flows: Sequence[tuple[Floats, npt.NDArray[Any]]],
        columns: tuple[Floats, Floats, Any],
        full: float,
        name: str,
    ) -> list[Strip]:
        made = []
        for (at, fields), times, side in zip(flows, columns[:2], ("generated", "reference"), strict=True):
            span = _seconds(times)
            if side == "reference" and self.references == privacy.OMIT:
                made.append(Strip(None, 0, 0, f"{side} flow", side, span, privacy.WITHHELD))
                continue
            alt = f"Optical flow of the {side} video, {span}: hue is the direction, saturation the speed"
            pixels = strips.flow_strip(fields[strips.nearest(at, times)], self.width, full)
            made.append(self._saved(pixels, f"{name}-{side[:3]}-flow", f"{side} flow", side, span, alt))
        return made

    def _pair(self, match: Match, frames: Sequence[Frames], name: str) -> list[Strip]:
        """The frame whose part comes back, the same with the similarity map over it, and the reference frame."""
        gen, ref = (f if isinstance(f, str) else strips.still(f[0], 2 * self.width) for f in frames)
        made = [self._still(gen, match.gen[0], f"{name}-gen", "generated", "The generated frame")]
        if match.cells is not None and not isinstance(gen, str):
            marked = cells.paint(gen, match.cells, self.centred)
            alt = f"The generated frame with the similarity map over it: {cells.describe(match.cells)}"
            made.append(self._still(marked, match.gen[0], f"{name}-map", "generated", alt, "what comes back"))
        return [*made, self._still(ref, match.ref[0], f"{name}-ref", "reference", "The reference frame")]

    def _where(self, match: Match, film: Frames, times: Floats, moving: cells.Cells | None, name: str) -> Strip | None:
        """Which part of a frame comes back: of content by its similarity map, of motion the cells that move alike."""
        known = moving if match.kind == "motion" else match.cells
        at = sum(match.gen) / 2 if match.kind == "motion" else match.cells_at
        if known is None or at is None or isinstance(film, str) or match.kind == "template":
            return None
        near = int(np.abs(times - at).argmin())
        frame = strips.still(film[near], 2 * self.width)
        marked = cells.paint(frame, known, self.centred, overlap=match.kind != "motion")
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
        width, height = strips.save(pixels, self.out / "media" / f"{name}.webp")
        return Strip(f"media/{name}.webp", width, height, label, side, span, alt)


def _part(frames: Frames, count: int, first: bool) -> Frames:
    """Of frames that were read for the film and the strips at once, those of either."""
    return frames if isinstance(frames, str) else frames[:count] if first else frames[count:]


def _seconds(times: Floats) -> str:
    return f"{max(times[0], 0):.2f} to {times[-1]:.2f} s"


def _name(finding: Finding, match: Match) -> str:
    return hashlib.sha256("\x1f".join((finding.model, finding.row["video_id"], match.kind)).encode()).hexdigest()[:16]


def _reason(error: Exception) -> str:
    # An OSError's text holds an absolute path, which is nobody's business in a report that is passed on.
    return str(error) if isinstance(error, MediaError) else error.strerror or type(error).__name__  # type: ignore[attr-defined]
