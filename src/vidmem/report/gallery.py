"""The gallery: each finding's evidence, both sides in step, and what its filters ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidmem.progress import progress
from vidmem.report.findings import Finding, Match, choose
from vidmem.report.inputs import ReportInputs, text_of
from vidmem.report.likeness import vectors_of
from vidmem.report.painter import Evidence, Painter
from vidmem.report.sources import references, videos_of

PAGE = 20  # findings that are shown at a time


@dataclass(frozen=True)
class Block:
    """Evidence of one kind."""

    match: Match
    ref_caption: str | None
    ref_kind: str | None  # video | image
    shown: Evidence


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
    vectors = vectors_of(inputs, findings, refs)
    prompts = text_of(inputs.prompts)
    painter = Painter(inputs, settings, out_dir)
    cards = []
    for finding in progress(findings, len(findings), "clips") if findings else ():
        video = videos[finding.model].get(finding.row["video_id"])
        blocks = []
        for match in finding.matches:
            ref = refs.get(match.ref_id)
            shown = painter.show(finding, match, video, ref, vectors)
            kind = ref.info.kind if ref and ref.info else None
            blocks.append(Block(match, ref.caption if ref else None, kind, shown))
        cards.append(Card(finding, prompts.get(finding.row["prompt_id"] or ""), tuple(blocks)))
    return cards
