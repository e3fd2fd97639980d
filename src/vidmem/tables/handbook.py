"""The reference of the tables, generated from their schemas and what is said of each column, so that it can't drift."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from vidmem.tables.columns import Columns
from vidmem.tables.described import TABLES, Described

HEAD = """# The tables of an audit

Every table that the workflow writes below `results/<audit>/`, in the order of the data. All are Parquet files, which
polars, pandas, DuckDB and pyarrow read; `vidmem.tables.read_table` and `vidmem.tables.read_made_by` also check that a
file is as it was written. The tables that the report exports are in [report-tables.md](report-tables.md).

This page is generated from `src/vidmem/tables/` (`make docs`).

**Keys** name one row together and are never null. Other columns may be null unless it is said: what there is none of is
null, never 0 or an empty text.

**`status` and `reason`**: nothing is dropped. What can't be used stays as a row whose `status` is `skipped` or
`failed`, with a sentence why; what can't be said of it is null. A stage stops when more than the `max_loss` of its
section are not `ok`.

**Where the bytes lie**: `path` with `offset` and `size` null is a whole file. With both it is a part of that file, a
member of a tar. With `offset` alone it is a cell of a Parquet file: `path` is `<file>.parquet/<column>`, `offset` the
number of the row.

**What made it**: each file bears a JSON document under the key `vidmem` of its metadata; its keys are listed with each
table. Footer and pages bear checksums of their own (`vidmem.tables.seal`).
"""


def tables_text() -> str:
    """`docs/reference/tables.md`: every table by stage, with its files, key, metadata and columns."""
    lines = [HEAD]
    stage = ""
    for table in TABLES:
        if table.stage != stage:
            stage = table.stage
            lines.append(f"\n## Stage `{stage}`\n")
        lines += _table(table)
    return "\n".join(lines)


def _table(table: Described) -> list[str]:
    key = ", ".join(f"`{name}`" for name in table.key)
    said = [f"{text}\n" for text in (table.row, table.note) if text]
    lines = [f"### {table.title}\n", *said, "| file | made by rule |", "|---|---|"]
    lines += [f"| `{shown(path)}` | `{rule}` |" for rule, paths in table.files.items() for path in paths]
    lines += [f"\nSchema `vidmem.tables.{table.name}`, key {key}. Metadata:\n"]
    lines += [f"- {what}" for what in _metadata(table)]
    types = [(f.name, type_name(f.type) + ("" if f.nullable else ", never null")) for f in table.schema]
    return [*lines, "", *column_lines(types, table.columns), ""]


def _metadata(table: Described) -> list[str]:
    """The keys, those that say the same in one line."""
    found: dict[str, list[str]] = {}
    for name, meaning in table.made_by.items():
        found.setdefault(meaning, []).append(f"`{name}`")
    return [f"{', '.join(names)}: {meaning}" for meaning, names in found.items()]


def column_lines(types: Iterable[tuple[str, str]], columns: Columns) -> list[str]:
    """A Markdown table of columns, given as (name, type). Raises `KeyError` for one without a meaning."""
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for name, kind in types:
        unit, meaning = columns[name]
        lines.append(row([f"`{name}`", kind, unit, meaning]))
    return lines


def row(cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def shown(path: str) -> str:
    """A path with what varies as `<name>`."""
    return path.replace("{", "<").replace("}", ">")


def type_name(kind: Any) -> str:
    """A pyarrow type in short."""
    if pa.types.is_fixed_size_list(kind):
        return f"{type_name(kind.value_type)} × {kind.list_size}"
    if pa.types.is_list(kind):
        return f"list of {type_name(kind.value_type)}"
    if pa.types.is_fixed_size_binary(kind):
        return f"{kind.byte_width} bytes"
    return {"string": "text", "double": "float64", "float": "float32"}.get(str(kind), str(kind))
