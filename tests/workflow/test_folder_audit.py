"""An audit of nothing but two folders, in which every kind of bad file lies."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from vidmem import tables
from vidmem.media import write_video

CAPTION = 'A "quoted" clip,\nsecond line <script>alert(1)</script> 🎬'


def clip(seed: int, frames: int = 16, height: int = 96, width: int = 96) -> np.ndarray:
    """A textured scene with an object that moves on a path of its own."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (12, 12, 3), np.uint8)
    scene = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    sprite = np.asarray(Image.fromarray(rng.integers(0, 255, (4, 4, 3), np.uint8)).resize((24, 24)))
    video = np.repeat(scene[None], frames, 0).copy()
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.6)
    for t in range(frames):
        y = int((height - 24) / 2 * (1 + 0.8 * np.sin(angle + speed * t)))
        x = int((width - 24) / 2 * (1 + 0.8 * np.cos(2 * angle + speed * t * 0.7)))
        video[t, y : y + 24, x : x + 24] = sprite
    return video


def fill(folder: Path) -> None:
    """Sound clips, and one of every fault."""
    folder.mkdir(parents=True)
    for n in range(24):
        write_video(folder / f"clip{n:02d}.mp4", clip(n), fps=8)
    whole = (folder / "clip00.mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video")
    write_video(folder / "black.mp4", np.zeros((16, 96, 96, 3), np.uint8), fps=8)
    write_video(folder / "one-frame.mp4", clip(100, frames=1), fps=8)
    write_video(folder / "odd.mp4", clip(101, height=97, width=75), fps=8)
    Image.fromarray(np.zeros((10_000, 10_000), np.uint8)).save(folder / "huge.png")
    Image.fromarray(clip(102)[0]).save(folder / "still.jpg")
    moving = [Image.fromarray(f) for f in clip(103)]
    for name in ("moving.gif", "moving.webp"):
        moving[0].save(folder / name, save_all=True, append_images=moving[1:], duration=125, loop=0)
    rows = [(f"clip{n:02d}", f"clip{n:02d}.mp4", f"clip number {n}") for n in range(24)]
    rows[3] = ("clip03", "clip03.mp4", CAPTION)
    rows[4] = ("clip04", "clip04.mp4", "")
    rows += [("clip05", "clip06.mp4", "an id that is taken"), ("../evil", "../../secret.mp4", "outside")]
    rows += [("gone", "gone.mp4", "no such file")]
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("item_id", "path", "caption"))
        writer.writerows(rows)


CORPUS_FAULTS = {
    "truncated.mp4": "truncated",
    "empty.mp4": "empty file",
    "text.mp4": "not a video or image",
    "huge.png": "10000x10000",
    "../evil": "id holds '../'",
    "gone": "file not found",
}


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = tmp_path_factory.mktemp("data")
    fill(data / "corpus")
    (data / "generated").mkdir()
    for n in range(4):
        write_video(data / "generated" / f"copy{n}.mp4", clip(n), fps=8)
        write_video(data / "generated" / f"new{n}.mkv" if n else data / "generated" / "new0.mp4", clip(500 + n), fps=8)
    (data / "generated" / "broken.mp4").write_bytes(b"no video")
    (data / "generated" / "prompts.csv").write_text('path,prompt\ncopy0.mp4,clip number 0\ncopy1.mp4,"clip number 1"\n')
    config = {
        "audit": "folders",
        "corpus": {"folder": str(data / "corpus"), "max_loss": 0.5},
        "models": {"theirs": {"kind": "videos", "folder": str(data / "generated")}},
        "generate": {"max_loss": 0.5},
        "features": {"max_loss": 0.5},
    }
    workflow = make_workflow(config)
    workflow.run()
    return workflow, config, data


def results(workflow: Any) -> Path:
    return Path(workflow.folder) / "results" / "folders"


