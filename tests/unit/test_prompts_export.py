"""Prompts handed on as a data set: three files that agree, a card, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from promptworld import item

from vidmem import tables
from vidmem.config.prompts import Prompts
from vidmem.plan.checks import set_sizes
from vidmem.promptlist import read_prompt_list
from vidmem.prompts import write_prompts
from vidmem.prompts.card import COLUMNS, SETS
from vidmem.prompts.export import FILES, export_prompts, main
from vidmem.text import normalise_text, prompt_id

HOSTILE = [
    '=HYPERLINK("http://x","y")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "'=quoted already",
    'a "cat", <b>|`',
    "日本 🎬",
    "plain",
]


def prompts_of(folder: Path, captions: list[str], **changed: Any) -> Path:
    """The prompts table of a corpus with these captions, twice each."""
    rows = [item(n, text) for n, text in enumerate([*captions, *captions])]
    tables.write_table(folder / "m.parquet", rows, tables.MANIFEST)
    sizes = {"evidence": ["caption"], "control": 3, "paraphrase": 4} | changed
    settings = {
        **Prompts.model_validate(sizes).model_dump(),
        "chunk_size": 8,
        "required": True,
        "imported_file": [1, 2],
    }
    write_prompts(folder / "m.parquet", None, settings, folder / "p.parquet", {})
    return folder / "p.parquet"


@pytest.fixture()
def exported(tmp_path: Path) -> Path:
    (tmp_path / "list.jsonl").write_text('{"prompt": "my own"}\n')
    table = prompts_of(tmp_path, [*HOSTILE, "Two cats playing at sunset"], imported=str(tmp_path / "list.jsonl"))
    export_prompts(table, tmp_path / "out")
    return tmp_path


def test_the_files_agree_and_hold_every_row(exported: Path) -> None:
    rows = tables.read_table(exported / "p.parquet").to_dicts()
    out = exported / "out"
    lines = [json.loads(line) for line in (out / "prompts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [{**r, "source_ids": json.loads(r["source_ids"])} for r in lines] == rows
    assert pl.read_parquet(out / "prompts.parquet").to_dicts() == lines
    with (out / "prompts.csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert [c["prompt_id"] for c in cells] == [r["prompt_id"] for r in rows]
    assert {p.name for p in out.iterdir()} == {*FILES, "README.md"}


def test_no_cell_of_the_csv_is_a_formula(exported: Path) -> None:
    with (exported / "out" / "prompts.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert '\'=HYPERLINK("http://x","y")' in cells
    assert "as a formula: 4 cells" in (exported / "out" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FILES)
def test_an_export_can_be_imported_again(exported: Path, name: str) -> None:
    texts = tables.read_table(exported / "p.parquet")["text"].to_list()
    assert read_prompt_list(exported / "out" / name) == texts and set(HOSTILE) <= set(texts)
    (exported / "again").mkdir()
    again = prompts_of(exported / "again", ["nothing alike"], imported=str(exported / "out" / name), control=0)
    imported = tables.read_table(again).filter(pl.col("set") == "imported")
    assert imported["text"].to_list() == texts


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(alphabet="=+-@'\"a, \n\r\tß", min_size=1, max_size=8), min_size=1, max_size=6))
def test_any_text_survives_the_round_trip(tmp_path: Path, texts: list[str]) -> None:
    wanted = sorted({normalise_text(text) for text in texts} - {""})
    rows = [{"prompt_id": prompt_id(t), "text": t, "set": "control", "source_ids": []} for t in wanted]
    tables.write_table(tmp_path / "p.parquet", rows, tables.PROMPTS)
    export_prompts(tmp_path / "p.parquet", tmp_path / "out")
    for name in FILES if wanted else ():
        assert read_prompt_list(tmp_path / "out" / name) == wanted


def test_the_card_tells_what_from_what_and_how_many(exported: Path) -> None:
    text = (exported / "out" / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["configs"][0]["data_files"] == "prompts.parquet"
    table = tables.read_table(exported / "p.parquet")
    for name, count in table.group_by("set").len().iter_rows():
        assert f"| `{name}` | {count} |" in text
    for name in FILES:
        assert hashlib.sha256((exported / "out" / name).read_bytes()).hexdigest() in text
    assert hashlib.sha256((exported / "m.parquet").read_bytes()).hexdigest() in text
    assert "vidmem's own, under its MIT licence" in text and "Captions belong to the corpus" in text
    assert str(exported) not in text, "a path of this machine"
    assert str(exported) not in json.dumps(tables.read_made_by(exported / "out" / "prompts.parquet"))


def test_the_card_knows_every_column_and_set() -> None:
    assert list(COLUMNS) == tables.PROMPTS.names
    audit = type("Audit", (), {"prompts": Prompts()})()
    assert set(SETS) == set(set_sizes(audit, 1))


def test_the_same_table_gives_the_same_bytes(exported: Path) -> None:
    export_prompts(exported / "p.parquet", exported / "more")
    for name in (*FILES, "README.md"):
        assert (exported / "more" / name).read_bytes() == (exported / "out" / name).read_bytes()


def test_the_command_says_in_one_line_what_is_wrong(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--prompts", str(exported / "p.parquet"), "--out", str(exported / "cli")]) == 0
    assert (exported / "cli" / "README.md").is_file()
    capsys.readouterr()
    assert main(["--prompts", str(exported / "m.parquet"), "--out", str(exported / "x")]) == 1
    assert main(["--prompts", str(exported / "list.jsonl"), "--out", str(exported / "x")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("vidmem: ") and "no table of prompts" in line for line in lines)
    assert not (exported / "x").exists()


def test_lists_need_a_text_column_and_texts(tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("caption\nA ship\n", encoding="utf-8")
    assert read_prompt_list(table) == ["A ship"]
    table.write_text("words\nA ship\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no column named prompt, caption, text; it has words"):
        read_prompt_list(table)
    table.write_text('prompt,x\n"",1\n', encoding="utf-8")
    with pytest.raises(ValueError, match="row 1 has an empty prompt"):
        read_prompt_list(table)
    table.write_text("prompt\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no rows"):
        read_prompt_list(table)
    lines = tmp_path / "p.txt"
    lines.write_text("\ufeffA ship\r\n\n  a  cat \n", encoding="utf-8")
    assert read_prompt_list(lines) == ["A ship", "a cat"]
    lines.write_bytes(b"caf\xe9\n")
    with pytest.raises(ValueError, match="not UTF-8 text"):
        read_prompt_list(lines)
    with pytest.raises(ValueError, match=r"prompts are read from .csv, .tsv, .parquet, .jsonl, .txt"):
        read_prompt_list(tmp_path / "p.docx")
