"""Listing a folder of videos that someone else generated, as it comes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from vidmem import text
from vidmem.config.media import Limits
from vidmem.generate.folder import list_videos, write_chunk
from vidmem.media import write_video
from vidmem.tables import TooManyLost, read_table


def frames(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (6, 32, 48, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "videos"
    for name in ("b.mp4", "a.mp4", "sub/c.mp4"):
        write_video(root / name, frames(len(name)), 8.0)
    whole = (root / "a.mp4").read_bytes()
    (root / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (root / "empty.mp4").write_bytes(b"")
    (root / "words.mp4").write_text("not a video")
    (root / "notes.txt").write_text("ignored")
    return root


def table(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_bad_files_are_rows_with_reasons(folder: Path) -> None:
    rows = list_videos(folder, None, Limits(), "m")
    assert [r["path"] for r in rows] == ["a.mp4", "b.mp4", "cut.mp4", "empty.mp4", "sub/c.mp4", "words.mp4"]
    by_path = {r["path"]: r for r in rows}
    assert {p for p, r in by_path.items() if r["status"] == "ok"} == {"a.mp4", "b.mp4", "sub/c.mp4"}
    assert all(r["reason"] for r in rows if r["status"] == "skipped")
    good = by_path["sub/c.mp4"]
    assert (good["frames"], good["width"], good["height"], good["fps"], good["kind"]) == (6, 48, 32, 8.0, "video")
    assert all(r["prompt_id"] is None and r["seed"] == 0 and r["model"] == "m" for r in rows)
    assert len({r["video_id"] for r in rows}) == len(rows)


def test_prompts_are_matched_by_path_or_by_file_name(folder: Path, tmp_path: Path) -> None:
    prompts = table(
        tmp_path / "prompts.csv",
        [
            {"path": "a.mp4", "prompt": "A fox, \"quoted\" 🦊\n<script>", "seed": "3"},
            {"path": "c.mp4", "prompt": "a bear", "seed": ""},
            {"path": "gone.mp4", "prompt": "a ghost", "seed": "1"},
        ],
    )  # fmt: skip
    rows = {r["path"]: r for r in list_videos(folder, prompts, Limits(), "m")}
    assert rows["a.mp4"]["prompt_id"] == text.prompt_id('A fox, "quoted" 🦊\n<script>')
    assert rows["a.mp4"]["seed"] == 3
    assert rows["sub/c.mp4"]["prompt_id"] == text.prompt_id("a bear")
    assert rows["b.mp4"]["prompt_id"] is None
    assert rows["gone.mp4"]["status"] == "skipped" and "no such file" in rows["gone.mp4"]["reason"]


def test_chunks_cut_the_folder_without_gap_or_overlap(folder: Path, tmp_path: Path) -> None:
    whole = list_videos(folder, None, Limits(), "m")
    for chunks in (1, 2, 4, 9):
        parts = [r for n in range(chunks) for r in list_videos(folder, None, Limits(), "m", n, chunks)]
        assert parts == whole
    write_chunk(folder, None, Limits(), "m", 1, 2, tmp_path / "v.parquet", tmp_path / "s.parquet", {"stage": "x"})
    assert read_table(tmp_path / "v.parquet")["path"].to_list() == [r["path"] for r in whole[3:]]
    assert read_table(tmp_path / "s.parquet").height == 0


def test_too_many_bad_files_fail_the_stage_by_name(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TooManyLost, match="stage generate: 3 of 6"):
        write_chunk(folder, None, Limits(), "m", 0, 1, tmp_path / "v", tmp_path / "s", max_loss=0.1)


def test_bad_tables_and_folders_stop_with_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="doesn't exist"):
        list_videos(tmp_path / "absent", None, Limits(), "m")
    twice = table(tmp_path / "t.csv", [{"path": "a.mp4", "prompt": "x"}, {"path": "a.mp4", "prompt": "y"}])
    with pytest.raises(ValueError, match="more than once"):
        list_videos(folder, twice, Limits(), "m")
    lacks = table(tmp_path / "l.csv", [{"name": "a.mp4", "said": "x"}])
    with pytest.raises(ValueError, match="needs the columns 'path' and 'prompt'"):
        list_videos(folder, lacks, Limits(), "m")
    seed = table(tmp_path / "s.csv", [{"path": "a.mp4", "prompt": "x", "seed": "seven"}])
    with pytest.raises(ValueError, match="seed 'seven' is not a number"):
        list_videos(folder, seed, Limits(), "m")
