"""Tables for papers: LaTeX with the package booktabs, each in a `table` with its caption and label."""

from __future__ import annotations

from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report import words

CAPTIONS = {
    "rates": "Share of videos that reproduce training data, by model, prompt set and kind, with 95 % bootstrap "
    "intervals over prompts.",
    "verdicts": "Videos by verdict: the most that comes back of each.",
    "agreement": "Share of videos that come out nearly the same from another seed.",
    "thresholds": "Thresholds, the false-positive rates that they stand for, and what these rest on.",
    "truth_auc": "AUC of our scores and of those that others use, and precision and recall of our verdicts, where the "
    "truth is known.",
    "ratios": "Distance to the nearest reference over that to the second nearest: median, and share under one third.",
    "dose_response": "Similarity to the own clip, how often it is retrieved first, and shares of videos called "
    "memorised, by how often the clip stands in the corpus.",
    "effective_size": "Shares of memorised videos of models trained on another number of clips each.",
    "search": "What the search index found of an exact search's matches.",
    "mitigation": "Remedies: measures before and after, on prompts that were answered with copies and on others.",
    "mitigation_cost": "What remedies cost in time and memory.",
    "duplicates": "Items of the corpus that another stands beside, by kind of evidence.",
    "compared": "Paired differences of two audits over the same videos.",
}
MOST_ROWS = 200  # a longer table is no table of a paper; its CSV is there
DASH = "--"
_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
_EDGES = ("low", "high")


def tex(text: str | None) -> str:
    """Text of strangers as text in LaTeX, on one line."""
    return "".join(_SPECIAL.get(c, c) for c in words.plain(text))


def table_tex(name: str, frame: pl.DataFrame) -> str | None:
    """The table `name` of `CAPTIONS` as a LaTeX `table`; None for others, for empty and for long ones.

    Numbers have three decimals; an interval stands in brackets behind its number. Lists and columns without any value
    are left out; a row that was skipped is a comment with its reason.
    """
    if name not in CAPTIONS or not 0 < len(frame) <= MOST_ROWS:
        return None
    shown = [c for c in frame.columns if _shown(frame, c)]
    numeric = [frame.schema[c].is_numeric() for c in shown]
    lines = [
        "% Made by vidmem; needs \\usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{tex(CAPTIONS[name])}}}",
        rf"\label{{tab:{name.replace('_', '-')}}}",
        rf"\begin{{tabular}}{{{''.join('r' if n else 'l' for n in numeric)}}}",
        r"\toprule",
        " & ".join(tex(c.replace("_", " ")) for c in shown) + r" \\",
        r"\midrule",
        *(_line(row, shown) for row in frame.to_dicts()),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _shown(frame: pl.DataFrame, column: str) -> bool:
    if column in ("status", "reason") or isinstance(frame.schema[column], pl.List):
        return False
    return not _is_edge(frame.columns, column) and frame[column].null_count() < len(frame)


def _is_edge(columns: list[str], column: str) -> bool:
    """Whether a column is an end of another one's interval."""
    stem, _, edge = column.rpartition("_")
    return edge in _EDGES and (stem in columns if stem else "rate" in columns)


def _line(row: dict[str, Any], shown: list[str]) -> str:
    if row.get("status", tables.OK) != tables.OK:
        return f"% {' '.join(tex(str(row[c])) for c in shown if row[c] is not None)}: {tex(row.get('reason'))}"
    return " & ".join(_cell(row, column) for column in shown) + r" \\"


def _cell(row: dict[str, Any], column: str) -> str:
    value = row[column]
    if value is None or value != value:
        return DASH
    if isinstance(value, str):
        return tex(value)
    text = str(value) if isinstance(value, (bool, int)) else words.number(value, 3)
    low, high = (row.get(f"{column}_{e}", row.get(e) if column == "rate" else None) for e in _EDGES)
    ends = "" if low is None or high is None else f" [{words.number(low, 3)}, {words.number(high, 3)}]"
    return (text + ends).replace("-", "$-$")
