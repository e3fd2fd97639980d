"""The study's table, model x dataset: this audit's rows and, beside them, those of other audits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report import words
from vidmem.report.inputs import ReportInputs
from vidmem.report.latex import DASH, tex

KINDS = ("content", "motion")
SCORES = {"content": ("gsscd_max", "content_score"), "motion": ("ofs3", "motion_score")}  # the plain one, the judged


def study_table(inputs: ReportInputs) -> pl.DataFrame:
    """Rows under `tables.DATASET`, by audit: this one's, then the others' in the order of `report.beside`.

    An audit that was named and has no rows that can be read is one row, skipped, with the reason.
    """
    return pl.concat(
        [tables.empty_table(tables.DATASET), *(_rows(audit, path) for audit, path in inputs.datasets.items())]
    )


def _rows(audit: str, path: Path) -> pl.DataFrame:
    if not path.is_file():
        return _none(audit, f"audit {audit} has no results yet: run it, then this report again")
    try:
        found = tables.read_table(path)
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return _none(audit, f"the rows of audit {audit} can't be read: remove its dataset.parquet and run it again")
    if found.schema != tables.empty_table(tables.DATASET).schema:
        return _none(audit, f"the rows of audit {audit} are of another version of vidmem: run it again")
    return found


def _none(audit: str, reason: str) -> pl.DataFrame:
    row = {"audit": audit, "dataset": audit, "status": tables.SKIPPED, "reason": reason}
    return pl.DataFrame([row], schema=tables.empty_table(tables.DATASET).schema)


def study_groups(study: pl.DataFrame) -> list[dict[str, Any]]:
    """For the page, a group an audit: {"dataset", "audit", "rows"}; a kind's rate and interval are under its name."""
    groups: list[dict[str, Any]] = []
    for row in study.to_dicts():
        if not groups or groups[-1]["audit"] != row["audit"]:
            groups.append({"dataset": row["dataset"], "audit": row["audit"], "rows": []})
        shares = {kind: {name: row[f"{kind}_{name}"] for name in ("rate", "low", "high")} for kind in KINDS}
        groups[-1]["rows"].append(row | shares)
    return groups


HEAD = r"""\begin{tabular}{llr rr rrrr rrrr rr}
\toprule
 & & & \multicolumn{2}{c}{Memorised, \%} & \multicolumn{2}{c}{GSSCD} & \multicolumn{2}{c}{Content, judged}
 & \multicolumn{2}{c}{OFS-3} & \multicolumn{2}{c}{Motion, judged} & \multicolumn{2}{c}{Detector AUC} \\
\cmidrule(lr){4-5}\cmidrule(lr){6-7}\cmidrule(lr){8-9}\cmidrule(lr){10-11}\cmidrule(lr){12-13}\cmidrule(lr){14-15}
Model & Dataset & $n$ & content & motion & 95th & max & 95th & max & 95th & max & 95th & max & content & motion \\
\midrule
"""
FOOT = "\\bottomrule\n\\end{tabular}\n"


def study_tex(study: pl.DataFrame) -> str:
    """The table as a LaTeX `tabular` for the package booktabs, rates in percent with 95 % intervals, scores to .001.

    What was skipped is a comment line with its reason.
    """
    return "% Made by vidmem; needs \\usepackage{booktabs}.\n" + HEAD + "".join(map(_line, study.to_dicts())) + FOOT


def _line(row: dict[str, Any]) -> str:
    if row["status"] != tables.OK:
        name = " ".join(filter(None, (row["model"], row["dataset"])))
        return f"% {words.plain(name)}: {words.plain(row['reason'])}\n"
    scores = [f"{score}_{name}" for kind in KINDS for score in SCORES[kind] for name in ("p95", "max")]
    cells = [tex(row["model"]), tex(row["dataset"]), str(row["videos"]), *(_share(row, kind) for kind in KINDS)]
    cells += [_number(row[name]) for name in (*scores, *(f"{kind}_auc" for kind in KINDS))]
    return " & ".join(cells) + " \\\\\n"


def _share(row: dict[str, Any], kind: str) -> str:
    if row[f"{kind}_rate"] is None:
        return DASH
    low, high = (100 * row[f"{kind}_{edge}"] for edge in ("low", "high"))
    return f"{100 * row[f'{kind}_rate']:.1f} [{low:.1f}, {high:.1f}]"


def _number(value: float | None) -> str:
    return DASH if value is None else words.number(value, 3).replace("-", "$-$")
