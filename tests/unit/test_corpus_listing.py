"""Several corpora joined, faults of tables and captions, chunks, and what is the same file among millions of rows."""

from __future__ import annotations

from pathlib import Path

import corpusfiles
import numpy as np
import pytest
from corpusfiles import clip_bytes, image_bytes, sample, write_tar
from hypothesis import given
from hypothesis import strategies as st

from vidmem import tables
from vidmem.config.corpus import FolderSource, WebDatasetSource
from vidmem.config.media import Limits
from vidmem.corpus import write_listing, write_manifest, write_probed
from vidmem.corpus.caption import LONG_CHARS, clean_caption
from vidmem.corpus.manifest import first_of_bytes
from vidmem.corpus.probe import share
from vidmem.userfiles import media_path


def folder(root: Path, captions: bytes, *files: str) -> dict[str, object]:
    root.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(files):
        (root / name).write_bytes(image_bytes(number) if name.endswith(".jpg") else clip_bytes(number))
    (root / "captions.csv").write_bytes(captions)
    return FolderSource(kind="folder", folder=str(root)).model_dump()


def test_joined_corpora_keep_their_names_and_share_what_is_the_same(tmp_path: Path) -> None:
    write_tar(tmp_path / "tars/00.tar", [*sample("a.mp4", "in a tar", 0), *sample("x", "own", 7)])
    sources = {
        "films": folder(tmp_path / "films", b"path,caption\na.mp4,in a folder\n", "a.mp4", "b.mp4"),
        "tars": WebDatasetSource(kind="webdataset", folder=str(tmp_path / "tars")).model_dump(),
        "stills": folder(tmp_path / "stills", b"path,caption\na.mp4,\n", "a.jpg", "a.mp4"),
    }
    rows = corpusfiles.manifest(sources, tmp_path / "out")
    assert {k: (r["corpus"], r["same_as"], r["kind"]) for k, r in rows.items()} == {
        "films/a.mp4": ("films", "films/a.mp4", "video"),
        "films/b.mp4": ("films", "films/b.mp4", "video"),
        "tars/00/a": ("tars", "films/a.mp4", "video"),
        "tars/00/x": ("tars", "tars/00/x", "video"),
        "stills/a.mp4": ("stills", "films/b.mp4", "video"),
        "stills/a.jpg": ("stills", "stills/a.jpg", "image"),
    }


def test_paths_are_looked_up_in_their_own_corpus(tmp_path: Path) -> None:
    roots = {"one": tmp_path / "1", "two": tmp_path / "2"}
    assert media_path(roots, "two", "a.mp4") == tmp_path / "2" / "a.mp4"
    assert media_path(tmp_path, None, "a.mp4") == tmp_path / "a.mp4"
    with pytest.raises(ValueError, match="no folder is known of the corpus 'three'"):
        media_path(roots, "three", "a.mp4")
    with pytest.raises(ValueError, match="path leaves the folder"):
        media_path(roots, "one", "../2/a.mp4")


def test_a_table_in_another_encoding_is_decoded_and_that_is_said(tmp_path: Path) -> None:
    text = "path,caption\na.mp4,Пожилой мужчина идет по улице\nb.mp4,Дети играют в парке у реки\nc.mp4,plain\n"
    source = folder(tmp_path / "f", text.encode("cp1251"), "a.mp4", "b.mp4", "c.mp4")
    rows = corpusfiles.manifest({"f": source}, tmp_path / "out")
    assert [r["caption"] for r in rows.values()] == [
        "Пожилой мужчина идет по улице",
        "Дети играют в парке у реки",
        "plain",
    ]
    assert [r["reason"] for r in rows.values()] == ["not UTF-8: read as cp1251"] * 2 + [None]
    assert {r["status"] for r in rows.values()} == {"ok"}


def test_lines_of_two_encodings_in_one_table_are_both_read(tmp_path: Path) -> None:
    table = "path,caption\na.mp4,東京の夜 é\n".encode() + "b.mp4,Café crème à la française\n".encode("latin-1")
    rows = corpusfiles.manifest({"f": folder(tmp_path / "f", table, "a.mp4", "b.mp4")}, tmp_path / "out")
    assert [r["caption"] for r in rows.values()] == ["東京の夜 é", "Café crème à la française"]


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig"])
def test_marked_encodings_are_read_as_such(tmp_path: Path, codec: str) -> None:
    table = 'path,caption\na.mp4,"two\nlines, é"\n'.encode(codec)
    rows = corpusfiles.manifest({"f": folder(tmp_path / "f", table, "a.mp4")}, tmp_path / "out")
    assert rows["f/a.mp4"]["caption"] == "two\nlines, é"
    assert rows["f/a.mp4"]["reason"] == ("not UTF-8: read as utf-16" if codec == "utf-16" else None)


