"""The page's plots as files of their own, for papers: SVG and PDF, in the colours of print."""

from __future__ import annotations

import html
import itertools
import re
from pathlib import Path

import vl_convert

PRINT = {  # the page's colours as they are on paper: templates/style.css
    "--ink-2": "#444444",
    "--grid": "#dddddd",
    "--content": "#c2255c",
    "--motion": "#1864ab",
    "--null": "#85858f",
    "--template": "#964b00",
}
_PLOT = re.compile(r'<svg class="plot" role="img" aria-labelledby="([^"]+)-title"([^>]*)>(.*?)</svg>', re.S)
_RESOURCE = re.compile(rb"\s*/[a-z]+\d+ \d+ 0 R")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.S)


def figures_of(page: str) -> dict[str, str]:
    """The plots of a page by name, each an SVG that stands alone: what the page shows is what a paper gets."""
    found = {}
    for name, attributes, inner in _PLOT.findall(page):
        for variable, colour in PRINT.items():
            inner = inner.replace(f"var({variable})", colour)
        opening = f'<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif"{attributes}>'
        found[name] = f"{opening}{inner}</svg>\n"
    return found


def caption_of(figure: str) -> str:
    """The plot in words: what a screen reader says of it."""
    title = _TITLE.search(figure)
    return html.unescape(title[1]) if title else ""


def pdf_of(figure: str) -> bytes:
    """The figure as PDF. The converter names resources in no fixed order: sorted, the same figure gives same bytes."""
    lines = vl_convert.svg_to_pdf(figure).split(b"\n")
    made: list[bytes] = []
    for named, group in itertools.groupby(lines, lambda line: bool(_RESOURCE.fullmatch(line))):
        run = list(group)
        made += sorted(run) if named else run
    return b"\n".join(made)


def write_figures(page: str, folder: Path) -> dict[str, str]:
    """Write each plot as `<name>.svg` and `<name>.pdf`; gives their captions by name."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = figures_of(page)
    for name, figure in figures.items():
        (folder / f"{name}.svg").write_text(figure, encoding="utf-8", newline="\n")
        (folder / f"{name}.pdf").write_bytes(pdf_of(figure))
    return {name: caption_of(figure) for name, figure in figures.items()}
