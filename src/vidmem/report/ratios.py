"""Nearest-neighbour distance ratios d1/d2 by model: another test for a copy, in numbers and as a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import altair as alt
import numpy as np
import polars as pl
from markupsafe import Markup

from vidmem import tables
from vidmem.report.inputs import ReportInputs, numbers, ok_rows
from vidmem.report.plots import Floats, position, share_axis, shares
from vidmem.report.svg import CONTENT, INK, NULL, render, rows

COPY_UNDER = 1 / 3  # Gu et al., arXiv 2310.02664: the nearest is less than a third as far as the next
SPACES = {"feature": "features", "pixel": "pixels"}
BINS = 24  # a multiple of three, so that no bin lies on both sides of the line


RATIOS: dict[str, Any] = {
    "model": pl.String,
    "space": pl.String,
    "videos": pl.Int64,
    "known": pl.Int64,
    "median": pl.Float64,
    "share": pl.Float64,
}


def ratios(inputs: ReportInputs) -> dict[str, dict[str, Any]]:
    """By model the number of videos `n`, of each space the median and the share under 1/3, and the `plot` of both."""
    return {
        name: {"n": videos, **{space: _said(v) for space, v in values.items()}, "plot": ratio_plot(name, values)}
        for name, videos, values in _known(inputs)
    }


def ratio_table(inputs: ReportInputs) -> pl.DataFrame:
    """One row a model and space, under `RATIOS`: its videos, those whose ratio is known, and the `share` under 1/3."""
    rows = [
        {"model": name, "space": space, "videos": videos, **said}
        for name, videos, values in _known(inputs)
        for space, v in values.items()
        if (said := _said(v))
    ]
    return pl.DataFrame(rows, schema=RATIOS)


def _known(inputs: ReportInputs) -> Iterator[tuple[str, int, dict[str, Floats]]]:
    """Models of which some ratio is known: name, number of videos, and the ratios by space."""
    for name, files in inputs.models.items():
        metrics = ok_rows(tables.read_table(files.metrics))
        values = {space: numbers(metrics, f"d1_d2_{space}") for space in SPACES}
        if any(len(v) for v in values.values()):
            yield name, len(metrics), values


def _said(values: Floats) -> dict[str, Any] | None:
    if not len(values):
        return None
    share = float((values < COPY_UNDER).mean())
    return {"known": len(values), "median": float(np.median(values)), "share": share}


def ratio_plot(model: str, values: Mapping[str, Floats]) -> Markup:
    """Distribution of d1/d2 in features (filled) and in pixels (line), as shares a bin, with the line at 1/3.

    `values` holds ratios in 0..1 by space, shape (n,) each; one may be empty.
    """
    edges = np.linspace(0, 1, BINS + 1)
    # Plain digits: lowered ones come of a second font, and the PDF of two fonts isn't the same bytes each time.
    x, y = "d1/d2", share_axis()
    layers: list[alt.Chart] = []
    if len(values["feature"]):
        filled = alt.Chart(rows(shares(values["feature"], edges))).mark_rect(color=CONTENT, opacity=0.75)
        layers.append(filled.encode(x=position("x0", x, (0, 1)), x2="x1:Q", y=y, y2=alt.Y2Datum(0)))
    if len(values["pixel"]):
        # The last bin's share once more at its end: a step after the last point has no width.
        line = [{"x": r["x0"], "share": r["share"]} for r in shares(values["pixel"], edges, keep_empty=True)]
        line.append(line[-1] | {"x": 1.0})
        drawn = alt.Chart(rows(line)).mark_line(interpolate="step-after", color=NULL, strokeWidth=1.5)
        layers.append(drawn.encode(x=position("x", x, (0, 1)), y=y))
    rule = alt.Chart(rows([{"x": COPY_UNDER}])).mark_rule(color=INK, strokeWidth=1.5, strokeDash=[4, 3])
    layers.append(rule.encode(x=position("x", x, (0, 1))))
    said = "; ".join(
        f"in {SPACES[space]} {float((found < COPY_UNDER).mean()):.0%} of {len(found)} under 1/3"
        for space, found in values.items()
        if len(found)
    )
    return render(alt.layer(*layers), f"ratio-{model}", f"{model}: nearest-neighbour distance ratios, {said}")
