"""The short table at the end of a run: `python -m vidmem.report.show results/<audit>/report`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS = (
    "model",
    "videos",
    "content rate",
    "template rate",
    "motion rate",
    "detector AUC\ncont. / mot.",
    "content truth\nprec. / rec.",
    "motion truth\nprec. / rec.",
)


def short_table(summary: Mapping[str, Any], width: int = 120) -> str:
    """The audit's numbers in one table of plain text, one line a model; `-` where there is no number."""
    table = Table(
        title=f"Audit {summary['audit']}",
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        collapse_padding=True,
        box=box.SIMPLE_HEAD,
    )
    for i, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if i == 0 else "right", no_wrap=True)
    for name, model in summary["models"].items():
        table.add_row(*_cells(name, model))
    out = StringIO()
    Console(file=out, width=width, color_system=None, legacy_windows=False).print(table)
    return out.getvalue()


def _cells(name: str, model: Mapping[str, Any]) -> list[str]:
    detect, truth = model["detect"] or {}, model["truth"] or {}
    cells = [name, f"{model['videos']}", *(_rate(model[k]) for k in ("content", "template", "motion"))]
    cells.append(" / ".join(_number((detect.get(kind) or {}).get("auc")) for kind in ("content", "motion")))
    for kind in ("content", "motion"):
        judged = truth.get(kind) or {}
        cells.append(" / ".join(_number(judged.get(key)) for key in ("precision", "recall")))
    return ["-" if cell == "- / -" else cell for cell in cells]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _rate(kind: Mapping[str, Any]) -> str:
    if kind["rate"] is None:
        return "-"
    low, high = kind["ci95"] or (None, None)
    interval = "" if low is None or high is None else f" [{100 * low:.0f}-{100 * high:.0f}]"
    return f"{100 * kind['rate']:.{0 if kind['rate'] == 1 else 1}f} %{interval}"


def main(arguments: list[str]) -> int:
    """Print the table and the path of the page; 2 with one line where there is no report."""
    if len(arguments) != 1:
        print("usage: python -m vidmem.report.show results/<audit>/report", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    source = folder.parent / "summary.json"
    try:
        summary = json.loads(source.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{source}: no summary can be read there ({error})", file=sys.stderr)
        return 2
    print(short_table(summary))
    print(f"Report: {folder / 'index.html'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
