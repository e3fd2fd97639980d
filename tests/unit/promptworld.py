"""Small corpora for the tests of prompts: manifests and tables of duplicates, written as the stages write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidmem import tables
from vidmem.config.prompts import Prompts
from vidmem.prompts.curate import Curated, curate
from vidmem.text import prompt_id

Row = dict[str, Any]


def item(number: int, caption: str | None, same_as: int | None = None, status: str = "ok", kind: str = "video") -> Row:
    """A row of the manifest."""
    first = f"i{number if same_as is None else same_as}"
    return {"item_id": f"i{number}", "caption": caption, "same_as": first, "status": status, "kind": kind}


def beside(
    items: Sequence[Row],
    near: Iterable[Sequence[int]] = (),
    video: Iterable[Sequence[int]] = (),
    motion: Mapping[int, int] | None = None,
) -> list[Row]:
    """The table of duplicates of these items: groups of near captions and of one content (numbers of items).

    Items of one caption or file are in one group without being told. `motion`: item -> others that move the same.
    """  # fmt: skip
    captions = _components(items, "caption", near)
    contents = _components(items, "same_as", video)
    rows = []
    for n, row in enumerate(items):
        pair = sum(c == captions[n] and v == contents[n] for c, v in zip(captions, contents, strict=True))
        rows.append(
            {
                "item_id": row["item_id"],
                "prompt_id": prompt_id(row["caption"] or ""),
                "caption_component": f"i{captions[n]}",
                "caption_component_size": captions.count(captions[n]),
                "content_component": f"i{contents[n]}",
                "content_component_size": contents.count(contents[n]),
                "same_caption_same_video": pair - 1,
                "motion_component": f"i{n}" if motion is not None else None,
                "same_motion_other_video": None if motion is None else motion.get(n, 0),
                "status": row["status"],
            }
        )
    return rows


def _components(items: Sequence[Row], column: str, groups: Iterable[Sequence[int]]) -> list[int]:
    first: dict[Any, int] = {}
    numbers = [first.setdefault(row[column], n) for n, row in enumerate(items)]
    for group in groups:
        joined = {numbers[n] for n in group}
        numbers = [min(joined) if n in joined else n for n in numbers]
    return numbers


def run(
    folder: Path, items: Sequence[Row], settings: Prompts, duplicates: Sequence[Row] = (), heldout: Sequence[Row] = ()
) -> Curated:
    """Curate from tables written into a folder."""
    tables.write_table(folder / "corpus.parquet", items, tables.MANIFEST)
    tables.write_table(folder / "duplicates.parquet", duplicates, tables.DUPLICATES)
    tables.write_table(folder / "heldout.parquet", heldout, tables.MANIFEST)
    return curate(
        folder / "corpus.parquet",
        folder / "duplicates.parquet" if duplicates else None,
        folder / "heldout.parquet" if heldout else None,
        settings,
    )


def sets_of(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Texts by set."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["set"], []).append(row["text"])
    return found
