"""The reference of the tables is what schemas and rules say, and every column has a meaning."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from report_world import World

from vidmem import tables
from vidmem.cli.exported import EXPORTED
from vidmem.cli.reference import pages, write
from vidmem.report.compare import compare
from vidmem.report.files import make_tables, write_tables
from vidmem.report.inputs import Side
from vidmem.report.latex import CAPTIONS
from vidmem.tables import columns
from vidmem.tables.described import TABLES, Described
from vidmem.tables.handbook import column_lines

ROOT = Path(__file__).parents[2]
RULE = re.compile(r"^ *rule (\w+):(.*?)(?=^ *rule |\Z)", re.MULTILINE | re.DOTALL)
OUTPUT = re.compile(r"^ *output:(.*?)^ *(?:log|params|benchmark|resources|threads):", re.MULTILINE | re.DOTALL)


PAGES = ["report-tables.md", "tables.md"]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_on_disk_is_what_the_generator_makes(name: str) -> None:
    assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_pages_are_written_where_they_are_looked_for(tmp_path: Path) -> None:
    write(tmp_path)
    assert sorted(p.name for p in (tmp_path / "docs" / "reference").iterdir()) == PAGES


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_every_column_has_a_meaning_and_every_meaning_a_column(table: Described) -> None:
    assert list(table.columns) == table.schema.names
    assert all(meaning.endswith((".", "…")) and len(meaning) > 5 for _, meaning in table.columns.values())
    assert set(table.key) <= set(table.schema.names)


def test_a_column_without_a_meaning_is_refused() -> None:
    with pytest.raises(KeyError, match="new"):
        column_lines([("new", "text")], columns.MANIFEST)


def test_every_schema_of_the_tables_module_is_described() -> None:
    schemas = {name for name, value in vars(tables).items() if isinstance(value, pa.Schema)}
    assert {table.name for table in TABLES} == schemas | {"frames_schema", "flow_schema"}


def outputs() -> dict[str, set[str]]:
    """The tables that each rule writes, as its file in workflow/rules names them."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for rule, body in RULE.findall(path.read_text(encoding="utf-8")):
            (text,) = OUTPUT.findall(body) or [""]
            named = {p.replace("{{", "{").replace("}}", "}") for p in re.findall(r'"(results/[^"]+\.parquet)"', text)}
            found |= {rule: named} if named else {}
    return found


def test_files_and_rules_are_those_of_the_workflow() -> None:
    said: dict[str, set[str]] = {}
    for table in TABLES:
        for rule, paths in table.files.items():
            said.setdefault(rule, set()).update(paths)
    assert outputs() == said


def test_stages_are_those_of_the_rules_files() -> None:
    for table in TABLES:
        text = (ROOT / "workflow" / "rules" / f"{table.stage}.smk").read_text(encoding="utf-8")
        assert [rule for rule in table.files if f"rule {rule}:" not in text] == []


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """The tables of a report that has all of them, as they were written."""
    root = tmp_path_factory.mktemp("world")
    world = World(root, per_prompt=1)
    world.repeats()
    world.sized()
    files = world.model("planted", hits=2)
    world.mitigated("planted", {"planted.away.1": {"content": (0.5, 0.25)}})
    inputs = world.inputs({"planted": files})
    side = Side("tiny", {"planted": files.metrics})
    compared = compare((side, side), inputs)
    write_tables({**make_tables(inputs), "compared": compared.table, "changed": compared.changed}, root / "tables")
    return {p.stem: pl.read_parquet(p) for p in sorted((root / "tables").glob("*.parquet"))}


def test_every_table_of_a_report_is_in_its_reference(exported: dict[str, pl.DataFrame]) -> None:
    assert set(exported) == set(EXPORTED)
    assert set(CAPTIONS) <= set(EXPORTED)


@pytest.mark.parametrize("name", EXPORTED)
def test_columns_of_a_report_s_table_are_those_of_its_reference(exported: dict[str, pl.DataFrame], name: str) -> None:
    assert dict(exported[name].schema) == dict(EXPORTED[name].schema)
    assert set(EXPORTED[name].schema) <= set(EXPORTED[name].columns)
