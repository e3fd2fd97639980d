"""Vega-Altair charts as inline SVG that needs no network, follows the page's colours, and can be read aloud."""

from __future__ import annotations

import html
import re
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

INK, GRID = "#010203", "#040506"  # stand-ins, replaced by the page's own colours, so that dark mode holds
CONTENT, MOTION, NULL, TEMPLATE = "#010207", "#010208", "#010209", "#01020a"
_COLOURS = {
    INK: "var(--ink-2)",
    GRID: "var(--grid)",
    CONTENT: "var(--content)",
    MOTION: "var(--motion)",
    NULL: "var(--null)",
    TEMPLATE: "var(--template)",
}
WIDTH, HEIGHT = 250, 150  # pixels of a small multiple's plotting area
_VEGALITE = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])


def rows(values: list[dict[str, Any]]) -> alt.Data:
    """Inline data of a chart."""
    data: alt.Data = alt.Data(values=values)  # type: ignore[no-untyped-call]
    return data


def axis(title: str, **settings: Any) -> alt.Axis:
    """An axis with the house's look."""
    return alt.Axis(title=title, **settings)


def render(
    chart: alt.Chart | alt.LayerChart | alt.FacetChart, name: str, title: str, width: int = WIDTH, height: int = HEIGHT
) -> Markup:
    """The chart as one `<svg role="img">` with `title` as its text. `name` makes its inner ids unique on the page."""
    styled = (
        chart.properties(width=width, height=height, background="transparent", padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            tickColor=GRID,
            domainColor=GRID,
            gridColor=GRID,
            titleFontWeight="normal",
            titleFontSize=11,
            labelFontSize=10,
            tickCount=5,
            labelFont="sans-serif",
            titleFont="sans-serif",
            titlePadding=6,
        )
        .configure_legend(disable=True)
    )
    text = vl_convert.vegalite_to_svg(styled.to_dict(), vl_version=_VEGALITE)
    return Markup(_clean(text, name, title))  # noqa: S704 - charts hold numbers and fixed words, escaped by Vega


def _clean(text: str, name: str, title: str) -> str:
    # Vega numbers its clip paths over the process: named by the chart they are stable, and unique on the page.
    ids = list(dict.fromkeys(re.findall(r'id="([^"]+)"', text)))
    for i, old in enumerate(ids):
        text = text.replace(f'id="{old}"', f'id="{name}-{i}"').replace(f"url(#{old})", f"url(#{name}-{i})")
    text = re.sub(r' (?:xmlns(?::xlink)?|aria-[a-z]+|role|version)="[^"]*"', "", text)
    for stand_in, colour in _COLOURS.items():
        text = text.replace(stand_in, colour)
    text = text.replace('font-family="sans-serif"', "")
    view = re.match(r'<svg class="marks" width="([\d.]+)" height="([\d.]+)" viewBox="([^"]+)">', text)
    if view is None:
        raise RuntimeError(f"the SVG of {name} does not begin as expected: {text[:80]}")
    opening = (
        f'<svg class="plot" role="img" aria-labelledby="{name}-title" width="{view[1]}" height="{view[2]}" '
        f'viewBox="{view[3]}"><title id="{name}-title">{html.escape(title)}</title>'
    )
    return opening + text[view.end() :]
