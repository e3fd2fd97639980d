"""How well scores foresee verdicts: ROC figures with bootstrap intervals over prompts, and paired differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from vidmem import stats, tables
from vidmem.detect.heard import Floats, Units

Row = dict[str, Any]
FPRS = {"tpr_at_1pct_fpr": 0.01, "tpr_at_01pct_fpr": 0.001}
ONE_CLASS = "all verdicts are the same: no ROC"
NO_SCORE = "no video with a verdict has this score: the signal is missing at these steps"


def judge(cases: Units, draws: int) -> tuple[Row, Floats]:
    """Columns of `tables.DETECT` that say how `cases.values` (n,) do, and the AUC of each draw (draws,)."""
    values, labels = cases.values, cases.labels
    area = stats.auc(values, labels)
    row: Row = {"positives": int(labels.sum()), "negatives": int((~labels).sum()), "auc": area}
    if area is None:
        reason = ONE_CLASS if len(labels) else NO_SCORE
        return row | {"fpr": [], "tpr": [], "status": tables.SKIPPED, "reason": reason}, np.empty(0)
    drawn = stats.resampled_roc(values, labels, cases.groups, fprs=list(FPRS.values()), draws=draws)
    fpr, tpr = stats.roc(values, labels)
    row |= {"best_accuracy": stats.best_accuracy(values, labels), "fpr": fpr.tolist(), "tpr": tpr.tolist()}
    row |= {name: stats.tpr_at_fpr(values, labels, rate) for name, rate in FPRS.items()}
    spread = {"auc": drawn.auc, "best_accuracy": drawn.best_accuracy}
    spread |= {name: drawn.tpr[:, i] for i, name in enumerate(FPRS)}
    for name, figures in spread.items():
        low, high = stats.quantile_interval(figures) or (None, None)
        row |= {f"{name}_low": low, f"{name}_high": high}
    return row | {"status": tables.OK, "reason": None}, drawn.auc


def gain(mine: tuple[Units, Row, Floats], other: tuple[Units, Row, Floats]) -> Row:
    """AUC of one detector minus another's on the same cases, with the paired interval; empty where they differ."""
    (cases, row, drawn), (cases_2, row_2, drawn_2) = mine, other
    same = np.array_equal(cases.groups, cases_2.groups) and np.array_equal(cases.labels, cases_2.labels)
    if not same or row["auc"] is None or row_2["auc"] is None:
        return {}
    low, high = stats.quantile_interval(drawn - drawn_2) or (None, None)
    return {"gain": row["auc"] - row_2["auc"], "gain_low": low, "gain_high": high}
