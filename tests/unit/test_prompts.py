"""Prompt curation from manifests: ranked by duplication, stable, and never a caption twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vidmem import tables
from vidmem.config.prompts import Prompts
from vidmem.prompts import curate, read_imported, write_prompts
from vidmem.text import prompt_id


def item(number: int, caption: str | None, same_as: int | None = None, status: str = "ok") -> dict[str, Any]:
    first = f"i{number if same_as is None else same_as}"
    return {"item_id": f"i{number}", "caption": caption, "same_as": first, "status": status}


CORPUS = [
    item(0, "a cat"),
    item(1, "a cat", same_as=0),
    item(2, "a  cat "),
    item(3, "a dog"),
    item(4, "a dog", same_as=3),
    item(5, "a bird"),
    item(6, None),
    item(7, "a broken file", status="skipped"),
]


def sets_of(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["set"], []).append(row["text"])
    return found


def test_duplicated_captions_come_first_most_frequent_first() -> None:
    rows = curate(CORPUS, [], [], Prompts())
    assert sets_of(rows) == {"video-duplicated": ["a cat", "a dog"], "random-train": ["a bird"]}
    cat = rows[0]
    assert (cat["duplicates"], cat["content_duplicates"], cat["source_ids"]) == (3, 2, ["i0", "i2"])


def test_controls_are_captions_that_the_corpus_lacks() -> None:
    heldout = [item(0, "a cat"), item(1, "a horse")]
    rows = curate(CORPUS, heldout, [], Prompts())
    control = [r for r in rows if r["set"] == "control"]
    assert [r["text"] for r in control] == ["a horse"]
    assert control[0]["duplicates"] == 0 and control[0]["source_ids"] == []


def test_an_imported_prompt_that_the_corpus_holds_keeps_its_evidence() -> None:
    rows = curate(CORPUS, [], ["a bird", "a ship", "a ship"], Prompts(random_train=0))
    imported = {r["text"]: r for r in rows if r["set"] == "imported"}
    assert sorted(imported) == ["a bird", "a ship"]
    assert imported["a bird"]["source_ids"] == ["i5"]
    assert imported["a ship"]["duplicates"] == 0


def test_a_larger_set_only_appends() -> None:
    corpus = [item(n, f"clip {n}") for n in range(50)]
    small = [r["text"] for r in curate(corpus, [], [], Prompts(random_train=10))]
    large = [r["text"] for r in curate(corpus, [], [], Prompts(random_train=30))]
    assert large[:10] == small
    more = [r["text"] for r in curate([*corpus, item(99, "clip 99")], [], [], Prompts(random_train=51))]
    assert [t for t in more if t != "clip 99"] == [r["text"] for r in curate(corpus, [], [], Prompts(random_train=51))]


def test_hostile_captions_stay_as_they_are() -> None:
    text = 'He said "no", <script>alert(1)</script> 🎬'
    assert curate([item(0, text)], [], [], Prompts())[0]["text"] == text


def test_chunks_hold_the_sets_in_order(tmp_path: Path) -> None:
    rows = [dict(item(n, f"clip {n}"), reason=None) for n in range(5)]
    tables.write_table(tmp_path / "m.parquet", rows, tables.MANIFEST)
    chunks = {f"random-train-{n:03d}": tmp_path / f"{n}.parquet" for n in range(3)}
    settings = {**Prompts().model_dump(), "chunk_size": 2, "required": True}
    write_prompts(tmp_path / "m.parquet", None, settings, tmp_path / "p.parquet", chunks)
    whole = tables.read_table(tmp_path / "p.parquet")["prompt_id"].to_list()
    parts = [tables.read_table(path)["prompt_id"].to_list() for path in chunks.values()]
    assert [len(p) for p in parts] == [2, 2, 1]
    assert [key for part in parts for key in part] == whole
    assert set(whole) == {prompt_id(f"clip {n}") for n in range(5)}


def test_no_prompts_at_all_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    tables.write_table(tmp_path / "m.parquet", [dict(item(0, None), reason=None)], tables.MANIFEST)
    settings = {**Prompts().model_dump(), "chunk_size": 2, "required": True}
    with pytest.raises(ValueError, match=r"give a captions table \(corpus.captions\)"):
        write_prompts(tmp_path / "m.parquet", None, settings, tmp_path / "p.parquet", {})
    write_prompts(tmp_path / "m.parquet", None, {**settings, "required": False}, tmp_path / "p.parquet", {})
    assert tables.read_table(tmp_path / "p.parquet").is_empty()


def test_imported_tables_need_a_text_column_and_text(tmp_path: Path) -> None:
    table = tmp_path / "p.csv"
    table.write_text("caption\nA ship\n", encoding="utf-8")
    assert read_imported(table) == ["A ship"]
    table.write_text("words\nA ship\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no column named prompt, caption, text; it has words"):
        read_imported(table)
    table.write_text('prompt,x\n"",1\n', encoding="utf-8")
    with pytest.raises(ValueError, match="row 1 has an empty prompt"):
        read_imported(table)
    table.write_text("prompt\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no rows"):
        read_imported(table)
