"""Two audits against each other, pair by pair: the same model, prompt and seed judged in both.

Videos of no known prompt are paired by their file's path in their folder, as are those of a folder whose table gives
several files one prompt and seed. A pair shares what makes videos differ most, so differences have narrower intervals
than two rates beside each other. The interval is a bootstrap over prompts of the pairs' differences, over pairs where
no prompts are known (our definition).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from vidmem import stats, tables
from vidmem.report import words
from vidmem.report.inputs import ReportInputs, Side, ok_rows, read_all, text_of
from vidmem.report.thresholds import KINDS

COMPARED: dict[str, Any] = {
    "model": pl.String,
    "kind": pl.String,
    "measure": pl.String,  # rate: share that is called memorised; score: mean of what is judged
    "pairs": pl.Int64,
    "prompts": pl.Int64,
    "first": pl.Float64,
    "second": pl.Float64,
    "difference": pl.Float64,  # second less first
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
    "only_first": pl.Int64,  # pairs that are called in one audit alone
    "only_second": pl.Int64,
    "status": pl.String,
    "reason": pl.String,
}
NAMED = dict.fromkeys(("model", "prompt_id", "prompt", "path"), pl.String)  # path: of no known prompt
PAIRS: dict[str, Any] = {**NAMED, "seed": pl.Int64} | {
    f"{name}_{side}": kind
    for name, kind in (("video_id", pl.String), ("verdict", pl.String), *((f"{k}_score", pl.Float64) for k in KINDS))
    for side in ("first", "second")
}


EQUAL = 1e-6  # scores are float32: differences no further apart are the same


@dataclass(frozen=True)
class Comparison:
    """Two audits: `table` under `COMPARED`, `changed` under `PAIRS` (verdicts that differ), and what had no partner."""

    first: str
    second: str
    table: pl.DataFrame
    changed: pl.DataFrame
    alone: list[str] = field(default_factory=list)  # in words


def compare(sides: tuple[Side, Side], inputs: ReportInputs) -> Comparison:
    """Compare two audits model by model; two that have one model each are compared whatever these are called."""
    first, second = sides
    shared = [name for name in first.metrics if name in second.metrics]
    couples = [(name, name, name) for name in shared]
    if not shared and len(first.metrics) == len(second.metrics) == 1:
        (a,), (b,) = first.metrics, second.metrics
        couples = [(f"{a}, {b}", a, b)]
    texts = {**_texts(second), **_texts(first), **text_of(inputs.prompts)}
    rows: list[dict[str, Any]] = []
    changed = [pl.DataFrame(schema=PAIRS)]
    alone = []
    for label, a, b in couples:
        judged = keyed(first, a), keyed(second, b)
        pairs = paired(*judged)
        rows += [row for kind in KINDS for row in _rows(label, kind, pairs, inputs.draws)]
        changed.append(_changed(label, pairs, texts))
        for side, name, frame in ((first, a, judged[0]), (second, b, judged[1])):
            if len(frame) > len(pairs) > 0:
                lone = words.plural(len(frame) - len(pairs), "video")
                alone.append(f"{lone} of {name} in audit {side.audit}, without a partner")
    alone += [
        f"{name}, which audit {side.audit} has alone"
        for side, other in ((first, second), (second, first))
        for name in side.metrics
        if couples and name not in shared and couples[0][0] == couples[0][1]
    ]
    alone += [f"audit {side.audit} has no verdicts yet: run it" for side in sides if not side.metrics]
    if not couples and all(side.metrics for side in sides):
        alone.append("the audits have no model of one name")
    return Comparison(first.audit, second.audit, pl.DataFrame(rows, schema=COMPARED), pl.concat(changed), alone)


def keyed(side: Side, model: str) -> pl.DataFrame:
    """The judged videos of a model (`tables.METRICS`), with `path`, the `key` that pairs them, and their `group`.

    The key is the prompt and seed where these name one video; else the file's path, which names one in its folder. The
    group is what intervals are drawn over: the prompt, or the video where none is known.
    """
    judged = ok_rows(tables.read_table(side.metrics[model]))
    shards = side.videos.get(model, ())
    paths = (
        read_all(shards, ["video_id", "path"])
        if shards
        else judged.select("video_id", pl.lit(None, pl.String).alias("path"))
    )
    found = judged.join(paths.unique("video_id"), on="video_id", how="left", maintain_order="left")
    drawn = pl.concat_str(pl.col("prompt_id"), pl.lit(" "), pl.col("seed").cast(pl.String).fill_null(""))
    file = pl.concat_str(pl.lit("file "), pl.coalesce("path", "video_id"))
    single = pl.col("prompt_id").is_not_null() & (pl.struct("prompt_id", "seed").count().over("prompt_id", "seed") == 1)
    return found.with_columns(
        pl.when(single).then(drawn).otherwise(file).alias("key"), pl.coalesce("prompt_id", file).alias("group")
    )


def paired(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Rows of two tables of `keyed` by key, the columns of each with `_first` or `_second` behind."""
    columns = ["video_id", "verdict", *(f"{k}_{c}" for k in KINDS for c in ("score", "memorised"))]
    named = ["key", "group", "prompt_id", "seed", "path"]
    a = first.select(*named, *(pl.col(c).alias(f"{c}_first") for c in columns))
    b = second.select("key", *(pl.col(c).alias(f"{c}_second") for c in columns))
    return a.join(b, on="key", how="inner", maintain_order="left")


