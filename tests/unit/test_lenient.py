"""Tables read to their end: sound ones as ever, faulty rows with their reason, text in whatever encoding it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.encoding import decode, guess_encoding, read_lines
from vidmem.lenient import TableRow, iter_lenient_table
from vidmem.userfiles import read_user_table

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=20)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(CELLS.filter(bool), CELLS), min_size=1, max_size=6), st.sampled_from([".csv", ".tsv", ".jsonl"])
)
def test_a_sound_table_is_read_as_strictly_as_ever(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]], suffix: str
) -> None:
    path = tmp_path_factory.mktemp("tables") / f"t{suffix}"
    with path.open("w", newline="", encoding="utf-8") as file:
        if suffix == ".jsonl":
            file.writelines(json.dumps({"path": a, "caption": b}) + "\n" for a, b in pairs)
        else:
            csv.writer(file, delimiter="\t" if suffix == ".tsv" else ",").writerows([("path", "caption"), *pairs])
    assert list(iter_lenient_table(path)) == [TableRow(row) for row in read_user_table(path)]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Ein kleines Café in Zürich, schöne Aussicht, ein Mann läuft über die Straße"),
        ("cp1252", "naïve “quoted” – café"),
        ("cp1251", "Пожилой мужчина идет по улице"),
        ("cp932", "東京の夜の街を歩く人々"),
        ("gb18030", "城市的夜景和行人在街道上行走"),
    ],
)
def test_the_encoding_is_told_from_the_bytes(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    assert guess_encoding(data) == encoding
    assert decode(data) == (text, encoding)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b"")), max_size=8))
def test_any_bytes_have_as_many_lines_as_they_hold(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "t.txt"
    data = b"x" + b"".join(line + b"\n" for line in lines)  # the x keeps it from looking like UTF-16
    path.write_bytes(data)
    found = list(read_lines(path))
    assert len(found) == data.count(b"\n") + (not data.endswith(b"\n"))
    for raw, (text, encoding) in zip(data.split(b"\n"), found, strict=False):
        if encoding is None:
            assert text.rstrip("\n").encode() == raw


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_quote_that_is_never_closed_costs_its_own_line(tmp_path: Path, encoding: str) -> None:
    text = 'path,caption\na.mp4,"two\nlines"\nb.mp4,"open\nc.mp4,café à la crème\n\nd.mp4,last\n'
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    rows = list(iter_lenient_table(tmp_path / "t.csv"))
    assert [r.problem for r in rows] == [None, "line 4: unexpected end of data", None, None]
    captions = [r.cells.get("caption") for r in rows]
    assert captions == ["two\nlines", None, "café à la crème", "last"]
    assert [r.note for r in rows] == [None, None, None if encoding == "utf-8" else "not UTF-8: read as cp1252", None]


def test_json_that_is_none_costs_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"path": "a"}\n{oops\n[1]\n{"path": {"deep": 1}}\n{"path": "b"}\n')
    rows = list(iter_lenient_table(tmp_path / "t.jsonl"))
    assert [r.cells for r in rows if r.problem is None] == [{"path": "a"}, {"path": "b"}]
    assert [r.problem.split(" is ")[0] for r in rows if r.problem] == ["line 2", "line 3", "line 4"]


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx", "t.parquet"])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"path,path\n1,2\n")
    with pytest.raises(ValueError, match=r"stands twice|tables are read from|not readable as Parquet"):
        list(iter_lenient_table(tmp_path / name))
