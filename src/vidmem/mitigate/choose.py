"""Which prompts are asked again under remedies: those of copies, the surest first, and a sample of those of none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.text import stable_fraction

Row = dict[str, Any]
KINDS = ("content", "motion")


def choose(metrics: pl.DataFrame, sizes: Mapping[str, int], seed: int) -> dict[str, list[str]]:
    """Prompt ids by group, from `tables.METRICS` of the model, at most `sizes[group]` each.

    Flagged: prompts of which some video has a content or a motion verdict. First those that most comes back of (the
    share of videos with a content verdict and that with a motion verdict, added), then by the smallest p-value of
    either kind, then by how far the scores lie above their thresholds. Unflagged: of prompts without such a verdict
    those that `seed` draws; more of them disturb none.
    """
    judged = metrics.filter((pl.col("status") == tables.OK) & pl.col("prompt_id").is_not_null())
    found = judged.group_by("prompt_id").agg(
        pl.sum_horizontal(pl.col(f"{kind}_memorised").fill_null(False).mean() for kind in KINDS).alias("share"),
        pl.min_horizontal(pl.col(f"{kind}_p_value").min() for kind in KINDS).fill_null(1.0).alias("p"),
        pl.max_horizontal((pl.col(f"{kind}_score") / pl.col(f"{kind}_threshold")).max() for kind in KINDS)
        .fill_null(0.0)
        .alias("above"),
    )
    surest = found.filter(pl.col("share") > 0).sort(
        "share", "p", "above", "prompt_id", descending=[True, False, True, False]
    )
    others = found.filter(pl.col("share") == 0)["prompt_id"].to_list()
    others.sort(key=lambda prompt: (stable_fraction(seed, prompt), prompt))
    return {"flagged": surest["prompt_id"].to_list()[: sizes["flagged"]], "unflagged": others[: sizes["unflagged"]]}


def ask_again(chosen: Mapping[str, list[str]], metrics: pl.DataFrame, prompts: pl.DataFrame) -> list[Row]:
    """Rows of `tables.ASKED_AGAIN`: every chosen prompt with every seed that the model answered it with."""
    known = {row["prompt_id"]: row for row in prompts.iter_rows(named=True)}
    videos: dict[str, list[Row]] = {}
    for row in metrics.sort("seed").iter_rows(named=True):
        videos.setdefault(row["prompt_id"], []).append(row)
    return [
        {
            "prompt_id": prompt,
            "seed": video["seed"],
            "group": group,
            "rank": rank,
            "text": known[prompt]["text"],
            "source_ids": known[prompt]["source_ids"],
            "base_video_id": video["video_id"],
        }
        for group, members in chosen.items()
        for rank, prompt in enumerate(members, 1)
        for video in videos[prompt]
    ]


def write_choice(
    metrics: Path, prompts: Path, settings: Mapping[str, Any], out: Path, chunks: Mapping[str, Path]
) -> None:
    """Write `tables.ASKED_AGAIN`: the whole table, and one a chunk `<group>-<number>` of `chunk_size` prompts.

    `settings`: `flagged` and `unflagged` (most prompts), `seed`, `chunk_size`. A chunk beyond the group's end has no
    rows.
    """
    judged = tables.read_table(metrics)
    sizes = {group: int(settings[group]) for group in ("flagged", "unflagged")}
    rows = ask_again(choose(judged, sizes, int(settings["seed"])), judged, tables.read_table(prompts))
    made_by = {"settings": dict(settings)}
    tables.write_table(out, rows, tables.ASKED_AGAIN, made_by)
    size = int(settings["chunk_size"])
    for name, path in chunks.items():
        group, number = name.rsplit("-", 1)
        first = int(number) * size
        members = [r for r in rows if r["group"] == group and first < r["rank"] <= first + size]
        tables.write_table(path, members, tables.ASKED_AGAIN, made_by)
