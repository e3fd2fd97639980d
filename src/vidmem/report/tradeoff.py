"""Memorisation against fidelity: a line a remedy, from the unmitigated model over its strengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import altair as alt
from markupsafe import Markup

from vidmem.report.mitigation import Outcome
from vidmem.report.plots import COLOURS
from vidmem.report.svg import INK, axis, render, rows

LOOKS: tuple[tuple[str, list[int]], ...] = (
    ("circle", [1, 0]),
    ("square", [6, 3]),
    ("triangle-up", [2, 2]),
    ("diamond", [8, 2, 2, 2]),
    ("triangle-down", [4, 4]),
    ("cross", [1, 3]),
    ("triangle-right", [6, 2, 2, 2]),
)
SIDES: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 7), ("right", -7))  # of a name, and its distance
LINE = 0.055  # height of a name, as a share of the plot's
BESIDE = 0.4  # names whose ends are no further apart may meet
TO_THE_LEFT_FROM = 0.6  # where a name to the right would leave the plot


def tradeoff(model: str, kind: str, found: Sequence[Outcome]) -> Markup | None:
    """Rate of `kind` (across) and fidelity (up) of the flagged prompts' videos after each remedy, both 0 to 1.

    The open point is the unmitigated model; good is up and left. Remedies differ by mark and dash, and bear their
    names. None where neither could be measured.
    """
    shown = [o for o in found if o.group == "flagged" and o.taken(kind) and o.fidelity]
    if not shown:
        return None
    fidelity = str(shown[0].fidelity)
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 1], clamp=True), axis=axis(f"{kind} rate", format="%"))
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, 1], clamp=True), axis=axis(fidelity.replace("_", " ")))
    origin = {"x": shown[0].rows[kind]["before"], "y": shown[0].rows[fidelity]["before"], "i": 0}
    layers: list[alt.Chart] = []
    ends: list[dict[str, Any]] = []
    said = [f"unmitigated {origin['x']:.2f}, {origin['y']:.2f}"]
    for number, name in enumerate(dict.fromkeys(o.remedy for o in shown)):
        mine = sorted((o for o in shown if o.remedy == name), key=lambda o: o.strength)
        points = [
            {"x": o.rows[kind]["after"], "y": o.rows[fidelity]["after"], "i": i, "name": name}
            for i, o in enumerate(mine, 1)
        ]
        layers += _line(origin, points, COLOURS[kind], *LOOKS[number % len(LOOKS)], x, y)
        ends.append(points[-1])
        said += [f"{name} {o.strength:g}: {p['x']:.2f}, {p['y']:.2f}" for o, p in zip(mine, points, strict=True)]
    base = alt.Chart(rows([origin])).mark_point(color=INK, size=70, strokeWidth=2).encode(x=x, y=y)
    title = f"{model}: {kind} rate and {fidelity.replace('_', ' ')} of flagged prompts: {'; '.join(said)}"
    return render(alt.layer(*layers, *_names(ends, x, y), base), f"tradeoff-{kind}-{model}", title, 300, 220)


def _line(
    origin: dict[str, Any],
    points: list[dict[str, Any]],
    colour: str,
    shape: str,
    dash: list[int],
    x: alt.X,
    y: alt.Y,
) -> list[alt.Chart]:
    line = alt.Chart(rows([origin, *points])).mark_line(color=colour, strokeDash=dash, strokeWidth=1.5, opacity=0.8)
    marks = alt.Chart(rows(points)).mark_point(color=colour, filled=True, shape=shape, size=50, opacity=1)
    return [line.encode(x=x, y=y, order="i:Q"), marks.encode(x=x, y=y)]


def _names(ends: list[dict[str, Any]], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The remedies' names at the ends of their lines, towards the middle, none over another."""
    made = []
    for align, dx in SIDES:
        mine = [place for place in spaced(ends) if (place["x"] > TO_THE_LEFT_FROM) == (align == "right")]
        text = alt.Chart(rows(mine)).mark_text(color=INK, align=align, dx=dx, fontSize=10, baseline="middle")
        made += [text.encode(x=x, y=y, text="name:N")] if mine else []
    return made


def spaced(ends: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Points `{"x", "y", "name"}` in 0 to 1, moved up or down until names beside each other are a line apart."""
    placed: list[dict[str, Any]] = []
    steps = sorted((LINE * n for n in range(-len(ends) - 19, len(ends) + 20)), key=lambda s: (abs(s), s))
    for end in sorted(ends, key=lambda e: (-e["y"], e["x"], e["name"])):
        free = (end["y"] + step for step in steps if 0 <= end["y"] + step <= 1)
        near = [other["y"] for other in placed if abs(other["x"] - end["x"]) < BESIDE]
        y = next((v for v in free if all(abs(v - other) > LINE - 1e-9 for other in near)), end["y"])
        placed.append({**end, "y": y})
    return placed
