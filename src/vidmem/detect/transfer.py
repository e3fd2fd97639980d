"""Does a threshold hold on another model? It is set on the prompts of one that were not memorised, and put to another.

A user who audits a new model has no verdicts yet: what a detector is worth then is what it does with a threshold, or a
combination, that was fitted elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from vidmem import stats, tables
from vidmem.detect.combine import fit
from vidmem.detect.heard import LABELS, Floats, Heard, Units, gather, units
from vidmem.detect.judge import NO_SCORE, Row
from vidmem.detect.parts import NothingToCombine, parts, why_silent
from vidmem.detect.registry import COMBINED, DETECTORS
from vidmem.detect.run import read_signals
from vidmem.detect.scores import TooFewSteps, span_score
from vidmem.progress import progress

FPR = 0.01
COMBINED_SPAN = "first5"


class Silent(ValueError):
    """A detector has nothing to say of any of a model's videos."""


@dataclass(frozen=True)
class _Side:
    """One model's prompts for a detector and label: values (prompts,) or (prompts, features), or why there are none."""

    cases: Units | None
    reason: str | None


def transfer(models: Mapping[str, tuple[pl.DataFrame, pl.DataFrame]]) -> list[Row]:
    """Rows of `tables.TRANSFER` over all ordered pairs of models, each given by its SIGNALS and METRICS.

    The threshold is the score that at most 1 % of the fitted model's prompts without memorisation exceed. The
    combination is fitted on the one model and put to the other as it is; on the same model it has seen the answers, so
    that pair is left out.
    """
    heard = {name: gather(*frames) for name, frames in models.items()}
    rows: list[Row] = []
    asked = [*((d.name, d.span) for d in DETECTORS.values()), (COMBINED, COMBINED_SPAN)]
    for detector, span in progress(asked, len(asked), "thresholds on other models"):
        for label in LABELS:
            sides = {name: _side(found, detector, span, label) for name, found in heard.items()}
            rows += _pairs(detector, span, label, sides)
    return rows


def _side(heard: Heard | str, detector: str, span: str, label: str) -> _Side:
    if isinstance(heard, str):
        return _Side(None, heard)
    try:
        cases = units(heard, _values(heard, detector, span), label, heard.seeds)
    except (TooFewSteps, NothingToCombine, Silent) as error:
        return _Side(None, str(error))
    return _Side(cases, None) if len(cases.labels) else _Side(None, NO_SCORE)


def _values(heard: Heard, detector: str, span: str) -> Floats:
    if detector == COMBINED:
        return parts(heard, span)
    found = DETECTORS[detector]
    values = found.score(heard.columns)
    reason = why_silent(heard, found, values)
    if reason:
        raise Silent(reason)
    return span_score(values, span, state=found.state)


def _pairs(detector: str, span: str, label: str, sides: Mapping[str, _Side]) -> Iterator[Row]:
    for fitted_on, source in sides.items():
        for applied_to, target in sides.items():
            if detector == COMBINED and fitted_on == applied_to:
                continue
            keys = {"detector": detector, "label": label, "steps": span}
            keys |= {"fitted_on": fitted_on, "applied_to": applied_to}
            yield keys | _applied(source, target, detector == COMBINED)


def _applied(source: _Side, target: _Side, combined: bool) -> Row:
    """What a threshold that was set on `source` does on `target`."""
    row: Row = {"fpr_asked": FPR, "status": tables.SKIPPED}
    if source.cases is None or target.cases is None:
        return row | {"reason": source.reason or target.reason}
    if source.cases.labels.all():
        return row | {"reason": "no prompt of the fitted model is without memorisation"}
    fitted, applied = source.cases.values, target.cases.values
    if combined:
        if not source.cases.labels.any() or fitted.shape[1] != applied.shape[1]:
            return row | {"reason": "the fitted model has one class, or other parts than the one that it is put to"}
        combination = fit(source.cases)
        fitted, applied = combination.score(fitted), combination.score(applied)
    threshold = threshold_at(fitted[~source.cases.labels], FPR)
    row |= {"fitted_negatives": int((~source.cases.labels).sum()), "threshold": threshold}
    return row | _rates(applied > threshold, target.cases) | {"status": tables.OK, "reason": None}


def threshold_at(negatives: Floats, fpr: float) -> float:
    """The score that at most the share `fpr` of negatives (n,), n > 0, exceeds: one of theirs."""
    above = int(np.floor(fpr * len(negatives) + 1e-9))
    return float(np.sort(negatives)[::-1][above])


def _rates(flagged: Any, cases: Units) -> Row:
    row: Row = {"positives": int(cases.labels.sum()), "negatives": int((~cases.labels).sum())}
    for name, mine in (("tpr", cases.labels), ("fpr", ~cases.labels)):
        hits, n = int((flagged & mine).sum()), int(mine.sum())
        low, high = stats.binomial_interval(hits, n) or (None, None)
        row |= {name: hits / n if n else None, f"{name}_low": low, f"{name}_high": high}
    return row


def write_transfer(models: Mapping[str, Mapping[str, Any]], settings: Mapping[str, Any], out: Path) -> None:
    """Read the paths `signals` and `metrics` of each model, and write `tables.TRANSFER`."""
    frames = {n: (read_signals(map(Path, f["signals"])), tables.read_table(f["metrics"])) for n, f in models.items()}
    tables.write_table(out, transfer(frames), tables.TRANSFER, {"settings": dict(settings)})