def test_mojibake_is_repaired_and_long_captions_are_kept_whole(tmp_path: Path) -> None:
    long = "word " * 20_000 + "end"
    table = f"path,caption\na.mp4,â€œcafÃ©â€\x9d in ZÃ¼rich\nb.mp4,{long}\n".encode()
    rows = corpusfiles.manifest({"f": folder(tmp_path / "f", table, "a.mp4", "b.mp4")}, tmp_path / "out")
    assert rows["f/a.mp4"]["caption"] == "“café” in Zürich"
    assert rows["f/a.mp4"]["reason"] == "mojibake in the caption repaired"
    assert rows["f/b.mp4"]["caption"] == long
    assert rows["f/b.mp4"]["reason"] == "caption of 100003 characters, kept whole"
    assert {r["status"] for r in rows.values()} == {"ok"}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=LONG_CHARS))
def test_captions_change_only_where_that_is_said(text: str) -> None:
    kept, note = clean_caption(text)
    assert kept == text or note is not None
    assert text.isascii() <= (kept == text)


def test_what_is_no_text_is_replaced_and_said() -> None:
    assert clean_caption("a\x00b\ud800c é") == (
        "a\ufffdb\ufffdc é",
        "characters of the caption that are no text replaced",
    )
    assert clean_caption(None) == (None, None)


def test_file_names_that_are_no_text_are_rows_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "sound.mp4").write_bytes(clip_bytes())
    (tmp_path / "f" / "od\udcff.mp4").write_bytes(clip_bytes())
    rows = corpusfiles.manifest({"f": FolderSource(kind="folder", folder=str(tmp_path / "f")).model_dump()}, tmp_path)
    assert rows["f/od?.mp4"]["reason"] == "the file's name is not UTF-8"
    assert rows["f/sound.mp4"]["status"] == "ok"


def test_chunks_give_the_manifest_that_one_job_gives(tmp_path: Path) -> None:
    files = [f"{n}.mp4" for n in range(7)]
    source = folder(tmp_path / "f", b"path,caption\n0.mp4,a\n3.mp4,b\n0.mp4,c\n", *files)
    (tmp_path / "f" / "9.mp4").write_bytes(clip_bytes(2))
    write_listing({"f": source}, False, tmp_path / "listing.parquet")
    for chunks in (1, 3, 20):
        parts = [tmp_path / f"{chunks}-{n}.parquet" for n in range(chunks)]
        for n, part in enumerate(parts):
            write_probed(tmp_path / "listing.parquet", n, chunks, tmp_path / "f", Limits(), part)
        write_manifest(parts, 0.5, tmp_path / f"{chunks}.parquet")
    one = (tmp_path / "1.parquet").read_bytes()
    assert one == (tmp_path / "3.parquet").read_bytes() == (tmp_path / "20.parquet").read_bytes()
    rows = tables.read_table(tmp_path / "1.parquet")
    assert rows["same_as"].to_list() == [
        "0.mp4",
        "3.mp4",
        "0.mp4",
        "1.mp4",
        "2.mp4",
        "4.mp4",
        "5.mp4",
        "6.mp4",
        "2.mp4",
    ]


@given(st.integers(0, 200), st.integers(1, 50))
def test_shares_cover_all_rows_once(rows: int, chunks: int) -> None:
    found = [n for chunk in range(chunks) for n in range(*share(rows, chunk, chunks))]
    assert found == list(range(rows))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=30))
def test_first_of_bytes_is_what_a_dict_finds(pairs: list[tuple[int, int]]) -> None:
    met: dict[tuple[int, int], int] = {}
    expected = [met.setdefault(pair, n) if any(pair) else -1 for n, pair in enumerate(pairs)]
    assert first_of_bytes(np.array(pairs, np.uint64).reshape(-1, 2)).tolist() == expected


def test_ids_stay_apart_when_every_row_says_the_same_id(tmp_path: Path) -> None:
    table = "item_id,path,caption\n" + "".join(f"x,{n % 2}.mp4,caption {n}\n" for n in range(300))
    rows = corpusfiles.manifest({"f": folder(tmp_path / "f", table.encode(), "0.mp4", "1.mp4")}, tmp_path / "out")
    assert list(rows) == ["f/x", *(f"f/x#{n}" for n in range(2, 301))]
    assert {r["status"] for r in rows.values()} == {"ok"}
    assert [r["caption"] for r in rows.values()] == [f"caption {n}" for n in range(300)]
