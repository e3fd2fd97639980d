"""The report's small multiples: one plot a model and question, in the same colours everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import numpy.typing as npt
import polars as pl
from markupsafe import Markup

from vidmem.report.svg import CONTENT, GRID, INK, MOTION, NULL, TEMPLATE, axis, render, rows

Floats = npt.NDArray[np.float64]
COLOURS = {"content": CONTENT, "template": TEMPLATE, "motion": MOTION}
DASHES = {"content": [1, 0], "motion": [7, 3]}  # the kinds differ by more than colour
BINS = 32


def distribution(
    model: str, kind: str, scores: Floats, null: Floats, threshold: float | None, domain: tuple[float, float]
) -> Markup:
    """Scores of a model's videos (filled) against the null (line), as shares a bin, with the threshold."""
    edges = np.linspace(*domain, BINS + 1)
    layers: list[alt.Chart] = []
    found = shares(scores, edges)
    if found:
        layers.append(
            alt.Chart(rows(found))
            .mark_rect(color=COLOURS[kind], opacity=0.75)
            .encode(x=position("x0", f"{kind} score", domain), x2="x1:Q", y=share_axis(), y2=alt.Y2Datum(0))
        )
    if len(null):
        line = [{"x": r["x0"], "share": r["share"]} for r in shares(null, edges, keep_empty=True)]
        layers.append(
            alt.Chart(rows(line))
            .mark_line(interpolate="step-after", color=NULL, strokeWidth=1.5)
            .encode(x=position("x", f"{kind} score", domain), y=share_axis())
        )
    if threshold is not None:
        layers.append(
            alt.Chart(rows([{"x": threshold}]))
            .mark_rule(color=INK, strokeWidth=1.5, strokeDash=[4, 3])
            .encode(x=position("x", f"{kind} score", domain))
        )
    limit = "no threshold" if threshold is None else f"threshold {threshold:.3f}"
    above = float((scores >= threshold).mean()) if threshold is not None and len(scores) else 0.0
    title = (
        f"{model}: {kind} scores of {len(scores)} videos against {len(null)} null videos, {limit}, {above:.0%} above it"
    )
    return render(alt.layer(*layers), f"dist-{kind}-{model}", title)


def shares(values: Floats, edges: Floats, keep_empty: bool = False) -> list[dict[str, float]]:
    """Bars of a histogram, {"x0", "x1", "share"}: of values (n,), those in each bin between edges (bins + 1,)."""
    if not len(values):
        return []
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return [
        {"x0": float(a), "x1": float(b), "share": float(c / len(values))}
        for a, b, c in zip(edges[:-1], edges[1:], counts, strict=True)
        if c or keep_empty
    ]


def position(name: str, title: str, domain: tuple[float, float]) -> alt.X:
    """The x of a histogram, the same for all its layers."""
    return alt.X(f"{name}:Q", axis=axis(title, grid=False), scale=alt.Scale(domain=list(domain), nice=False))


def share_axis() -> alt.Y:
    """The y of a histogram."""
    return alt.Y("share:Q", axis=axis("share of videos", format="%"))


def dose(model: str, points: Sequence[dict[str, Any]]) -> Markup:
    """Mean similarity to the own clip (filled points) and share retrieved first (open) against multiplicity."""
    values = [
        {"d": p["multiplicity"], "y": p[key], "what": key}
        for p in points
        for key in ("mean_similarity", "retrieved_first")
        if p[key] is not None
    ]
    ticks = [p["multiplicity"] for p in points]
    x = alt.X(
        "d:Q",
        scale=alt.Scale(type="log", base=2, nice=False, padding=12),
        axis=axis("times in the corpus", values=ticks, grid=False, format="d"),
    )
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, 1], clamp=True), axis=axis("similarity, share"))
    base = alt.Chart(rows(values)).encode(x=x, y=y)
    similar, first = alt.datum.what == "mean_similarity", alt.datum.what == "retrieved_first"
    chart = alt.layer(
        base.transform_filter(first).mark_line(color=NULL, strokeDash=[4, 3]),
        base.transform_filter(first).mark_point(color=NULL, size=36),
        base.transform_filter(similar).mark_line(color=CONTENT),
        base.transform_filter(similar).mark_point(color=CONTENT, filled=True, size=44, opacity=1),
    )
    said = "; ".join(f"{p['multiplicity']} times: {_said(p['mean_similarity'])}" for p in points)
    return render(chart, f"dose-{model}", f"{model}: mean similarity to the own clip by multiplicity. {said}")


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def roc(model: str, curves: dict[str, dict[str, Any]]) -> Markup:
    """ROC of the default detector of each kind: `curves` holds rows of the detect table by kind."""
    unit = alt.Scale(domain=[0, 1])
    x = alt.X("x:Q", scale=unit, axis=axis("false-positive rate"))
    y = alt.Y("y:Q", scale=unit, axis=axis("true-positive rate"))
    layers = [
        alt.Chart(rows([{"x": 0, "y": 0}, {"x": 1, "y": 1}])).mark_line(color=GRID, strokeDash=[3, 3]).encode(x=x, y=y)
    ]
    for kind, row in curves.items():
        points = [{"x": a, "y": b, "i": i} for i, (a, b) in enumerate(zip(row["fpr"], row["tpr"], strict=True))]
        layers.append(
            alt.Chart(rows(points))
            .mark_line(color=COLOURS[kind], strokeWidth=2, strokeDash=DASHES[kind])
            .encode(x=x, y=y, order="i:Q")
        )
    said = ", ".join(f"{kind} AUC {_said(row['auc'])}" for kind, row in curves.items())
    return render(alt.layer(*layers), f"roc-{model}", f"{model}: ROC of the default detectors, {said}", 190, 190)


