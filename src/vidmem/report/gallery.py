"""The gallery: each finding's evidence as pictures, generated above reference, column for column in time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaRef, read_clip
from vidmem.progress import progress
from vidmem.report import strips
from vidmem.report.findings import Finding, Match, choose
from vidmem.report.inputs import ReportInputs, text_of
from vidmem.report.sources import Source, duration, flows_of, references, videos_of

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


@dataclass(frozen=True)
class Block:
    """Evidence of one kind."""

    match: Match
    ref_caption: str | None
    strips: tuple[Strip, ...]
    full_flow: float | None  # magnitude of full saturation, shares of the width a second


@dataclass(frozen=True)
class Card:
    """A finding with its pictures."""

    finding: Finding
    prompt: str | None
    blocks: tuple[Block, ...]


def make_cards(inputs: ReportInputs, settings: Mapping[str, Any], out_dir: Path) -> list[Card]:
    """Choose the findings, write their strips under `out_dir/media`, and give the cards in the order shown."""
    findings = choose(inputs, int(settings.get("findings", 60)))
    refs = references(inputs, {m.ref_id for f in findings for m in f.matches})
    videos = {
        name: videos_of(inputs, name, {f.row["video_id"] for f in findings if f.model == name})
        for name in inputs.models
    }
    flows = flows_of(inputs, findings, refs)
    prompts = text_of(inputs.prompts)
    painter = _Painter(inputs, settings, out_dir)
    cards = []
    for finding in progress(findings, len(findings), "strips") if findings else ():
        video = videos[finding.model].get(finding.row["video_id"])
        blocks = [painter.block(finding, m, video, refs.get(m.ref_id), flows) for m in finding.matches]
        cards.append(Card(finding, prompts.get(finding.row["prompt_id"] or ""), tuple(blocks)))
    return cards


class _Painter:
    """Reads frames and writes strips; holds what is the same for all cards."""

    def __init__(self, inputs: ReportInputs, settings: Mapping[str, Any], out_dir: Path) -> None:
        self.count = int(settings.get("strip_frames", 6))
        self.width = int(settings.get("strip_width", 112))
        self.out = out_dir
        # Files were bounded when their stage read them; here the wider of the two stages' bounds applies.
        bounds = [Limits(**((inputs.config.get(s) or {}).get("limits") or {})) for s in ("corpus", "generate")]
        self.limits = Limits(**{k: max(getattr(b, k) for b in bounds) for k in Limits.model_fields})

    def block(
        self, finding: Finding, match: Match, video: Source | None, ref: Source | None, flows: Mapping[Any, Any]
    ) -> Block:
        lengths = (duration(video), duration(ref))
        gen_t, ref_t, inside = strips.aligned_times(match.gen, match.ref, lengths, self.count)
        mark = inside if not inside.all() else np.zeros(self.count, bool)
        name = hashlib.sha256("\x1f".join((finding.model, finding.row["video_id"], match.kind)).encode()).hexdigest()[
            :16
        ]
        gen = self._frames(video, gen_t, mark, f"{name}-gen", "generated", match.kind)
        reference = self._frames(ref, ref_t, mark, f"{name}-ref", "reference", match.kind)
        painted, full = self._flow_pair(finding, match, ref, flows, (gen_t, ref_t), name)
        return Block(match, ref.caption if ref else None, (gen, *painted, reference), full)

    def _frames(self, source: Source | None, times: Any, mark: Any, name: str, side: str, kind: str) -> Strip:
        span = f"{max(times[0], 0):.2f} to {times[-1]:.2f} s"
        if source is None or source.path is None:
            return Strip(
                None, 0, 0, side, side, span, f"No picture: {source.reason if source else 'not in the tables'}"
            )
        rate = min(24.0, MOST_FRAMES_READ / max(float(times[-1]), 1.0))
        edge = min(2 * self.width, 512)
        try:
            clip = read_clip(
                MediaRef(source.path, source.offset, source.size),
                rate_hz=rate,
                max_frames=int(max(float(times[-1]), 0.0) * rate) + 2,
                short_edge=edge,
                limits=self.limits,
                info=source.info,
            )
        except (MediaError, OSError) as error:
            return Strip(None, 0, 0, side, side, span, f"No picture: the file could not be read ({_reason(error)})")
        frames = [clip.frames[i] for i in strips.nearest(clip.times_s, times)]
        alt = f"{len(frames)} frames of the {side} video, {span}" + (
            ", those that matched outlined" if mark.any() else ""
        )
        return self._saved(strips.strip(frames, self.width, mark, strips.MARKS[kind]), name, side, side, span, alt)

    def _flow_pair(
        self, finding: Finding, match: Match, ref: Source | None, flows: Mapping[Any, Any], times: Any, name: str
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


def _reason(error: Exception) -> str:
    # An OSError's text holds an absolute path, which is nobody's business in a report that is passed on.
    return str(error) if isinstance(error, MediaError) else error.strerror or type(error).__name__  # type: ignore[attr-defined]
