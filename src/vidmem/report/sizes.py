"""Effective memorisation size: how many clips a planted model can learn by heart (Gu et al., arXiv 2310.02664)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl
from markupsafe import Markup

from vidmem import tables
from vidmem.report.inputs import ReportInputs
from vidmem.report.svg import CONTENT, INK, NULL, TEMPLATE, axis, render, rows

CRITERIA = {
    "verdict": "verdict of this audit",
    "d1_d2_feature": "d₁/d₂ under 1/3, features",
    "d1_d2_pixel": "d₁/d₂ under 1/3, pixels",
}
LOOKS: dict[str, tuple[str, list[int]]] = {
    "verdict": (CONTENT, [1, 0]),
    "d1_d2_feature": (NULL, [4, 3]),
    "d1_d2_pixel": (TEMPLATE, [2, 2]),
}
BOUNDS = {"<": "fewer than {}", ">=": "{} or more", "=": "about {}"}


def size_table(inputs: ReportInputs) -> pl.DataFrame:
    """The rows of `tables.EFFECTIVE_SIZE`; none where no number of clips was asked for."""
    if inputs.effective_size is not None:
        return tables.read_table(inputs.effective_size)
    return tables.empty_table(tables.EFFECTIVE_SIZE)


def size_summary(inputs: ReportInputs) -> dict[str, Any] | None:
    """By family: the level asked for, the size by criterion, and the shares by number of clips; None without any."""
    if inputs.effective_size is None:
        return None
    made_by, frame = tables.read_made_by(inputs.effective_size), size_table(inputs)
    level = (made_by.get("settings") or {}).get("memorised_share")
    found = made_by.get("effective_size") or {}
    return {
        family: {
            "memorised_share": level,
            "sizes": {name: (found.get(family) or {}).get(name) for name in CRITERIA},
            "shares": [_shares(row) for row in frame.filter(pl.col("family") == family).sort("clips").to_dicts()],
        }
        for family in frame["family"].unique(maintain_order=True)
    }


def _shares(row: dict[str, Any]) -> dict[str, Any]:
    shares = {
        name: {"share": row[f"{name}_share"], "ci95": _interval(row[f"{name}_low"], row[f"{name}_high"])}
        for name in CRITERIA
    }
    return {**{name: row[name] for name in ("clips", "model", "prompts", "videos")}, **shares}


def _interval(low: float | None, high: float | None) -> list[float] | None:
    return None if low is None or high is None else [low, high]


def size_words(size: dict[str, Any] | None) -> str:
    """`about 12`, `64 or more`, `fewer than 4` clips; a dash where nothing is known."""
    if not size or size.get("clips") is None or size.get("bound") not in BOUNDS:
        return "–"
    return BOUNDS[size["bound"]].format(f"{size['clips']:.0f}")


def size_plot(family: str, level: float | None, shares: Sequence[dict[str, Any]]) -> Markup:
    """Share memorised against the number of clips, a line a criterion, with the verdict's interval and the level."""
    ticks = [entry["clips"] for entry in shares]
    x = alt.X(
        "clips:Q",
        scale=alt.Scale(type="log", base=2, nice=False, padding=12),
        axis=axis("distinct clips trained on", values=ticks, grid=False, format="d"),
    )
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, 1], clamp=True), axis=axis("share of videos", format="%"))
    layers = []
    if level is not None:
        rule = alt.Chart(rows([{"y": level}])).mark_rule(color=INK, strokeWidth=1, strokeDash=[4, 3])
        layers.append(rule.encode(y=alt.Y("y:Q")))
    bars = [
        {"clips": e["clips"], "low": e["verdict"]["ci95"][0], "high": e["verdict"]["ci95"][1]}
        for e in shares
        if e["verdict"]["ci95"]
    ]
    if bars:
        bar = alt.Chart(rows(bars)).mark_rule(color=CONTENT, strokeWidth=4, opacity=0.25)
        layers.append(bar.encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
    for name, (colour, dash) in LOOKS.items():
        values = [{"clips": e["clips"], "y": e[name]["share"]} for e in shares if e[name]["share"] is not None]
        base = alt.Chart(rows(values)).encode(x=x, y=y)
        layers.append(base.mark_line(color=colour, strokeWidth=2, strokeDash=dash))
        layers.append(base.mark_point(color=colour, filled=name == "verdict", size=36, opacity=1))
    said = "; ".join(f"{e['clips']} clips: {_percent(e['verdict']['share'])}" for e in shares)
    title = f"{family}: share of videos that the audit calls memorised, by the number of clips trained on. {said}"
    return render(alt.layer(*layers), f"size-{family}", title)


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.0%}"