def auc_by_step(model: str, detect: pl.DataFrame, names: Mapping[str, str]) -> Markup | None:
    """AUC by sampling step (0 is the noisiest) of each kind's detector in `names`, with intervals; None without steps.

    Beside it, thin, the magnitude of the kind, where that is another one.
    """
    steps = detect.filter(pl.col("steps").str.starts_with("step:") & pl.col("auc").is_not_null())
    most = int(steps["seeds"].max() or 0)  # type: ignore[arg-type]
    steps = steps.filter(pl.col("seeds") == most).with_columns(
        pl.col("steps").str.slice(5).cast(pl.Int64).alias("step"),
        pl.col("auc_low").alias("low"),
        pl.col("auc_high").alias("high"),
    )
    x = alt.X("step:Q", axis=axis("sampling step", format="d", grid=False, tickMinStep=1), scale=alt.Scale(nice=False))
    y = alt.Y("auc:Q", scale=alt.Scale(domain=[0, 1], clamp=True), axis=axis("AUC"))
    layers = [alt.Chart(rows([{"y": 0.5}])).mark_rule(color=GRID, strokeDash=[3, 3]).encode(y=alt.Y("y:Q"))]
    said = []
    for kind, name in names.items():
        for detector in dict.fromkeys((f"{kind}_magnitude", name)):
            mine = steps.filter((pl.col("label") == kind) & (pl.col("detector") == detector)).sort("step")
            if mine.is_empty():
                continue
            values = mine.select("step", "auc", "low", "high").to_dicts()
            layers += _step_layers(values, kind, x, y, thin=detector != name)
            said.append(
                f"{kind} by {detector.replace('_', ' ')} from {values[0]['auc']:.2f} to {values[-1]['auc']:.2f}"
            )
    if not said:
        return None
    title = (
        f"{model}: AUC by sampling step, {most} {'seed' if most == 1 else 'seeds'}, first to last: {', '.join(said)}"
    )
    return render(alt.layer(*layers), f"steps-{model}", title)


def _step_layers(values: list[dict[str, Any]], kind: str, x: alt.X, y: alt.Y, *, thin: bool) -> list[alt.Chart]:
    """A line over steps, and its band of intervals unless it is a thin one."""
    width, opacity = (1, 0.55) if thin else (2, 1.0)
    line = alt.Chart(rows(values)).mark_line(
        color=COLOURS[kind], strokeWidth=width, opacity=opacity, strokeDash=DASHES[kind]
    )
    made = [line.encode(x=x, y=y)]
    whole = [v for v in values if v["low"] is not None and v["high"] is not None]
    if whole and not thin:
        band = alt.Chart(rows(whole)).mark_area(color=COLOURS[kind], opacity=0.18)
        made.insert(0, band.encode(x=x, y=alt.Y("low:Q"), y2="high:Q"))
    return made


def multiplicities(histogram: Sequence[tuple[int, int]]) -> Markup:
    """How many clips stand how often in the corpus."""
    values = [{"times": str(times), "clips": clips} for times, clips in histogram]
    order = [str(times) for times, _ in histogram]
    chart = (
        alt.Chart(rows(values))
        .mark_bar(color=NULL)
        .encode(
            x=alt.X("times:N", sort=order, axis=axis("times in the corpus", labelAngle=0)),
            y=alt.Y("clips:Q", axis=axis("clips", format="d", tickCount=min(5, max(clips for _, clips in histogram)))),
        )
    )
    said = "; ".join(f"{clips} stand {times} times" for times, clips in histogram[:12])
    return render(chart, "multiplicities", f"Clips by how often they stand in the corpus: {said}")
