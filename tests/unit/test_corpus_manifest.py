"""From a folder and a captions table to the manifest: every item is there, used or skipped with its reason."""

from __future__ import annotations

import csv
import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

import mediafiles
import pytest

from vidmem import tables
from vidmem.config.corpus import FolderSource
from vidmem.config.media import Limits
from vidmem.corpus import make_manifest

NASTY = 'She said "hi",\nthen 🎬 <script>alert(1)</script>'


def _captions(folder: Path, rows: list[tuple[str, ...]], header: str = "item_id,path,caption") -> Path:
    path = folder / "captions.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def _sources(folder: Path, captions: Path | None = None, **columns: str) -> dict[str, dict[str, Any]]:
    source = FolderSource(kind="folder", folder=str(folder), captions=captions and str(captions), columns=columns)
    return {"corpus": source.model_dump()}


def _read(folder: Path, captions: Path | None = None, **columns: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as aside:
        out = Path(aside) / "manifest.parquet"
        make_manifest(_sources(folder, captions, **columns), folder, Limits(), 1.0, out)
        return tables.read_table(out).to_dicts()


def _by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    assert len({r["item_id"] for r in rows}) == len(rows)
    return {r["item_id"]: r for r in rows}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good clips and one that can't be read."""
    folder = tmp_path_factory.mktemp("clips")
    mediafiles.write(folder / "a.mp4", mediafiles.drifting(6, seed=1))
    mediafiles.write(folder / "sub/b.mkv", mediafiles.drifting(8, seed=2))
    mediafiles.truncated(folder / "cut.mp4")
    return folder


def _copy(clips: Path, to: Path) -> Path:
    for path in clips.rglob("*.m*"):
        (to / path.relative_to(clips)).parent.mkdir(parents=True, exist_ok=True)
        (to / path.relative_to(clips)).write_bytes(path.read_bytes())
    return to


def test_folder_without_a_table_lists_its_files(clips: Path) -> None:
    rows = _read(clips)
    assert [r["item_id"] for r in rows] == ["a.mp4", "cut.mp4", "sub/b.mkv"]
    a, cut, b = rows
    assert (a["kind"], a["fps"], a["frames"], a["width"], a["height"]) == ("video", 10.0, 6, 64, 48)
    assert a["sha256"] == hashlib.sha256((clips / "a.mp4").read_bytes()).hexdigest()
    assert a["caption"] is None
    assert (b["path"], b["frames"], b["status"]) == ("sub/b.mkv", 8, "ok")
    assert cut["status"] == "skipped"
    assert cut["reason"].startswith("truncated: ")


def test_rows_keep_the_tables_order_and_files_without_a_row_follow(clips: Path, tmp_path: Path) -> None:
    folder = _copy(clips, tmp_path)
    _captions(folder, [("z", "sub/b.mkv", NASTY), ("y", "./sub/../sub/b.mkv", "again"), ("x", "a.mp4", "")])
    rows = _read(folder)
    assert [r["item_id"] for r in rows] == ["z", "y", "x", "cut.mp4"]
    assert [r["path"] for r in rows] == ["sub/b.mkv", "sub/b.mkv", "a.mp4", "cut.mp4"]
    assert [r["caption"] for r in rows] == [NASTY, "again", None, None]
    assert [r.get("same_as") for r in rows] == ["z", "z", "x", None]


def test_same_bytes_under_other_names_are_the_same_clip(clips: Path, tmp_path: Path) -> None:
    folder = _copy(clips, tmp_path)
    (folder / "copy.mp4").write_bytes((folder / "a.mp4").read_bytes())
    rows = _by_id(_read(folder))
    assert rows["copy.mp4"]["same_as"] == rows["a.mp4"]["same_as"] == "a.mp4"


@pytest.mark.parametrize("name", mediafiles.unreadable_files())
def test_bad_file_is_skipped_and_nothing_else_is_lost(clips: Path, tmp_path: Path, name: str) -> None:
    make, reason = mediafiles.unreadable_files()[name]
    folder = tmp_path / "corpus"
    mediafiles.write(folder / "good.mp4", mediafiles.drifting(5))
    make(folder / name)
    _captions(folder, [("bad", name, "a caption"), ("good", "good.mp4", "another")])
    bad, good = _read(folder)
    assert bad["status"] == "skipped"
    assert re.search(reason, bad["reason"])
    assert (bad["caption"], bad.get("frames"), bad.get("same_as")) == ("a caption", None, None)
    assert (good["status"], good["same_as"]) == ("ok", "good")


@pytest.mark.parametrize("make", ["one_frame", "all_black", "odd_sides", "variable_rate", "turned"])
def test_odd_file_is_an_item(tmp_path: Path, make: str) -> None:
    getattr(mediafiles, make)(tmp_path / "odd.mp4")
    (row,) = _read(tmp_path)
    assert (row["status"], row["reason"]) == ("ok", None)


def test_bad_ids_and_paths_are_skipped_with_their_reason(clips: Path, tmp_path: Path) -> None:
    folder = _copy(clips, tmp_path / "corpus")
    mediafiles.write(tmp_path / "secret.mp4", mediafiles.drifting(5))
    _captions(
        folder,
        [
            ("one", "a.mp4", "first"),
            ("one", "sub/b.mkv", "second"),
            ("one", "a.mp4", "third"),
            ("two", "../secret.mp4", "escape"),
            ("three", str(tmp_path / "secret.mp4"), "absolute"),
            ("../four", "a.mp4", "bad id"),
            ("five", "nothing.mp4", "missing"),
            ("six", "", "no path"),
        ],
    )
    rows = _by_id(_read(folder))
    assert {k: r["reason"] for k, r in rows.items() if k != "cut.mp4"} == {
        "one": None,
        "one#2": "duplicate id: another file of 'one'",
        "one#3": "duplicate id: another caption of 'one'",
        "two": "path leaves the folder",
        "three": "path leaves the folder",
        "../four": "id holds '../'",
        "five": "file not found",
        "six": "no path",
    }
    assert rows["two"]["path"] is None
    assert {k for k, r in rows.items() if r["status"] == "ok"} == {"one", "one#2", "one#3"}
    assert (rows["one#3"]["caption"], rows["one#3"]["same_as"]) == ("third", "one")


def test_path_is_the_id_where_there_is_none(clips: Path, tmp_path: Path) -> None:
    folder = _copy(clips, tmp_path)
    _captions(folder, [("a.mp4", "one"), ("../x.mp4", "two")], header="path,caption")
    rows = _by_id(_read(folder))
    assert rows["a.mp4"]["caption"] == "one"
    assert rows["../x.mp4"]["reason"] == "path leaves the folder"


def test_columns_may_bear_other_names(clips: Path, tmp_path: Path) -> None:
    folder = _copy(clips, tmp_path)
    table = _captions(folder, [("1", "a.mp4", "words")], header="videoid,file,name").rename(tmp_path / "other.csv")
    rows = _by_id(_read(folder, table, path="file", caption="name", id="videoid"))
    assert rows["1"]["caption"] == "words"


def test_json_lines_may_leave_the_caption_out(clips: Path, tmp_path: Path) -> None:
    folder = _copy(clips, tmp_path)
    (folder / "captions.jsonl").write_text('{"path": "a.mp4"}\n{"path": "sub/b.mkv", "caption": "words"}\n')
    rows = _by_id(_read(folder))
    assert (rows["a.mp4"]["caption"], rows["sub/b.mkv"]["caption"]) == (None, "words")


def test_unusable_table_stops_with_one_clear_line(clips: Path, tmp_path: Path) -> None:
    folder = _copy(clips, tmp_path)
    with pytest.raises(ValueError, match=r"captions\.csv: the captions table has no rows$"):
        _read(folder, _captions(folder, []))
    with pytest.raises(ValueError, match=r"no column 'caption'; there are 'path', 'text'.*columns\.caption"):
        _read(folder, _captions(folder, [("a.mp4", "x")], header="path,text"))
    with pytest.raises(ValueError, match="no such folder"):
        _read(tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="no video or image in this folder"):
        _read(tmp_path / "bare")


def test_manifest_is_written_byte_identically(clips: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_manifest(_sources(clips), clips, Limits(), 0.5, tmp_path / f"{name}.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    frame = tables.read_table(tmp_path / "one.parquet")
    assert frame["item_id"].to_list() == ["a.mp4", "cut.mp4", "sub/b.mkv"]
    assert tables.read_made_by(tmp_path / "one.parquet")["decoder"].startswith("PyAV ")


def test_too_many_skipped_items_fail_the_stage_by_name(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(tables.TooManyLost, match=r"stage corpus: 1 of 3 rows are not ok.*truncated"):
        make_manifest(_sources(clips), clips, Limits(), 0.05, tmp_path / "corpus.parquet")
    assert tables.read_table(tmp_path / "corpus.parquet").height == 3  # for looking at what was lost


def test_mended_file_is_the_only_thing_that_changes(clips: Path, tmp_path: Path) -> None:
    folder = _copy(clips, tmp_path)
    before = _by_id(_read(folder))
    mediafiles.write(folder / "cut.mp4", mediafiles.drifting(4, seed=9))
    after = _by_id(_read(folder))
    assert after["cut.mp4"]["status"] == "ok"
    assert {k for k in after if after[k] != before[k]} == {"cut.mp4"}
