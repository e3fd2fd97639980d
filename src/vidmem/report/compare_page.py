"""The page that puts two audits side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl
from markupsafe import Markup

from vidmem.report.compare import Comparison
from vidmem.report.environment import environment, frame_of
from vidmem.report.plots import COLOURS
from vidmem.report.svg import GRID, axis, render, rows
from vidmem.report.thresholds import KINDS
from vidmem.report.words import percent, plural, points

MOST_CHANGED = 100  # pairs on the page; all are in the table `changed`
MOST_MOVED = 5  # models that a sentence names


def render_compare(found: Comparison, title: str, audit: str) -> str:
    """The page as HTML text."""
    rates = found.table.filter(pl.col("measure") == "rate")
    return environment().get_template("compare.html.j2").render(
        title=title,
        audit=audit,
        found=found,
        lines=found.table.to_dicts(),
        plot=difference_plot(rates.to_dicts(), found),
        answer=_answer(rates.to_dicts()),
        changed=found.changed.head(MOST_CHANGED).to_dicts(),
        changed_count=len(found.changed),
        **frame_of(styles=("style.css", "prompts.css")),
    )  # fmt: skip


def _answer(rates: list[dict[str, Any]]) -> list[Markup]:
    """Of each kind a sentence: which models' rates changed, by how much, and for which no difference can be told."""
    said = []
    for kind in KINDS:
        mine = [r for r in rates if r["kind"] == kind and r["difference_low"] is not None]
        moved = [r for r in mine if r["difference_low"] > 0 or r["difference_high"] < 0]
        moved.sort(key=lambda r: -abs(r["difference"]))
        parts = [_moved(r) for r in moved[:MOST_MOVED]]
        if len(moved) > MOST_MOVED:
            parts.append(Markup("{} more change").format(plural(len(moved) - MOST_MOVED, "model")))
        still = [r["model"] for r in mine if r not in moved]
        if still:
            names = ", ".join(still) if len(still) <= MOST_MOVED else plural(len(still), "model")
            parts.append(Markup("no difference can be told for {}").format(names))
        if parts:
            said.append(Markup("{}: {}.").format(kind.capitalize(), Markup("; ").join(parts)))
    return said


def _moved(row: dict[str, Any]) -> Markup:
    verb = "rises" if row["difference"] > 0 else "falls"
    text = Markup('<b>{}</b> {} from {} to <strong>{}</strong>, {} points <span class="iv">[{} to {}]</span>')
    ends = (points(row[f"difference_{end}"]) for end in ("low", "high"))
    return text.format(
        row["model"], verb, percent(row["first"]), percent(row["second"]), points(row["difference"]), *ends
    )


def difference_plot(rates: list[dict[str, Any]], found: Comparison) -> Markup | None:
    """Differences of rates with their intervals, a line a model and kind; None where there are none."""
    known = [r for r in rates if r["difference"] is not None]
    if not known:
        return None
    order = [f"{r['model']}, {r['kind']}" for r in known]
    span = alt.Scale(domain=[-1, 1])
    x = alt.X(
        "d:Q", scale=span, axis=axis("difference of rates, in points", labelExpr="format(datum.value * 100, '+d')")
    )
    y = alt.Y("name:N", sort=order, axis=alt.Axis(title=None, labelLimit=260, minExtent=190, ticks=False))
    layers: list[alt.Chart] = [
        alt.Chart(rows([{"x": 0}])).mark_rule(color=GRID, strokeWidth=2).encode(x=alt.X("x:Q", scale=span))
    ]
    for kind in KINDS:
        mine = [_point(r) for r in known if r["kind"] == kind]
        layers += _layers([p for p in mine if p["low"] is not None], mine, COLOURS[kind], x, y)
    said = "; ".join(f"{r['model']} {r['kind']} {r['difference']:+.2f}" for r in known)
    title = f"Rates of {found.second} less those of {found.first}: {said}"
    return render(alt.layer(*layers), "differences", title, 320, max(60, 20 * len(order)))


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{row['model']}, {row['kind']}"
    return {"name": name, "d": row["difference"], "low": row["difference_low"], "high": row["difference_high"]}


def _layers(
    whole: list[dict[str, Any]], points: list[dict[str, Any]], colour: str, x: alt.X, y: alt.Y
) -> list[alt.Chart]:
    made = [alt.Chart(rows(points)).mark_point(color=colour, filled=True, size=50, opacity=1).encode(x=x, y=y)]
    if whole:
        made.insert(0, alt.Chart(rows(whole)).mark_rule(color=colour).encode(x=alt.X("low:Q"), x2="high:Q", y=y))
    return made if points else []
