"""Tables that people hand us: read verbatim, or refused with one line that says where."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem import userfiles
from vidmem.userfiles import read_user_table

NASTY = 'She said "hi",\nthen 🎬 <script>alert(1)</script>\tend; 名前'
ROWS: list[dict[str, Any]] = [
    {"path": "a.mp4", "caption": NASTY},
    {"path": "b, c.mp4", "caption": None},
    {"path": "ü.mp4", "caption": " spaces kept "},
]


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("suffix", userfiles.TABLE_SUFFIXES)
def test_every_kind_of_table_keeps_text_verbatim(tmp_path: Path, suffix: str) -> None:
    assert read_user_table(_write(tmp_path / f"captions{suffix}", ROWS)) == ROWS


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), min_size=1, max_size=5))
def test_csv_round_trips_any_text(tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]) -> None:
    cells = [tuple(c.replace("\x00", "").replace("\r", "") for c in pair) for pair in cells]
    rows = [{"path": a or "x", "caption": b} for a, b in cells]
    path = tmp_path_factory.mktemp("csv") / "captions.csv"
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
        try:
            writer = csv.DictWriter(file, ["path", "caption"])
            writer.writeheader()
            writer.writerows(rows)
        except UnicodeEncodeError:
            return
    assert read_user_table(path) == [{"path": r["path"], "caption": r["caption"] or None} for r in rows]


def test_spreadsheet_mark_and_blank_lines_are_no_data(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfpath,caption\r\na.mp4,one\r\n\r\nb.mp4\r\n")
    assert read_user_table(tmp_path / "t.csv") == [
        {"path": "a.mp4", "caption": "one"},
        {"path": "b.mp4", "caption": None},
    ]


def test_numbers_become_text(tmp_path: Path) -> None:
    path = _write(tmp_path / "t.parquet", [{"path": "a.mp4", "seed": 3, "score": 0.5}])
    assert read_user_table(path) == [{"path": "a.mp4", "seed": "3", "score": "0.5"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"path,caption\na.mp4,one, two\n", "line 2 has 3 cells, the header 2"),
        ("t.csv", b"path,path\na,b\n", "the column 'path' stands twice"),
        ("t.csv", b'path,caption\na.mp4,"never closed\n', "line 2: unexpected end of data"),
        ("t.csv", b"path,caption\na.mp4,\xff\xfe\n", "not UTF-8 text"),
        ("t.csv", b"path,caption\na.mp4," + b"x" * 1_100_000, "field larger than field limit"),
        ("t.jsonl", b'{"path": "a"}\n{oops\n', "line 2 is not JSON"),
        ("t.jsonl", b"[1, 2]\n", "line 1 is no object"),
        ("t.jsonl", b'{"path": {"a": 1}}\n', "row 1, column 'path' holds a dict"),
        ("t.parquet", b"PAR1 this is not parquet", "not readable as Parquet"),
        ("t.xlsx", b"", "tables are read from .csv, .tsv, .parquet, .jsonl"),
    ],
)
def test_bad_table_is_refused_with_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_user_table(tmp_path / name)
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.csv: No such file"):
        read_user_table(tmp_path / "none.csv")


def test_empty_table_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("")
    assert read_user_table(tmp_path / "t.csv") == []
