"""Detectors that had passes of their own, over pure noise or of a draft: a score a prompt and noise, and no video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from vidmem import tables
from vidmem.detect.heard import Floats, Heard, Units
from vidmem.detect.parts import NothingToCombine, scaled_share
from vidmem.detect.registry import PASS_DETECTORS, PASS_PARTS, PassDetector


def why_no_pass(passes: pl.DataFrame, detector: PassDetector) -> str | None:
    """Why a detector has no score of any prompt; None where it has."""
    if np.isfinite(_scores(_known(passes), detector)).any():
        return None
    reasons = passes["reason"].drop_nulls().unique().sort().to_list()
    return str(reasons[0]) if reasons else f"no {detector.title}: it was not asked for, or videos have one latent frame"


def pass_units(heard: Heard, passes: pl.DataFrame, detector: PassDetector, label: str, noises: int) -> Units:
    """Prompts with the mean of their first `noises` scores, positive if any of their videos is."""
    known = _known(passes)
    cases = _units(heard, known, _scores(known, detector)[:, None], label, noises)
    return Units(cases.values[:, 0], cases.labels, cases.groups)


def pass_parts(heard: Heard, passes: pl.DataFrame, steps: str, label: str, noises: int) -> Units:
    """What the combination over passes sees: (prompts, features). Raises `NothingToCombine`."""
    known = _known(passes)
    scores = [scaled_share(_scores(known, PASS_DETECTORS[name])) for name in PASS_PARTS[steps]]
    heard_of = [column for column in scores if np.isfinite(column).any()]
    if len(heard_of) < 2:
        raise NothingToCombine("nothing to combine: fewer than two detectors have a score")
    return _units(heard, known, np.stack(heard_of, 1), label, noises)


def noises_asked(passes: pl.DataFrame, needs: Sequence[str]) -> int:
    """Most passes of one prompt that have these columns."""
    known = _known(passes).filter(pl.all_horizontal(pl.col(*needs).is_not_null()))
    return int(known.group_by("prompt_id").len()["len"].max() or 1)  # type: ignore[arg-type]


def _known(passes: pl.DataFrame) -> pl.DataFrame:
    needs = {column for detector in PASS_DETECTORS.values() for column in detector.needs}
    missing = [pl.lit(None, pl.Float64).alias(column) for column in sorted(needs - set(passes.columns))]
    return passes.filter(pl.col("status") == tables.OK).with_columns(missing)


def _scores(known: pl.DataFrame, detector: PassDetector) -> Floats:
    """A score a row; NaN where it lacks one."""
    columns = known.select(pl.col(n).cast(pl.Float64).fill_null(float("nan")) for n in detector.needs)
    return detector.score({n: columns[n].to_numpy() for n in detector.needs})


def _units(heard: Heard, known: pl.DataFrame, values: Floats, label: str, noises: int) -> Units:
    """Means of (rows, features) over a prompt's first `noises` rows that have all of them, beside its verdict."""
    names = [f"feature{k}" for k in range(values.shape[1])]
    verdicts = heard.videos.group_by("group").agg(pl.col(label).any().alias("positive")).drop_nulls()
    scored = (
        pl.DataFrame({"prompt_id": known["prompt_id"], "seed": known["seed"]})
        .with_columns(pl.Series(n, values[:, k]) for k, n in enumerate(names))
        .filter(pl.all_horizontal(pl.col(*names).is_finite()))
        .sort("prompt_id", "seed")
        .filter(pl.col("seed").cum_count().over("prompt_id") <= noises)
        .group_by("prompt_id")
        .agg(pl.col(*names).mean())
    )
    both = scored.join(verdicts, left_on="prompt_id", right_on="group").sort("prompt_id")
    labels = both["positive"].cast(pl.Boolean).to_numpy().astype(np.bool_)
    return Units(both.select(names).to_numpy(), labels, both["prompt_id"].to_numpy().astype(object))
