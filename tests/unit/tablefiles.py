"""Whether the tables of an audit on disk are those that their reference describes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

from vidmem import tables
from vidmem.tables.described import RESULTS, TABLES, Described
from vidmem.tables.handbook import type_name


def differences(results: Path) -> list[str]:
    """Of each table below `results/<audit>`, but for those of the report, where it differs from its reference."""
    found: list[str] = []
    for path in sorted(results.rglob("*.parquet")):
        name = path.relative_to(results).as_posix()
        if not name.startswith("report/"):
            table = _table_of(name)
            said = ["in no table's files"] if table is None else _of_one(path, table)
            found += [f"{name}: {what}" for what in said]
    return found


def _table_of(name: str) -> Described | None:
    """The table of a file below the results; where two could be it, the one whose path says more of the name."""
    found = [
        (len(re.sub(r"\{\w+\}", "", path)), table)
        for table in TABLES
        for paths in table.files.values()
        for path in (one.removeprefix(f"{RESULTS}/") for one in paths)
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)), name)
    ]
    return max(found, key=lambda one: one[0])[1] if found else None


def _of_one(path: Path, table: Described) -> Iterator[str]:
    with tables.opened(path) as file:
        schema: pa.Schema = file.schema_arrow
    columns, said = (_columns(one) for one in (schema, table.schema))
    if columns != said:
        yield f"columns {sorted(set(columns) ^ set(said))}"
    elif pl.DataFrame(pl.from_arrow(tables.read_arrow(path, table.key))).is_duplicated().any():
        yield f"rows of the same key {table.key}"
    unknown = set(tables.read_made_by(path)) - set(table.made_by)
    if unknown:
        yield f"metadata {sorted(unknown)}"


def _columns(schema: pa.Schema) -> list[tuple[str, str, bool]]:
    """Names, types (vectors of whatever size) and whether null, in their order."""
    return [(f.name, re.sub(r" × \d+$", " × n", type_name(f.type)), f.nullable) for f in schema]
