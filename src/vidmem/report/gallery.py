"""The gallery: each finding's evidence as pictures, generated above reference, column for column in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidmem.progress import progress
from vidmem.report.findings import Finding, Match, choose
from vidmem.report.inputs import ReportInputs, text_of
from vidmem.report.painter import Painter, Strip
from vidmem.report.sources import Flow, Source, flows_of, references, videos_of


@dataclass(frozen=True)
class Block:
    """Evidence of one kind."""

    match: Match
    ref_caption: str | None
    ref_kind: str | None  # video | image
    strips: tuple[Strip, ...]
    full_flow: float | None  # magnitude of full saturation, shares of the width a second


@dataclass(frozen=True)
class Card:
    """A finding with its pictures."""

    finding: Finding
    prompt: str | None
    blocks: tuple[Block, ...]


def make_cards(inputs: ReportInputs, settings: Mapping[str, Any], out_dir: Path) -> list[Card]:
    """Choose the findings, write their pictures under `out_dir/media`, and give the cards in the order shown."""
    findings = choose(inputs, int(settings.get("findings", 60)))
    refs = references(inputs, {m.ref_id for f in findings for m in f.matches})
    videos = {
        name: videos_of(inputs, name, {f.row["video_id"] for f in findings if f.model == name})
        for name in inputs.models
    }
    flows = flows_of(inputs, findings, refs)
    prompts = text_of(inputs.prompts)
    painter = Painter(inputs, settings, out_dir)
    cards = []
    for finding in progress(findings, len(findings), "strips") if findings else ():
        video = videos[finding.model].get(finding.row["video_id"])
        blocks = [_block(painter, finding, m, video, refs.get(m.ref_id), flows) for m in finding.matches]
        cards.append(Card(finding, prompts.get(finding.row["prompt_id"] or ""), tuple(blocks)))
    return cards


def _block(
    painter: Painter,
    finding: Finding,
    match: Match,
    video: Source | None,
    ref: Source | None,
    flows: Mapping[tuple[str, str], Flow],
) -> Block:
    if match.kind == "template":
        pictures, full = painter.pair(finding, match, video, ref), None
    else:
        pictures, full = painter.aligned(finding, match, video, ref, flows)
    kind = ref.info.kind if ref and ref.info else None
    return Block(match, ref.caption if ref else None, kind, tuple(pictures), full)