def test_copies_are_found_and_new_videos_are_not(audit: Any) -> None:
    workflow, _, _ = audit
    rows = tables.read_table(results(workflow) / "metrics" / "theirs.parquet")
    paths = tables.read_table(results(workflow) / "generate" / "theirs" / "videos-000.videos.parquet")
    found = {r["path"]: r for r in paths.join(rows, on="video_id").iter_rows(named=True)}
    for n in range(4):
        assert found[f"copy{n}.mp4"]["content_memorised"] is True
        assert found[f"copy{n}.mp4"]["content_ref_id"] == f"clip{n:02d}"
    assert not any(row["content_memorised"] for path, row in found.items() if path.startswith("new"))
    assert found["broken.mp4"]["status"] == "skipped" and "not a video" in found["broken.mp4"]["reason"]


def test_every_fault_is_a_row_with_its_reason(audit: Any) -> None:
    workflow, _, _ = audit
    manifest = tables.read_table(results(workflow) / "corpus" / "corpus.parquet")
    rows = {r["item_id"]: r for r in manifest.iter_rows(named=True)}
    for item, reason in CORPUS_FAULTS.items():
        assert rows[item]["status"] == "skipped", item
        assert reason in rows[item]["reason"], (item, rows[item]["reason"])
    duplicate = [r for r in rows.values() if r["reason"] and "duplicate id" in r["reason"]]
    assert len(duplicate) == 1
    for item in ("one-frame.mp4", "odd.mp4", "still.jpg", "moving.gif", "moving.webp", "clip04", "black.mp4"):
        assert rows[item]["status"] == "ok", (item, rows[item]["reason"])
    assert rows["clip04"]["caption"] is None and rows["clip03"]["caption"] == CAPTION
    assert len(rows) == len(manifest)


def test_the_black_video_is_skipped_where_its_frames_are_judged(audit: Any) -> None:
    workflow, _, _ = audit
    items = tables.read_table(results(workflow) / "features" / "corpus" / "items-000.items.parquet")
    black = items.filter(pl.col("video_id") == "black.mp4").row(0, named=True)
    assert black["status"] == "skipped" and "no usable frame" in black["reason"]


def test_the_report_counts_what_was_skipped_and_escapes_what_is_hostile(audit: Any) -> None:
    workflow, _, _ = audit
    summary = json.loads((results(workflow) / "summary.json").read_text())
    skipped = {row["item_id"] for row in summary["corpus"]["skipped"]}
    assert set(CORPUS_FAULTS) | {"black.mp4"} <= skipped
    assert summary["corpus"]["items"] == summary["corpus"]["ok"] + len(summary["corpus"]["skipped"])
    assert summary["models"]["theirs"]["truth"] is None
    page = (results(workflow) / "report" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert BeautifulSoup(page, "html.parser").find("title")


def test_a_second_run_does_nothing(audit: Any) -> None:
    workflow, _, _ = audit
    assert workflow.planned() == {}


def test_a_branch_is_built_by_its_file(audit: Any) -> None:
    workflow, _, _ = audit
    jobs = workflow.planned("--forceall", "results/folders/metrics/theirs.parquet")
    assert "report" not in jobs and jobs["metrics_model"] == 1


def test_more_than_max_loss_fails_the_stage_by_name_and_mending_redoes_only_what_is_missing(
    audit: Any, tmp_path: Path
) -> None:
    workflow, config, data = audit
    for n in range(4):
        write_video(tmp_path / f"clip{n}.mp4", clip(n), fps=8)
    strict = {**config, "audit": "strict", "corpus": {"folder": str(tmp_path)}, "generate": {"max_loss": 0.05}}
    workflow.write_config(strict)
    failed = workflow.run(check=False)
    assert failed.returncode != 0
    assert "stage generate: 1 of 9 rows are not ok, more than max_loss 0.05 allows" in failed.stdout
    assert (workflow.folder / "results/strict/features/corpus/items-000.frames.parquet").is_file()
    write_video(data / "generated" / "broken.mp4", clip(900), fps=8)
    left = workflow.planned()
    assert "features_corpus" not in left and "corpus_manifest" not in left and left["generate_folder"] == 1
    workflow.run()
    assert json.loads((workflow.folder / "results/strict/summary.json").read_text())["models"]["theirs"]["videos"] == 9
