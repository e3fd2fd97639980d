"""What papers take: plots as SVG and PDF, tables as LaTeX."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bs4 import BeautifulSoup
from report_world import HOSTILE, World

from vidmem.report.build import build_report
from vidmem.report.figures import caption_of, figures_of
from vidmem.report.latex import CAPTIONS, table_tex

SETTINGS: dict[str, Any] = {"findings": 12, "strip_frames": 4, "strip_width": 64, "clip_width": 64}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = World(tmp_path_factory.mktemp("world"), per_prompt=2)
    made.sized("planted")
    models = {"planted": made.model("planted", hits=6), "folder": made.model("folder", hits=2, known=False)}
    out = tmp_path_factory.mktemp("out") / "report"
    build_report(made.inputs(models), SETTINGS, out)
    return out


def page(report: Path) -> BeautifulSoup:
    return BeautifulSoup((report / "index.html").read_text(encoding="utf-8"), "html.parser")


def test_every_plot_is_a_figure_that_stands_alone(report: Path) -> None:
    plots = {s["aria-labelledby"].removesuffix("-title") for s in page(report).select("svg.plot")}
    assert len(plots) > 6
    assert {p.stem for p in (report / "figures").glob("*.svg")} == plots
    assert {p.stem for p in (report / "figures").glob("*.pdf")} == plots
    for path in (report / "figures").glob("*.svg"):
        root = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file
        assert root.tag == "{http://www.w3.org/2000/svg}svg" and "var(" not in path.read_text(encoding="utf-8")
    assert all(p.read_bytes().startswith(b"%PDF-") for p in (report / "figures").glob("*.pdf"))


def test_a_figure_says_what_it_shows() -> None:
    svg = '<svg class="plot" role="img" aria-labelledby="a-title" width="1" height="1" viewBox="0 0 1 1">'
    found = figures_of(f'<p>{svg}<title id="a-title">x &lt; y</title><path fill="var(--content)"/></svg></p>')
    assert list(found) == ["a"] and 'fill="#c2255c"' in found["a"]
    assert caption_of(found["a"]) == "x < y"


def test_tables_for_papers_have_captions_and_as_many_cells_a_line(report: Path) -> None:
    names = {p.stem for p in (report / "tables").glob("*.tex")}
    assert {"rates", "verdicts", "thresholds", "study"} <= names <= {*CAPTIONS, "study"}
    for name in names - {"study"}:
        made = (report / "tables" / f"{name}.tex").read_text(encoding="utf-8")
        assert made.count(r"\begin{tabular}") == made.count(r"\caption{") == made.count(r"\label{tab:") == 1
        columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", made)
        lines = [line for line in made.splitlines() if line.endswith(r"\\")]
        assert columns and {line.count(" & ") + 1 for line in lines} == {len(columns[1])}
        assert r"\toprule" in made and r"\midrule" in made and r"\bottomrule" in made


def test_intervals_stand_behind_their_numbers_and_text_of_strangers_is_text() -> None:
    rows = {"model": [HOSTILE], "prompt_set": ["a_b"], "kind": ["content"], "rate": [0.5], "low": [0.25], "high": [1.0]}
    made = table_tex("rates", pl.DataFrame(rows))
    assert made is not None
    line = next(row for row in made.splitlines() if "content" in row)
    assert line.endswith(r"a\_b & content & 0.500 [0.250, 1.000] \\")
    assert "<" not in line and r"\&" in line


def test_skipped_rows_are_comments_and_long_or_unknown_tables_are_none() -> None:
    rows = {"model": ["m", "n"], "difference": [0.5, None], "status": ["ok", "skipped"], "reason": [None, "50 % gone"]}
    made = table_tex("compared", pl.DataFrame(rows))
    assert made is not None and "% n: 50 \\% gone" in made.splitlines()
    assert table_tex("findings", pl.DataFrame(rows)) is None
    assert table_tex("rates", pl.DataFrame({"model": ["m"] * 999})) is None
    assert table_tex("rates", pl.DataFrame({"model": []})) is None
