"""WebVid's table over a folder of the videos that were fetched, in the layouts that people have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import corpusfiles
import pytest
from corpusfiles import clip_bytes

from vidmem.config.corpus import WebVidSource

HEADER = "videoid,contentUrl,duration,page_dir,name\n"


def world(tmp_path: Path, rows: list[tuple[str, str, str]], *files: str, header: str = HEADER) -> WebVidSource:
    """A table of (videoid, page_dir, name), and clips at these paths."""
    (tmp_path / "v").mkdir()
    for number, name in enumerate(files):
        (tmp_path / "v" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "v" / name).write_bytes(clip_bytes(number))
    lines = [f"{video},https://example.org/{video}.mp4,PT00H00M15S,{page},{name}\n" for video, page, name in rows]
    (tmp_path / "table.csv").write_text(header + "".join(lines), encoding="utf-8")
    return WebVidSource(kind="webvid", folder=str(tmp_path / "v"), table=str(tmp_path / "table.csv"))


def read(source: WebVidSource, tmp_path: Path) -> dict[str, dict[str, Any]]:
    return corpusfiles.manifest({"webvid": source.model_dump()}, tmp_path / "out")


@pytest.mark.parametrize(
    "layout",
    ["{page}/{video}.mp4", "{video}.mp4", "videos/{page}/{video}.mp4", "part0/{video}.mp4", "x/part1/{video}.mp4"],
)
def test_videos_are_found_in_every_layout(tmp_path: Path, layout: str) -> None:
    rows = [("101", "000001_000050", "a red car"), ("102", "000051_000100", "a blue car")]
    files = [layout.format(page=page, video=video) for video, page, _ in rows]
    found = read(world(tmp_path, rows, *files), tmp_path)
    assert [(r["path"], r["caption"], r["status"]) for r in found.values()] == [
        (files[0], "a red car", "ok"),
        (files[1], "a blue car", "ok"),
    ]
    assert list(found) == ["webvid/101", "webvid/102"]


def test_files_may_be_spread_over_parts(tmp_path: Path) -> None:
    rows = [("1", "000001_000050", "one"), ("2", "000001_000050", "two"), ("3", "000001_000050", "three")]
    files = ["part0/000001_000050/1.mp4", "part1/000001_000050/2.mp4", "part0/000001_000050/3.mp4"]
    assert [r["path"] for r in read(world(tmp_path, rows, *files), tmp_path).values()] == files


def test_missing_files_are_rows_with_a_reason_and_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("1", "000001_000050", "here"), ("2", "000001_000050", "gone"), ("3", "", "gone as well")]
    found = read(world(tmp_path, rows, "000001_000050/1.mp4"), tmp_path)
    assert [(r["status"], r["reason"], r["path"]) for r in found.values()] == [
        ("ok", None, "000001_000050/1.mp4"),
        ("skipped", "file not found", "000001_000050/2.mp4"),
        ("skipped", "file not found", "3.mp4"),
    ]
    assert "webvid: 2 skipped: file not found" in capsys.readouterr().err


def test_rows_that_lead_outside_are_refused(tmp_path: Path) -> None:
    rows = [
        ("../secret", "000001_000050", "one"),
        ("secret", "..", "two"),
        ("secret", "/etc", "three"),
        ("a/b", "", "four"),
    ]
    source = world(tmp_path, rows, "1.mp4")
    (tmp_path / "secret.mp4").write_bytes(clip_bytes(5))
    found = read(source, tmp_path)
    assert len(found) == 4 and {r["path"] for r in found.values()} == {None}
    assert {r["status"] for r in found.values()} == {"skipped"}


def test_garbage_rows_cost_nothing_but_themselves(tmp_path: Path) -> None:
    rows = [("1", "", "one"), ("2", "", "two, and more"), ("", "", "no id"), ("3", "", "three")]
    source = world(tmp_path, rows, "1.mp4", "2.mp4", "3.mp4")
    with (tmp_path / "table.csv").open("ab") as table:
        table.write(b'4,u,d,,"torn"quote\n\n\n5\n\x00\xff\xfe,\xff\n')
    found = read(source, tmp_path)
    assert [r["item_id"] for r in found.values() if r["status"] == "ok"] == ["webvid/1", "webvid/3"]
    assert found["webvid/2"]["reason"].startswith("line 3 has 6 cells, the header 5")
    assert found["webvid/row 3"]["reason"] == "no videoid"
    assert found["webvid/row 5"]["reason"].startswith("line 6: ',' expected after '\"'")
    assert found["webvid/5"]["reason"] == "file not found"
    assert len(found) == 7


def test_an_id_with_two_captions_is_two_rows_on_one_file(tmp_path: Path) -> None:
    rows = [("1", "", "one"), ("1", "", "another"), ("1", "", "one")]
    found = read(world(tmp_path, rows, "1.mp4"), tmp_path)
    assert [(r["item_id"], r["caption"], r["status"], r["same_as"]) for r in found.values()] == [
        ("webvid/1", "one", "ok", "webvid/1"),
        ("webvid/1#2", "another", "ok", "webvid/1"),
        ("webvid/1#3", "one", "skipped", None),
    ]
    assert found["webvid/1#3"]["reason"] == "duplicate id: the same row again of 'webvid/1'"


def test_an_id_that_looks_like_a_number_given_to_a_repeat_keeps_its_own(tmp_path: Path) -> None:
    rows = [("1", "", "one"), ("1", "", "another"), ("1#2", "", "third")]
    found = read(world(tmp_path, rows, "1.mp4", "1#2.mp4"), tmp_path)
    assert {k: r["caption"] for k, r in found.items()} == {
        "webvid/1": "one",
        "webvid/1#3": "another",
        "webvid/1#2": "third",
    }


def test_a_table_without_the_columns_is_refused_with_one_line(tmp_path: Path) -> None:
    source = world(tmp_path, [("1", "", "one")], header="id,contentUrl,duration,page_dir,name\n")
    with pytest.raises(ValueError, match=r"no column 'videoid'; there are 'id'.*Name it in the config: id"):
        read(source, tmp_path)
