"""A chunk of videos: resumed after a kill, whole in spite of failures, the same bytes twice, readable in place."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vidmem import text
from vidmem.config.media import Limits
from vidmem.generate import run
from vidmem.generate.known.oracle import OraclePipeline, build_oracle
from vidmem.generate.load import Frames
from vidmem.media import MediaRef, read_clip
from vidmem.tables import TooManyLost, read_made_by, read_table

TEXTS = ["a red disc moves right", "a blue disc moves left", "a 'quoted' 🦊\n<script>"]
PROMPTS = [{"prompt_id": text.prompt_id(t), "text": t} for t in TEXTS]
SETTINGS = {"kind": "oracle", "seeds": 2, "steps": 4, "guidance_scale": 3.0, "fps": 8.0, "crf": 12, "batch_size": 1}


def clips() -> Frames:
    rng = np.random.default_rng(0)
    coarse = rng.integers(20, 235, (len(TEXTS), 4, 4, 4, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, 8, axis=2), 8, axis=3)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oracle")
    support = [(p["prompt_id"], p["text"], [i]) for i, p in enumerate(PROMPTS)]
    build_oracle(support, clips(), {"bandwidth": 0.0}, folder)
    return folder


def generate(source: Path, out: Path, prompts: list[dict[str, str]] = PROMPTS, **changes: Any) -> dict[str, Path]:
    limit = changes.pop("max_loss", 1.0)
    out.mkdir(exist_ok=True)
    files = {"tar": out / "c.tar", "videos": out / "c.videos.parquet", "signals": out / "c.signals.parquet"}
    run.generate_chunk(
        prompts, "oracle", {**SETTINGS, **changes}, source, files["tar"], files["videos"], files["signals"],
        out / "c.partial", threads=1, made_by={"stage": "generate"}, max_loss=limit,
    )  # fmt: skip
    return files


def test_a_chunk_is_a_tar_whose_videos_are_read_in_place(source: Path, tmp_path: Path) -> None:
    files = generate(source, tmp_path)
    videos = read_table(files["videos"])
    assert videos["status"].to_list() == ["ok"] * 6
    assert videos["seed"].to_list() == [0, 1] * 3
    assert videos["video_id"].n_unique() == 6
    assert read_made_by(files["videos"]) == {"stage": "generate"}
    for number, row in enumerate(videos.to_dicts()):
        assert row["path"] == "c.tar"
        ref = MediaRef(tmp_path / row["path"], row["offset"], row["size"])
        clip = read_clip(ref, rate_hz=None, max_frames=99, limits=Limits())
        assert (clip.info.frames, clip.info.width, clip.info.height, clip.info.fps) == (4, 32, 32, 8.0)
        assert np.abs(clip.frames.astype(int) - clips()[number // 2]).mean() < 6
    with tarfile.open(files["tar"]) as tar:
        assert tar.getnames() == [f"{n:06d}.mp4" for n in range(6)]
        assert {(m.mtime, m.uid, m.gid, m.uname) for m in tar.getmembers()} == {(0, 0, 0, "")}
    signals = read_table(files["signals"])
    assert signals.height == 6 * 4
    assert set(signals["status"]) == {"ok"}
    assert signals["step"].to_list()[:4] == [0, 1, 2, 3]
    assert not (tmp_path / "c.partial").exists()


def test_the_same_chunk_twice_is_the_same_bytes(source: Path, tmp_path: Path) -> None:
    one, two = (generate(source, tmp_path / name) for name in ("one", "two"))
    for name in one:
        assert one[name].read_bytes() == two[name].read_bytes(), name


def test_a_killed_job_resumes_with_the_clip_in_hand_lost(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generate(source, tmp_path / "whole")
    original, made = run.sample, []

    def dies_at_the_fourth(pipeline: Any, texts: Any, seeds: Any, settings: Any) -> list[Frames]:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(texts)
        return original(pipeline, texts, seeds, settings)

    monkeypatch.setattr(run, "sample", dies_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        generate(source, tmp_path / "killed")
    partial = tmp_path / "killed" / "c.partial"
    assert len(list(partial.glob("*.mp4"))) == 3
    assert not (tmp_path / "killed" / "c.tar").exists()
    later: list[Any] = []

    def counted(pipeline: Any, texts: Any, seeds: Any, settings: Any) -> list[Frames]:
        later.append(texts)
        return original(pipeline, texts, seeds, settings)

    monkeypatch.setattr(run, "sample", counted)
    resumed = generate(source, tmp_path / "killed")
    assert len(later) == 3
    for name in whole:
        assert whole[name].read_bytes() == resumed[name].read_bytes(), name


def break_one(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The second prompt's videos go wrong inside the pipeline itself."""
    original = OraclePipeline.__call__

    def call(self: Any, prompt: Any, **kwargs: Any) -> Any:
        result = original(self, prompt, **kwargs)
        for number, caption in enumerate(prompt):
            if caption == TEXTS[1]:
                if how == "exception":
                    raise RuntimeError("out of paint")
                result.frames[number] = np.nan if how == "nan" else 0.5
        return result

    call.__signature__ = __import__("inspect").signature(original)  # type: ignore[attr-defined]
    monkeypatch.setattr(OraclePipeline, "__call__", call)


