"""What remedies did: known pairs by hand, and remedies that ruin their videos, which must show in the table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidmem import tables
from vidmem.config import load_config
from vidmem.config.media import Limits
from vidmem.corpus.made import render_clip
from vidmem.features import write_features
from vidmem.media import write_video
from vidmem.mitigate import write_comparison
from vidmem.mitigate.compare import paired
from vidmem.mitigate.measures import MEASURES, diversity, laplacian_variance

Frames = npt.NDArray[np.uint8]
CONTENTS, MOTIONS = ("rug", "map", "dots"), ("bounce", "orbit", "zigzag")
SETTINGS = load_config({"audit": "a", "corpus": {"kind": "made"}, "models": {"m": {"kind": "oracle"}}}).features
BRANCHES = ("rendered-anew", "noise", "frozen", "blank", "blurred")


@cache
def clip(content: str, motion: str) -> Frames:
    seed = MOTIONS.index(motion)
    return render_clip(content, motion, "still", width=96, height=96, fps=8, seconds=1.0, seed=seed)


def answer(branch: str, content: str, seed: int) -> Frames:
    """The video of a branch for the prompt "content bouncing": the base copies that clip."""
    original = clip(content, "bounce")
    if branch == "rendered-anew":
        return clip(content, MOTIONS[1 + seed])
    if branch == "noise":
        return np.random.default_rng(seed).integers(0, 256, original.shape, np.uint8)
    if branch == "frozen":
        return np.repeat(original[:1], len(original), 0)
    if branch == "blank":
        return np.full_like(original, 100)
    if branch == "blurred":
        return np.array([cv2.GaussianBlur(frame, (0, 0), 3) for frame in original])
    return original


def write_side(folder: Path, clips: Mapping[str, Frames], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Videos, features and metrics as the stages write them, of one model or branch."""
    for name, frames in clips.items():
        write_video(folder / f"{name}.mp4", frames, fps=8)
    videos = [
        {"video_id": n, "path": f"{n}.mp4", "width": 96, "height": 96, "status": tables.OK, "denoiser_calls": None}
        for n in clips
    ]
    kept = [{key: row[key] for key in row if key in tables.VIDEOS.names} for row in videos]
    tables.write_table(folder / "videos.parquet", kept, tables.VIDEOS)
    outputs = {name: folder / f"{name}.parquet" for name in ("frames", "flow", "status")}
    settings = {**SETTINGS.model_dump(exclude={"corpus_chunks"}), "max_loss": 1.0, "limits": Limits().model_dump()}
    write_features(
        tables.read_table(folder / "videos.parquet"), root=folder, settings=settings, threads=1, outputs=outputs
    )
    status = dict(tables.read_table(outputs["status"]).select("video_id", "status").iter_rows())
    judged = [{**row, "status": status[row["video_id"]], "reason": None} for row in rows]
    reasons = dict(tables.read_table(outputs["status"]).select("video_id", "reason").iter_rows())
    judged = [{**row, "reason": reasons[row["video_id"]]} for row in judged]
    tables.write_table(folder / "metrics.parquet", judged, tables.METRICS)
    files = {name: [str(folder / f"{name}.parquet")] for name in ("videos", "frames", "flow")}
    return {**files, "metrics": str(folder / "metrics.parquet"), "root": str(folder), "benchmarks": []}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    root = tmp_path_factory.mktemp("compared")
    asked = [(content, seed) for content in CONTENTS for seed in (0, 1)]
    sides = {}
    for name in ("base", *BRANCHES):
        clips = {f"{name}-{c}-{seed}": answer(name, c, seed) for c, seed in asked}
        rows = [
            {"video_id": f"{name}-{c}-{s}", "prompt_id": c, "seed": s, "content_memorised": name in ("base", "frozen")}
            for c, s in asked
        ]
        sides[name] = write_side(root / name, clips, rows)
    reference = {f"{c}-{m}": clip(c, m) for c in CONTENTS for m in MOTIONS}
    corpus = write_side(root / "corpus", reference, [{"video_id": name, "prompt_id": name} for name in reference])
    manifest = [{"item_id": n, "same_as": n, "caption": n, "status": tables.OK, "path": f"{n}.mp4"} for n in reference]
    tables.write_table(root / "manifest.parquet", manifest, tables.MANIFEST)
    lines = [f"{n},corpus,corpus/{n}.mp4,rendered,{n.split('-')[0]},x,still,x,1,false" for n in reference]
    head = "item_id,side,path,source,content,motion,camera,family,multiplicity,natural_motion"
    (root / "truth.csv").write_text("\n".join([head, *lines]) + "\n")
    rows = [
        {
            "prompt_id": c, "seed": s, "group": "flagged", "rank": 1 + CONTENTS.index(c), "text": c,
            "source_ids": [f"{c}-bounce"], "base_video_id": f"base-{c}-{s}",
        }
        for c, s in asked
    ]  # fmt: skip
    tables.write_table(root / "asked.parquet", rows, tables.ASKED_AGAIN)
    files = {"prompts": str(root / "asked.parquet"), "base": sides["base"], "branches": sides}
    branches = [{"branch": name, "remedy": name, "kind": "amg", "strength": 1.0} for name in BRANCHES]
    write_comparison(
        files=files,
        settings={"branches": branches, "bootstrap": 200, "limits": Limits().model_dump()},
        manifest=root / "manifest.parquet",
        corpus_frames=[Path(corpus["frames"][0])],
        truth=root / "truth.csv",
        out=root / "out.parquet",
    )
    return tables.read_table(root / "out.parquet")


