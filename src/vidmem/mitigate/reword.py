"""The remedy that leaves sampling alone: the same prompts in other words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidmem import tables
from vidmem.rewording import reword

Row = dict[str, Any]


def reworded(rows: Sequence[Mapping[str, Any]], seed: int, count: int) -> list[Row]:
    """Rows of `tables.ASKED_AGAIN` with other words for their prompts.

    `count` rewordings stand for a prompt, or as many as the rules find, and its seeds take them in turn. With `count` 0
    rows stay as they are. A prompt that can't be reworded is asked no more. Ids stay those of the prompts: what is
    looked for are their clips.
    """
    if count == 0:
        return [dict(row) for row in rows]
    forms = {row["prompt_id"]: reword(row["text"], seed, count) for row in rows}
    return [
        {**row, "text": forms[row["prompt_id"]][row["seed"] % len(forms[row["prompt_id"]])]}
        for row in rows
        if forms[row["prompt_id"]]
    ]


def write_reworded(asked: Path, settings: Mapping[str, Any], out: Path) -> None:
    """Write `reworded` of a table of `tables.ASKED_AGAIN`; `settings`: `seed`, `rewordings` (how many a prompt)."""
    rows = tables.read_table(asked).to_dicts()
    made = reworded(rows, int(settings["seed"]), int(settings["rewordings"]))
    tables.write_table(out, made, tables.ASKED_AGAIN, {"settings": dict(settings)})