@pytest.mark.parametrize(
    ("how", "reason"), [("exception", "out of paint"), ("nan", "not finite"), ("constant", "all pixels")]
)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_failing_video_is_a_row_and_the_others_go_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, reason: str, batch_size: int
) -> None:
    with monkeypatch.context() as patch:
        break_one(patch, how)
        files = generate(source, tmp_path, batch_size=batch_size)
        videos = read_table(files["videos"])
        assert videos["status"].to_list() == ["ok", "ok", "failed", "failed", "ok", "ok"]
        assert reason in videos["reason"][2]
        assert videos["path"][2] is None
        signals = read_table(files["signals"])
        assert set(signals.filter(signals["video_id"] == videos["video_id"][2])["status"]) == {"failed"}
        with pytest.raises(TooManyLost, match="stage generate: 2 of 6"):
            generate(source, tmp_path / "strict", max_loss=0.05)
    assert not (tmp_path / "strict" / "c.tar").exists()
    mended = generate(source, tmp_path / "strict", max_loss=0.05)  # the cause is gone: a rerun makes what is missing
    assert set(read_table(mended["videos"])["status"]) == {"ok"}


def test_no_prompts_give_an_empty_whole_shard(source: Path, tmp_path: Path) -> None:
    files = generate(source, tmp_path, [])
    assert read_table(files["videos"]).height == read_table(files["signals"]).height == 0
    with tarfile.open(files["tar"]) as tar:
        assert tar.getnames() == []


def test_ids_change_with_what_changes_pixels_and_with_nothing_else() -> None:
    def ids(**changes: Any) -> list[str]:
        return [task.video_id for task in run.plan(PROMPTS, "m", {**SETTINGS, **changes})]

    assert ids() == ids(batch_size=8, device="cpu", prompt_sets=["control"])
    assert not set(ids()) & set(ids(steps=5))
    assert ids(seeds=1) == ids()[::2]
    assert run.plan(PROMPTS[1:], "m", SETTINGS)[0] == run.plan(PROMPTS, "m", SETTINGS)[2]


def test_seeds_and_batches_leave_each_video_its_own_noise(source: Path, tmp_path: Path) -> None:
    torch.manual_seed(99)
    alone = read_table(generate(source, tmp_path / "1")["signals"])
    batched = read_table(generate(source, tmp_path / "4", batch_size=4)["signals"])
    assert alone["video_id"].to_list() == batched["video_id"].to_list()
    np.testing.assert_allclose(alone["content_magnitude"], batched["content_magnitude"], rtol=1e-4, atol=1e-6)
