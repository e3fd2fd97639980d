"""Tars as video2dataset and img2dataset write them: read where they lie, cut short, repeated, with hostile members."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import corpusfiles
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpusfiles import clip_bytes, image_bytes, sample, write_tar
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.config.corpus import WebDatasetSource
from vidmem.config.media import Limits
from vidmem.corpus.readers.tar import members
from vidmem.media import MediaRef, probe


def read(folder: Path, tmp_path: Path, **keys: Any) -> corpusfiles.Rows:
    source = WebDatasetSource(kind="webdataset", folder=str(folder), **keys)
    return corpusfiles.manifest({"w": source.model_dump()}, tmp_path / "out")


def test_samples_are_items_whose_bytes_lie_in_the_tar(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "t/00000.tar", [*sample("000", "one", 1), *sample("001", "two", 2)])
    rows = read(tmp_path / "t", tmp_path)
    assert [(r["item_id"], r["caption"], r["status"]) for r in rows.values()] == [
        ("w/00000/000", "one", "ok"),
        ("w/00000/001", "two", "ok"),
    ]
    row = rows["w/00000/001"]
    assert (row["corpus"], row["path"], row["kind"], row["frames"]) == ("w", "00000.tar", "video", 5)
    assert path.read_bytes()[row["offset"] : row["offset"] + row["size"]] == clip_bytes(2)
    assert row["sha256"] == hashlib.sha256(clip_bytes(2)).hexdigest()
    assert [p.name for p in tmp_path.glob("t/*")] == ["00000.tar"]  # nothing was unpacked


def test_images_in_a_tar_are_videos_of_one_frame(tmp_path: Path) -> None:
    write_tar(tmp_path / "t/00000.tar", [("7.jpg", image_bytes()), ("7.txt", b"a still"), ("8.jpg", image_bytes(1))])
    rows = read(tmp_path / "t", tmp_path)
    assert [(r["kind"], r["frames"], r["caption"]) for r in rows.values()] == [
        ("image", 1, "a still"),
        ("image", 1, None),
    ]


def test_a_picture_beside_a_video_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    write_tar(tmp_path / "t/a.tar", [*sample("1", "one"), ("1.jpg", image_bytes())])
    (row,) = read(tmp_path / "t", tmp_path).values()
    assert (row["kind"], row["status"]) == ("video", "ok")
    assert row["reason"] == ".jpg of the sample: left out, for it has a video"


def test_captions_come_from_txt_then_json_then_the_table_beside(tmp_path: Path) -> None:
    write_tar(
        tmp_path / "t/a.tar", [*sample("1", "txt", 1), *sample("2", None, 2, caption="json"), *sample("3", None, 3)]
    )
    rows = [{"key": k, "caption": f"table {k}", "status": "success", "error_message": None} for k in "123"]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t/a.parquet")
    found = read(tmp_path / "t", tmp_path)
    assert [found[f"w/a/{k}"]["caption"] for k in "123"] == ["txt", "json", "table 3"]


def test_a_second_caption_is_a_row_of_its_own_on_the_same_bytes(tmp_path: Path) -> None:
    write_tar(tmp_path / "t/a.tar", sample("1", "first", caption=["first", "second", "third"]))
    rows = read(tmp_path / "t", tmp_path)
    assert {k: r["caption"] for k, r in rows.items()} == {"w/a/1": "first", "w/a/1#2": "second", "w/a/1#3": "third"}
    assert {r["same_as"] for r in rows.values()} == {"w/a/1"}
    assert {r["status"] for r in rows.values()} == {"ok"}
    assert rows["w/a/1#2"]["reason"] == "duplicate id: another caption of 'w/a/1'"
    assert len({(r["offset"], r["size"]) for r in rows.values()}) == 1


def test_keys_that_repeat_across_and_inside_shards_stay_apart(tmp_path: Path) -> None:
    for shard in ("00000", "00001"):
        write_tar(tmp_path / f"t/{shard}.tar", [*sample("1", shard, 1), *sample("2", "x", 2), *sample("1", "again", 3)])
    rows = read(tmp_path / "t", tmp_path)
    assert len(rows) == 6 and {r["status"] for r in rows.values()} == {"ok"}
    assert rows["w/00001/1"]["caption"] == "00001"
    assert rows["w/00001/1#2"]["reason"] == "duplicate id: another file of 'w/00001/1'"
    assert rows["w/00001/1"]["same_as"] == "w/00000/1" and rows["w/00001/1#2"]["same_as"] == "w/00000/1#2"


@pytest.mark.parametrize(
    "keep", ["inside the second video", "inside a text", "inside a header", "at the end of a file"]
)
def test_a_tar_cut_short_keeps_its_whole_members_and_names_the_rest(tmp_path: Path, keep: str) -> None:
    path = write_tar(tmp_path / "t/a.tar", [*sample("1", "one", 1), *sample("2", "two", 2)])
    found = {m.name: m for m in members(path)}
    second, text = found["2.mp4"], found["2.txt"]
    cut, rest = {
        "inside the second video": (second.offset + 100, "w/a/2.mp4"),
        "inside a text": (text.offset + 1, "w/a/2.txt"),
        "inside a header": (second.offset - 300, "w/a"),
        "at the end of a file": (second.offset - 512, "w/a"),
    }[keep]
    path.write_bytes(path.read_bytes()[:cut])
    rows = read(tmp_path / "t", tmp_path)
    assert rows["w/a/1"]["status"] == "ok" and rows["w/a/1"]["caption"] == "one"
    assert rows[rest]["status"] == "skipped" and "cut short" in rows[rest]["reason"]
    assert len(rows) == (3 if keep == "inside a text" else 2)


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(0, 6000))
def test_wherever_a_tar_is_cut_whole_members_are_kept_and_a_row_says_so(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = write_tar(tmp_path_factory.mktemp("cut") / "a.tar", [(f"{n}.txt", b"x" * 700) for n in range(3)])
    whole = list(members(path))
    path.write_bytes(path.read_bytes()[:cut])
    left = list(members(path))
    sound = [m for m in left if m.problem is None]
    assert sound == whole[: len(sound)] and all(m.offset + m.size <= cut for m in sound)
    assert [m.offset + m.size <= cut for m in whole].count(True) == len(sound)
    if cut < whole[-1].offset + 1024 + 512:  # before the end mark
        assert [m.problem is not None for m in left] == [False] * len(sound) + [True]


def test_what_is_only_in_the_table_beside_a_tar_is_listed_with_the_reason(tmp_path: Path) -> None:
    write_tar(tmp_path / "t/a.tar", sample("1", "one"))
    rows = [
        {"key": "1", "caption": "one", "status": "success", "error_message": None},
        {"key": "2", "caption": "two", "status": "failed_to_download", "error_message": "HTTP Error 404: Not Found"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t/a.parquet")
    found = read(tmp_path / "t", tmp_path)
    assert found["w/a/1"]["status"] == "ok"
    assert (found["w/a/2"]["caption"], found["w/a/2"]["status"]) == ("two", "skipped")
    assert found["w/a/2"]["reason"] == "not in the tar: the table beside it says 'HTTP Error 404: Not Found'"


def test_samples_that_the_count_beside_a_tar_promises_are_missed(tmp_path: Path) -> None:
    write_tar(tmp_path / "t/a.tar", sample("1", "one"))
    (tmp_path / "t/a_stats.json").write_text(json.dumps({"count": 5, "successes": 3}))
    found = read(tmp_path / "t", tmp_path)
    assert found["w/a/a_stats.json"]["reason"] == "the tar holds 1 of the 3 samples counted here"
    (tmp_path / "t/a_stats.json").write_text(json.dumps({"count": 5, "successes": 1}))
    assert set(read(tmp_path / "t", tmp_path)) == {"w/a/1"}


def test_links_and_paths_in_a_tar_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(clip_bytes(9))
    (tmp_path / "t").mkdir()
    with tarfile.open(tmp_path / "t/a.tar", "w") as tar:
        for name, kind in (("1.mp4", tarfile.SYMTYPE), ("2.mp4", tarfile.LNKTYPE), ("3.mp4", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(secret)
            tar.addfile(info)
        info = tarfile.TarInfo("../../4.mp4")
        info.size = len(clip_bytes())
        tar.addfile(info, io.BytesIO(clip_bytes()))
    rows = read(tmp_path / "t", tmp_path)
    assert [rows[f"w/a/{n}.mp4"]["reason"] for n in (1, 2)] == ["a link in the tar: not followed"] * 2
    assert rows["w/a/3.mp4"]["reason"] == "no regular file"
    assert (rows["w/a/../../4"]["path"], rows["w/a/../../4"]["reason"]) == (None, "id holds '../'")
    assert hashlib.sha256(clip_bytes(9)).hexdigest() not in {r["sha256"] for r in rows.values()}
    assert not (tmp_path.parent / "4.mp4").exists() and not (tmp_path / "4.mp4").exists()


def test_what_is_no_tar_or_no_sample_is_a_row(tmp_path: Path) -> None:
    write_tar(tmp_path / "t/a.tar", [("1.txt", b"a caption alone"), ("2.mp4", b"no video"), ("2.json", b"{broken")])
    (tmp_path / "t/b.tar").write_bytes(b"no tar at all" * 100)
    (tmp_path / "t/c.tar").write_bytes(b"")
    rows = read(tmp_path / "t", tmp_path)
    assert (rows["w/a/1"]["reason"], rows["w/a/1"]["caption"]) == ("no video or image in the sample", "a caption alone")
    assert rows["w/a/2"]["reason"] == "not a video or image; its .json can't be read"
    assert "not readable as a tar" in rows["w/b"]["reason"] and "not readable as a tar" in rows["w/c"]["reason"]
    assert {r["status"] for r in rows.values()} == {"skipped"}


def test_text_in_a_tar_may_be_in_another_encoding_or_huge(tmp_path: Path) -> None:
    old = "Ein Café in Zürich: schöne Aussicht auf den Fluß".encode("cp1252")
    long = ("word " * 20_000).strip()
    files = [("1.mp4", clip_bytes()), ("1.txt", old), ("2.mp4", clip_bytes(1)), ("2.txt", long.encode())]
    files += [("3.mp4", clip_bytes(2)), ("3.txt", "cafÃ© in ZÃ¼rich".encode())]
    write_tar(tmp_path / "t/a.tar", files)
    rows = read(tmp_path / "t", tmp_path)
    assert rows["w/a/1"]["caption"] == "Ein Café in Zürich: schöne Aussicht auf den Fluß"
    assert rows["w/a/1"]["reason"] == "not UTF-8: read as cp1252"
    assert rows["w/a/2"]["caption"] == long and "kept whole" in rows["w/a/2"]["reason"]
    assert (rows["w/a/3"]["caption"], rows["w/a/3"]["reason"]) == ("café in Zürich", "mojibake in the caption repaired")
    assert {r["status"] for r in rows.values()} == {"ok"}


def test_a_folder_without_tars_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    with pytest.raises(ValueError, match=r"no \.tar in this folder"):
        read(tmp_path / "t", tmp_path)


def test_a_member_is_probed_as_the_file_alone_would_be(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", sample("1", "one"))
    member = next(m for m in members(path) if m.name == "1.mp4")
    (tmp_path / "alone.mp4").write_bytes(clip_bytes())
    inside = probe(MediaRef(path, member.offset, member.size), Limits())
    assert inside == probe(MediaRef(tmp_path / "alone.mp4"), Limits())
