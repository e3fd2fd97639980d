"""The reference of the tables: `python -m vidmem.cli.reference` writes its pages below `docs/reference/`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vidmem.cli.exported import EXPORTED, Exported
from vidmem.report.latex import CAPTIONS
from vidmem.tables.described import TABLES
from vidmem.tables.handbook import column_lines, row, tables_text

HEAD = """# The tables that a report exports

`results/<audit>/report/tables/` holds what the report shows as CSV (for spreadsheets) and Parquet (for programs);
those with a caption also as LaTeX with booktabs (`.tex`, at most 200 rows), and `study.tex` is the study's table.
Lists, such as the points of a ROC curve, are in the Parquet files alone. In CSV a text that a spreadsheet would run as
a formula bears an apostrophe before it. Every number is that of the workflow's tables: [tables.md](tables.md).

This page is generated from `src/vidmem/report/` and `src/vidmem/cli/exported.py` (`make docs`).

| table | a row | caption in LaTeX |
|---|---|---|
"""


def pages() -> dict[str, str]:
    """The pages by their names."""
    return {"tables.md": tables_text(), "report-tables.md": exported_text()}


def exported_text() -> str:
    """`docs/reference/report-tables.md`: every table of the report, and its columns unless the other page has them."""
    listed = [
        row([f"`{name}`", f"{table.row} {table.there}".rstrip(), CAPTIONS.get(name, "")])
        for name, table in EXPORTED.items()
    ]
    parts = [HEAD + "\n".join(listed)]
    for name, table in EXPORTED.items():
        parts += [f"\n## `{name}`\n", *(_of_another(table) if table.base else _columns(table, table.schema))]
    return "\n".join(parts) + "\n"


def _of_another(table: Exported) -> list[str]:
    """The columns of a table of the workflow, and what differs."""
    base = next(one for one in TABLES if one.name == table.base)
    more = [name for name in table.schema if name not in base.columns]
    less = [name for name in base.columns if name not in table.schema]
    said = f"The columns of [{base.title}](tables.md#{_anchor(base.title)})"
    said += f", without `{'`, `'.join(less)}`" if less else ""
    return [f"{said}, and:\n", *_columns(table, more)] if more else [f"{said}."]


def _columns(table: Exported, names: Iterable[str]) -> list[str]:
    return column_lines([(name, _type_name(table.schema[name])) for name in names], table.columns)


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower() if c.isalnum() or c in " -_").replace(" ", "-")


def _type_name(kind: Any) -> str:
    return {"String": "text", "Boolean": "bool"}.get(str(kind), str(kind).lower())


def write(root: Path) -> None:
    """Write the pages below the checkout `root`."""
    folder = root / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).parents[3])
