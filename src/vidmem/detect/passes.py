"""Detectors that had passes of their own, over pure noise: a score a prompt and noise, and no video."""

from __future__ import annotations

import numpy as np
import polars as pl

from vidmem import tables
from vidmem.detect.heard import Heard, Units
from vidmem.detect.registry import PassDetector


def why_no_pass(passes: pl.DataFrame, detector: PassDetector) -> str | None:
    """Why a detector has no score of any prompt; None where it has."""
    if passes.filter((pl.col("status") == tables.OK) & pl.col(detector.column).is_not_null()).height:
        return None
    reasons = passes["reason"].drop_nulls().unique().sort().to_list()
    return str(reasons[0]) if reasons else f"no {detector.title}: it was not asked for, or videos have one latent frame"


def pass_units(
    heard: Heard, passes: pl.DataFrame, detector: PassDetector, label: str, noises: int
) -> tuple[Units, int]:
    """Prompts with the mean of their first `noises` scores, positive if any of their videos is; and calls a prompt."""
    verdicts = heard.videos.group_by("group").agg(pl.col(label).any().alias("positive")).drop_nulls()
    scored = (
        passes.filter((pl.col("status") == tables.OK) & pl.col(detector.column).is_not_null())
        .sort("prompt_id", "seed")
        .with_columns(pl.col("seed").cum_count().over("prompt_id").alias("nth"))
        .filter(pl.col("nth") <= noises)
        .group_by("prompt_id")
        .agg(pl.col(detector.column).mean().alias("score"))
    )
    both = scored.join(verdicts, left_on="prompt_id", right_on="group").sort("prompt_id")
    calls = noises * (4 if detector.column == "curvature" else 2)
    labels = both["positive"].cast(pl.Boolean).to_numpy().astype(np.bool_)
    return Units(both["score"].to_numpy(), labels, both["prompt_id"].to_numpy().astype(object)), calls
