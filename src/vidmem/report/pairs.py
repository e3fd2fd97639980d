"""The same prompt and seed with and without remedies, as strips one below the other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.inputs import Compared, MitigationFiles, ReportInputs, read_all
from vidmem.report.mitigation import Outcome
from vidmem.report.painter import Painter
from vidmem.report.sources import of_shards
from vidmem.report.stills import Strip

MOST_PROMPTS = 2  # a model


@dataclass(frozen=True)
class Group:
    """One prompt and seed of a model: the unmitigated video's strip first, then one a remedy."""

    prompt: str | None
    seed: int
    strips: tuple[Strip, ...]


def pairs_of(
    inputs: ReportInputs, files: MitigationFiles, found: Sequence[Outcome], settings: Mapping[str, Any], out: Path
) -> list[Group]:
    """The surest flagged prompts, first seed each; of a remedy that was tried at several strengths `shown_strength`."""
    painter = Painter(inputs, settings, out)
    asked = tables.read_table(files.prompts).filter(pl.col("group") == "flagged").sort("rank", "seed")
    firsts = asked.unique("prompt_id", keep="first", maintain_order=True).head(MOST_PROMPTS)
    groups = []
    for row in firsts.iter_rows(named=True):
        strips = [_strip(painter, files.base, {"video_id": row["base_video_id"]}, "unmitigated")]
        for outcome in shown_strength(found):
            key = {"prompt_id": row["prompt_id"], "seed": row["seed"]}
            label = f"{outcome.remedy} {outcome.strength:g}"
            strips.append(_strip(painter, files.branches[outcome.branch], key, label))
        groups.append(Group(row["text"], row["seed"], tuple(strips)))
    return groups


def shown_strength(found: Sequence[Outcome]) -> list[Outcome]:
    """Of each remedy the strongest branch that keeps fidelity, else the weakest."""
    flagged = [o for o in found if o.group == "flagged"]
    chosen = []
    for name in dict.fromkeys(o.remedy for o in flagged):
        mine = sorted((o for o in flagged if o.remedy == name), key=lambda o: o.strength)
        kept = [o for o in mine if o.keeps_fidelity()]
        chosen.append(kept[-1] if kept else mine[0])
    return chosen


def _strip(painter: Painter, compared: Compared, key: Mapping[str, Any], label: str) -> Strip:
    """The strip of the video that `key` names, by columns of `tables.VIDEOS`."""
    rows = read_all([shard.table for shard in compared.videos])
    found = rows.filter(pl.all_horizontal(pl.col(name) == value for name, value in key.items()))
    video = found["video_id"][0] if len(found) else None
    source = of_shards(compared.videos, {video}).get(video) if video else None
    name = hashlib.sha256("\x1f".join(("pair", label, str(video))).encode()).hexdigest()[:16]
    return painter.whole(source, name, label)