def cell(table: pl.DataFrame, branch: str, measure: str, group: str = "flagged") -> dict[str, Any]:
    wanted = (pl.col("branch") == branch) & (pl.col("measure") == measure) & (pl.col("group") == group)
    return table.filter(wanted).row(0, named=True)


def test_every_branch_group_and_measure_has_a_row(compared: pl.DataFrame) -> None:
    assert len(compared) == len(BRANCHES) * 2 * len(MEASURES)
    nobody = compared.filter(pl.col("group") == "unflagged")
    assert set(nobody["status"]) == {tables.SKIPPED}
    assert set(nobody["reason"]) == {"the model has no prompt of this group"}


def test_a_remedy_that_renders_the_content_anew_loses_no_fidelity(compared: pl.DataFrame) -> None:
    rate, fidelity = cell(compared, "rendered-anew", "content"), cell(compared, "rendered-anew", "content_fidelity")
    assert (rate["before"], rate["after"], rate["change"]) == (1, 0, -1)
    assert rate["change_low"] == -1 and -1 < rate["change_high"] < 0  # three prompts: an exact bound
    assert fidelity["before"] == fidelity["after"] == 1
    assert (fidelity["prompts"], fidelity["videos"]) == (3, 6)


def test_noise_is_no_video_of_the_prompt_and_shows_in_sharpness_and_consistency(compared: pl.DataFrame) -> None:
    assert cell(compared, "noise", "content")["after"] == 0
    assert cell(compared, "noise", "content_fidelity")["after"] <= 0.5
    sharp, steady = cell(compared, "noise", "sharpness"), cell(compared, "noise", "consistency")
    assert sharp["after"] > 3 * sharp["before"]
    distance = cell(compared, "noise", "frechet")
    assert distance["change"] > 0 and distance["videos"] == 6
    assert steady["status"] == tables.OK


def test_frozen_videos_have_no_dynamics(compared: pl.DataFrame) -> None:
    moving = cell(compared, "frozen", "dynamics")
    assert moving["before"] > 0.02 and moving["after"] < 0.1 * moving["before"]
    assert cell(compared, "frozen", "consistency")["after"] == pytest.approx(1, abs=1e-3)


def test_videos_of_one_colour_count_as_lost_and_as_no_videos_of_the_prompt(compared: pl.DataFrame) -> None:
    usable = cell(compared, "blank", "usable")
    assert (usable["before"], usable["after"]) == (1, 0)
    assert "6 of 6 videos show nothing" in usable["reason"]
    assert cell(compared, "blank", "content")["after"] == 0
    assert cell(compared, "blank", "content_fidelity")["after"] == 0
    for measure in ("sharpness", "consistency", "dynamics", "diversity", "frechet"):
        row = cell(compared, "blank", measure)
        assert (row["status"], row["after"]) == (tables.SKIPPED, None) and row["reason"]


def test_blur_shows_in_sharpness(compared: pl.DataFrame) -> None:
    sharp = cell(compared, "blurred", "sharpness")
    assert sharp["after"] < 0.3 * sharp["before"]


def test_seeds_that_differ_show_in_diversity(compared: pl.DataFrame) -> None:
    varied = cell(compared, "rendered-anew", "diversity")
    assert varied["before"] == pytest.approx(0, abs=1e-3) and varied["after"] > 0.05
    assert varied["videos"] == 3


def test_what_can_not_be_measured_says_why(compared: pl.DataFrame) -> None:
    text = cell(compared, "noise", "text_fidelity")
    assert (text["status"], text["before"]) == (tables.SKIPPED, None)
    assert "9 captions have a clip" in text["reason"]
    assert cell(compared, "noise", "denoiser_calls")["reason"] == "calls were not counted"


def test_means_and_change_of_pairs_by_hand() -> None:
    row = paired(["a", "a", "b"], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0], draws=100)
    assert row["before"] == pytest.approx(2 / 3) and row["after"] == pytest.approx(1 / 3)
    assert row["change"] == pytest.approx(-1 / 3)
    assert row["change_low"] <= row["change"] <= row["change_high"]
    assert (row["prompts"], row["videos"]) == (2, 3)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_a_change_mirrors_when_sides_are_swapped(rows: list[tuple[str, bool, bool]]) -> None:
    names = [r[0] for r in rows]
    before, after = [float(r[1]) for r in rows], [float(r[2]) for r in rows]
    there, back = paired(names, before, after, 50), paired(names, after, before, 50)
    assert there["change"] == pytest.approx(-back["change"])
    assert there["change"] == pytest.approx(there["after"] - there["before"])
    if len({b - a for b, a in zip(before, after, strict=True)}) == 1:
        assert there["change_low"] == pytest.approx(-back["change_high"])
    assert -1 <= there["change_low"] <= there["change"] <= there["change_high"] <= 1


def test_diversity_is_the_mean_cosine_distance_of_seeds() -> None:
    assert diversity([np.array([1.0, 0.0])]) is None
    assert diversity([np.array([1.0, 0.0]), np.array([0.0, 1.0])]) == pytest.approx(1.0)
    same = np.array([0.6, 0.8])
    assert diversity([same, same, same]) == pytest.approx(0.0)


def test_laplacian_variance_by_hand() -> None:
    """One white pixel on black, 5 x 5: the Laplacian is -4, and 1 at its four neighbours, in units of 255."""
    frame = np.zeros((5, 5, 3), np.uint8)
    frame[2, 2] = 255
    values = np.array([-4, 1, 1, 1, 1, *[0] * 20]) * 255.0
    assert laplacian_variance(frame) == pytest.approx(values.var())