def _rows(model: str, kind: str, pairs: pl.DataFrame, draws: int) -> list[dict[str, Any]]:
    flags = [pairs[f"{kind}_memorised_{side}"].fill_null(False).to_numpy() for side in ("first", "second")]
    only = {"only_first": int((flags[0] & ~flags[1]).sum()), "only_second": int((flags[1] & ~flags[0]).sum())}
    named = {"model": model, "kind": kind}
    rates = _row(flags[0].astype(float), flags[1].astype(float), pairs["group"].to_numpy(), draws, rate=True)
    scored = pairs.drop_nulls([f"{kind}_score_first", f"{kind}_score_second"])
    scores = [scored[f"{kind}_score_{side}"].cast(pl.Float64).to_numpy() for side in ("first", "second")]
    judged = _row(scores[0], scores[1], scored["group"].to_numpy(), draws, rate=False)
    return [{**named, "measure": "rate", **rates, **only}, {**named, "measure": "score", **judged}]


def _row(first: Any, second: Any, prompts: Any, draws: int, *, rate: bool) -> dict[str, Any]:
    if not len(first):
        return {"pairs": 0, "prompts": 0, "status": tables.SKIPPED, "reason": "no video has a partner"}
    low, high = difference_ci(second - first, prompts, draws, rate=rate) or (None, None)
    means = float(first.mean()), float(second.mean())
    counts = {"pairs": len(first), "prompts": len(np.unique(prompts)), "status": tables.OK}
    ends = {"difference_low": low, "difference_high": high}
    return {**counts, "first": means[0], "second": means[1], "difference": float((second - first).mean()), **ends}


def difference_ci(differences: Any, prompts: Any, draws: int, *, rate: bool) -> tuple[float, float] | None:
    """95 % interval of the mean of paired differences (n,), bootstrapped over prompts.

    Where all are equal the bootstrap has no width: of a `rate` (differences of -1, 0 or 1) the one-sided bound of 0/n
    or n/n is taken on the sides that are open; of anything else nothing can be said.
    """
    if np.ptp(differences) > EQUAL:
        return stats.bootstrap_ci(differences, prompts, draws=draws)
    level = float(differences[0])
    if not rate:
        return None
    low, high = stats.bootstrap_ci(np.abs(differences), prompts, draws=draws) or (0.0, 1.0)
    return (-high, high) if level == 0 else (low, high) if level > 0 else (-high, -low)


def _changed(model: str, pairs: pl.DataFrame, texts: Mapping[str, str]) -> pl.DataFrame:
    """The pairs whose verdicts differ, those first whose scores differ most by their own spread."""
    moved = pairs.filter(pl.col("verdict_first").ne_missing(pl.col("verdict_second")))
    by = [(pl.col(f"{k}_score_second") - pl.col(f"{k}_score_first")).abs().fill_null(0.0) for k in KINDS]
    named = moved.with_columns(
        pl.lit(model).alias("model"),
        pl.Series("prompt", [texts.get(key or "") for key in moved["prompt_id"]], pl.String),
        pl.when(pl.col("prompt_id").is_null()).then("path").alias("path"),
        pl.max_horizontal(*(d / pl.max_horizontal(d.max(), 1e-9) for d in by)).alias("_far"),
    )
    ordered = named.sort(["_far", "key"], descending=[True, False])
    return ordered.select(pl.col(name).cast(kind) for name, kind in PAIRS.items())


def _texts(side: Side) -> dict[str, str]:
    return text_of(side.prompts) if side.prompts and side.prompts.is_file() else {}
