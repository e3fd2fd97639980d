"""Stage `truth`: the audit's verdicts held against what was planted, video by video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import stats, tables
from vidmem.truth.known import Decided, oracle_truth, parse_flag, planted_truth, replay_truth
from vidmem.userfiles import read_user_table

Row = dict[str, Any]


def write_truth(
    *,
    metrics: Path,
    videos: Sequence[Path],
    prompts: Path,
    corpus_truth: Path,
    replay: Path | None,
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write `tables.TRUTH` of one model. `settings` is {"model": its config section, "positive_from": n}."""
    natural = {
        str(row["item_id"]): parse_flag(row["natural_motion"])
        for row in read_user_table(corpus_truth)
        if row["side"] == "corpus"
    }
    by_prompt = {row["prompt_id"]: row for row in tables.read_table(prompts).iter_rows(named=True)}
    by_path = {str(row["path"]): row for row in read_user_table(replay)} if replay else {}
    paths = {row["video_id"]: row["path"] for row in tables.read_table(videos).iter_rows(named=True)}
    model = settings["model"]

    def decide(row: Mapping[str, Any]) -> Decided:
        prompt = by_prompt.get(row["prompt_id"])
        if model["kind"] == "planted":
            return planted_truth(model, prompt, natural, int(settings["positive_from"]))
        if model["kind"] == "oracle":
            return oracle_truth(model, prompt, natural)
        return replay_truth(by_path.get(paths[row["video_id"]]))

    # what a prompt's caption stood for in the corpus is no multiplicity of a model that saw a part of it
    whole = {} if model.get("clips") is not None else by_prompt
    rows = [_judged(row, whole.get(row["prompt_id"]), decide(row)) for row in _rows(metrics)]
    tables.write_table(out, rows, tables.TRUTH, {"settings": dict(settings)})


def _rows(metrics: Path) -> Sequence[Mapping[str, Any]]:
    return list(tables.read_table(metrics).iter_rows(named=True))


def _judged(row: Mapping[str, Any], prompt: Mapping[str, Any] | None, decided: Decided) -> Row:
    return {
        "video_id": row["video_id"],
        "prompt_id": row["prompt_id"],
        "multiplicity": prompt["duplicates"] if prompt else None,
        **decided,
        "content_verdict": row["content_memorised"],
        "motion_verdict": row["motion_memorised"],
        "motion_score": None if row["natural_motion"] else row["motion_score"],  # natural motion is no evidence
        **{k: row[k] for k in ("content_score", "own_similarity", "own_first", "status", "reason")},
    }


def summarise_truth(truth: pl.DataFrame) -> dict[str, Any]:
    """AUC of the scores, precision and recall of the verdicts, and the dose-response curve, of one model's table.

    Natural motion ranks last. `None` where a number doesn't exist: the AUC of a model that only memorises, the
    precision of one that was never accused.
    """
    ok = truth.filter(pl.col("status") == tables.OK)
    summary: dict[str, Any] = {kind: _agreement(ok, kind) for kind in ("content", "motion")}
    summary["dose_response"] = dose_response(ok)
    return summary


def _agreement(truth: pl.DataFrame, kind: str) -> Row:
    columns = [f"{kind}_truth", f"{kind}_verdict", f"{kind}_score"]
    decided = truth.filter(pl.col(columns[0]).is_not_null() & pl.col(columns[1]).is_not_null())
    labels, verdicts = (decided[c].to_numpy().astype(bool) for c in columns[:2])
    precision, recall = stats.precision_recall(labels, verdicts)
    scores = decided[columns[2]].cast(pl.Float64)
    auc = stats.auc(scores.fill_null(float("-inf")).to_numpy(), labels)
    return {"auc": auc, "precision": precision, "recall": recall}


def dose_response(truth: pl.DataFrame) -> list[Row]:
    """Mean similarity to the own clip, and how often it is retrieved first, by multiplicity (videos of own clips)."""
    own = truth.filter((pl.col("multiplicity") > 0) & pl.col("own_similarity").is_not_null())
    grouped = own.group_by("multiplicity").agg(
        pl.len().alias("n"),
        pl.col("own_similarity").mean().alias("mean_similarity"),
        pl.col("own_first").mean().alias("retrieved_first"),
    )
    return list(grouped.sort("multiplicity").iter_rows(named=True))
