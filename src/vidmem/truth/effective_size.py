"""Effective memorisation size (Gu et al., arXiv 2310.02664): the largest training set that a model still memorises.

Models of one architecture are trained on nested sets of distinct clips, each clip once. Of each model's videos the
share is taken that are memorised, by the audit's content verdict and by the distance ratio. Gu et al. ask for 90 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import stats, tables

Row = dict[str, Any]
RATIO_BELOW = 1 / 3  # d1 / d2 of a memorised sample
CRITERIA = ("verdict", "d1_d2_feature", "d1_d2_pixel")


def write_effective_size(
    *, families: Mapping[str, Mapping[int, str]], metrics: Sequence[Path], settings: Mapping[str, Any], out: Path
) -> None:
    """Write `tables.EFFECTIVE_SIZE`.

    `families` holds model names by family and number of clips; `metrics` their tables, in that order. Of `settings`
    only `memorised_share` is used. The sizes themselves are in the table's `made_by`: {family: {criterion:
    `effective_size`}}.
    """
    paths = iter(metrics)
    rows = [
        {"family": family, "clips": clips, "model": model, **memorised_shares(tables.read_table(next(paths)))}
        for family, models in families.items()
        for clips, model in models.items()
    ]
    level = float(settings["memorised_share"])
    found = {f: sizes_of([r for r in rows if r["family"] == f], level) for f in families}
    tables.write_table(out, rows, tables.EFFECTIVE_SIZE, {"settings": dict(settings), "effective_size": found})


def memorised_shares(metrics: pl.DataFrame) -> Row:
    """Share of a model's videos (`tables.METRICS`) that are memorised by each criterion, with its interval.

    The interval is a 95 % bootstrap over prompts. Videos that are not ok, or lack what a criterion asks for, are left
    out of it; None where none is left.
    """
    ok = metrics.filter(pl.col("status") == tables.OK).with_columns(
        pl.col("content_memorised").alias("verdict"),
        *[(pl.col(name) < RATIO_BELOW) for name in CRITERIA if name != "verdict"],
    )
    row: Row = {"videos": len(ok), "prompts": ok["prompt_id"].n_unique()}
    for name in CRITERIA:
        known = ok.drop_nulls(name)
        interval = stats.bootstrap_ci(known[name].cast(pl.Float64).to_numpy(), known["prompt_id"].to_numpy())
        low, high = interval or (None, None)
        row |= {f"{name}_share": known[name].mean(), f"{name}_low": low, f"{name}_high": high}
    return row


def sizes_of(rows: Sequence[Row], level: float) -> dict[str, Row]:
    """`effective_size` of one family's rows, by criterion."""
    found = {}
    for name in CRITERIA:
        known = sorted((r["clips"], r[f"{name}_share"]) for r in rows if r[f"{name}_share"] is not None)
        found[name] = effective_size([n for n, _ in known], [share for _, share in known], level)
    return found


def effective_size(clips: Sequence[int], shares: Sequence[float], level: float = 0.9) -> Row:
    """The largest number of clips that is memorised to `level`: {"clips": number or None, "bound": how to read it}.

    `clips` ascend. Between the last number whose share is `level` or more and the next the share is taken to fall
    linearly in the logarithm of the number, bound "=". Where every share up to the largest number is high enough, the
    largest is given, bound ">="; where none is, the smallest, bound "<". Without numbers: None and None.
    """
    enough = [i for i, share in enumerate(shares) if share >= level]
    if not clips:
        return {"clips": None, "bound": None}
    if not enough:
        return {"clips": float(clips[0]), "bound": "<"}
    i = enough[-1]
    if i == len(clips) - 1:
        return {"clips": float(clips[i]), "bound": ">="}
    way = (shares[i] - level) / (shares[i] - shares[i + 1])
    return {"clips": clips[i] * math.pow(clips[i + 1] / clips[i], way), "bound": "="}
