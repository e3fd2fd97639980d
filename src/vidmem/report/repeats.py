"""What stands more than once in the corpus, by kind of evidence: how many items, and the largest groups of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.inputs import ReportInputs, ok_rows
from vidmem.report.privacy import OMIT, SHOW
from vidmem.report.sources import references
from vidmem.report.thumbs import SIDE, Sheet, thumbs_of

# Columns of `tables.DUPLICATES` that count the others beside an item, and what having any means.
EVIDENCE = {
    "same_caption_same_video": "the same caption and the same video",
    "same_caption_other_video": "the same caption, another video",
    "other_caption_same_video": "another caption, the same video",
    "same_motion_other_video": "the same movement, another video",
    "semantic_neighbours": "another caption that says the same in other words",
}
GROUPS = {"content": "One video", "caption": "One caption, several videos", "motion": "One movement, several videos"}
MOST_GROUPS = 6  # of a kind on the page; all are in the table `repeats`
MOST_MEMBERS = 3  # of a group on the page
SHEET = "media/repeats.webp"


@dataclass(frozen=True)
class Member:
    """One item of a group, for all those of its video and caption; `top` is its row on the sheet, None: no picture."""

    item_id: str
    caption: str | None
    times: int
    top: int | None


@dataclass(frozen=True)
class Group:
    """Items that stand for one another: how many, under how many distinct captions, and of how many videos."""

    items: int
    captions: int
    videos: int
    members: tuple[Member, ...]


def repeat_tables(inputs: ReportInputs) -> dict[str, pl.DataFrame]:
    """The tables `duplicates` and `repeats`; none where the audit looked at captions alone.

    `duplicates`: by evidence, the items that something stands beside, those of which it is not known, and the most
    others that one item has. `repeats`: every component of more than one item, with its items and its distinct captions
    and videos (items without a caption, and without features, count as none).
    """
    if inputs.duplicates is None:
        return {}
    found = ok_rows(tables.read_table(inputs.duplicates))
    counts = [
        {
            "evidence": name,
            "items": int((found[name] > 0).sum()),
            "unknown": int(found[name].null_count()),
            "most": found[name].max(),
        }
        for name in EVIDENCE
    ]
    schema = {"evidence": pl.String, "items": pl.Int64, "unknown": pl.Int64, "most": pl.Int64}
    return {
        "duplicates": pl.DataFrame(counts, schema=schema),
        "repeats": pl.concat([_components(found, kind) for kind in GROUPS]),
    }


def _components(found: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Components of a kind with more than one item, the largest first."""
    name = f"{kind}_component"
    return (
        found.filter(pl.col(f"{name}_size") > 1)
        .group_by(pl.lit(kind).alias("kind"), pl.col(name).alias("component"))
        .agg(
            pl.len().cast(pl.Int64).alias("items"),
            pl.col("prompt_id").drop_nulls().n_unique().cast(pl.Int64).alias("captions"),
            pl.col("content_component").drop_nulls().n_unique().cast(pl.Int64).alias("videos"),
        )
        .sort(["items", "component"], descending=[True, False])
    )


def repeated(
    inputs: ReportInputs, frames: Mapping[str, pl.DataFrame], settings: Mapping[str, Any], out: Path
) -> dict[str, Any] | None:
    """What the page shows of the two tables, with the largest groups' pictures on one sheet; None without the tables.

    `counts`: rows of `duplicates`; `groups`: by kind, the `MOST_GROUPS` largest; `of`: how many there are, by kind. Of
    captions and movements those of one video alone are left out: they are the copies of that video once more.
    """
    if inputs.duplicates is None:
        return None
    rows = ok_rows(tables.read_table(inputs.duplicates))
    made_by = tables.read_made_by(inputs.duplicates)
    several = (pl.col("kind") == "content") | (pl.col("videos") > 1)
    largest = {kind: frames["repeats"].filter(several & (pl.col("kind") == kind)) for kind in GROUPS}
    chosen = {
        kind: [(group, _members(rows, kind, group["component"])) for group in found.head(MOST_GROUPS).to_dicts()]
        for kind, found in largest.items()
    }
    ids = {row["item_id"] for groups in chosen.values() for _, members in groups for row in members}
    how = str(settings.get("references", SHOW))
    known = references(inputs, ids)
    shown = ids | {ref.flow_id for ref in known.values()} if how != OMIT else set()
    sheet = Sheet(thumbs_of(inputs, {"corpus": shown}), how)
    # One row a file on the sheet: what is repeated often is shown in more than one list.
    tops = {flow: sheet.reference(flow, flow) for flow in sorted({ref.flow_id for ref in known.values()})}
    if any(top is not None for top in tops.values()):
        sheet.save(out / SHEET)

    def member(row: Mapping[str, Any]) -> Member:
        ref = known.get(row["item_id"])
        return Member(row["item_id"], ref.caption if ref else None, row["times"], tops[ref.flow_id] if ref else None)

    groups = {
        kind: [Group(g["items"], g["captions"], g["videos"], tuple(map(member, members))) for g, members in found]
        for kind, found in chosen.items()
    }
    said = {"semantic": made_by.get("semantic"), "sheet": SHEET, "height": sheet.height, "side": SIDE}
    counts = [row | {"words": EVIDENCE[row["evidence"]]} for row in frames["duplicates"].to_dicts()]
    return {"counts": counts, "groups": groups, "titles": GROUPS, "of": {k: len(f) for k, f in largest.items()}, **said}


def _members(rows: pl.DataFrame, kind: str, component: str) -> list[dict[str, Any]]:
    """Of a component the first item of each caption (of a video) or of each video (else), those that repeat first."""
    apart = "prompt_id" if kind == "content" else "content_component"
    return (
        rows.filter(pl.col(f"{kind}_component") == component)
        .group_by(apart)
        .agg(pl.col("item_id").min(), pl.len().alias("times"))
        .sort(["times", "item_id"], descending=[True, False])
        .head(MOST_MEMBERS)
        .select("item_id", "times")
        .to_dicts()
    )
