"""A chunk that is killed at any moment and run again gives the bytes of one that never was."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pipelines.modelscope import build as modelscope

from vidmem import text
from vidmem.generate import run
from vidmem.generate.shard import Partial
from vidmem.tables import read_table

TEXTS = ["a dog runs on a beach", "two boats at sea", "rain over a city"]
PROMPTS = [{"prompt_id": text.prompt_id(t), "text": t} for t in TEXTS]
SETTINGS = {
    "kind": "diffusers", "seeds": 2, "steps": 2, "guidance_scale": 4.0, "frames": 2, "width": 32, "height": 32,
    "fps": 8.0, "crf": 12, "batch_size": 2, "device": "cpu",
}  # fmt: skip
CLIPS = len(TEXTS) * 2
NAMES = ("c.tar", "c.videos.parquet", "c.signals.parquet")
CHILD = """
import json, sys
from vidmem.generate.run import generate_chunk
prompts, settings, source, out = json.loads(sys.argv[1])
generate_chunk(prompts, "m", settings, source, out + "/c.tar", out + "/c.videos.parquet", out + "/c.signals.parquet",
               out + "/c.partial", threads=1)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modelscope")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        modelscope().save_pretrained(str(folder), safe_serialization=True)
    return folder


def generate(source: Path, out: Path, prompts: list[dict[str, str]] = PROMPTS, **changes: Any) -> dict[str, bytes]:
    out.mkdir(exist_ok=True)
    files = [out / name for name in NAMES]
    run.generate_chunk(prompts, "m", {**SETTINGS, **changes}, source, *files, out / "c.partial", threads=1)
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def uninterrupted(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return generate(source, tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def one(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Of the first prompt alone."""
    return generate(source, tmp_path_factory.mktemp("one"), PROMPTS[:1])


def kill_when(seen: Callable[[Path], bool], source: Path, out: Path) -> bool:
    """Start the chunk in another process and kill -9 it once `seen` of its partial folder; False if it was done first.

    What it was writing at that moment stays as it was.
    """
    out.mkdir()
    job = json.dumps([PROMPTS, SETTINGS, str(source), str(out)])
    with subprocess.Popen([sys.executable, "-c", CHILD, job], env={**os.environ, "OMP_NUM_THREADS": "1"}) as child:
        end = time.monotonic() + 300
        while child.poll() is None and time.monotonic() < end and not seen(out / "c.partial"):
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        return child.wait() == -signal.SIGKILL


def count(partial: Path, pattern: str) -> int:
    return len(list(partial.glob(pattern)))


@pytest.mark.parametrize(
    ("pattern", "number"),
    [("*.json", 1), ("*.mp4", 4), ("*.json", CLIPS)],
    ids=["in the middle of a batch", "between a clip and its record", "while the shard is put together"],
)
def test_a_killed_chunk_run_again_gives_the_uninterrupted_runs_bytes(
    source: Path, tmp_path: Path, uninterrupted: dict[str, bytes], pattern: str, number: int
) -> None:
    out = tmp_path / "killed"
    killed = kill_when(lambda partial: count(partial, pattern) >= number, source, out)
    if killed:
        kept = count(out / "c.partial", "*.json")
        assert kept >= number - 1  # the clip in hand is lost at most
        assert not (out / "c.videos.parquet").exists() or kept == CLIPS
    assert killed or number == CLIPS  # only the last moment can be missed
    assert generate(source, out) == uninterrupted
    assert not (out / "c.partial").exists()
    assert not (out / ".c.tar.part").exists()


def interrupted(
    source: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    prompts: list[dict[str, str]] = PROMPTS[:1],
    **changes: Any,
) -> Path:
    """Every clip is there, and nothing else: the partial folder of a run that stopped before it wrote the shard."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "place", stop)
        with pytest.raises(KeyboardInterrupt):
            generate(source, out, prompts, **changes)
    return out / "c.partial"


def test_finished_clips_are_taken_over_without_the_model(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: dict[str, bytes]
) -> None:
    interrupted(source, tmp_path, monkeypatch)
    monkeypatch.delattr(run, "load_pipeline")  # a run that needed it would fail
    assert generate(source, tmp_path, PROMPTS[:1]) == one


def test_clips_of_other_settings_are_left_alone_until_the_chunk_is_done(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: dict[str, bytes]
) -> None:
    partial = interrupted(source, tmp_path, monkeypatch, steps=3)
    assert interrupted(source, tmp_path, monkeypatch) == partial
    assert count(partial, "*.mp4") == 4  # a setting that is changed back finds its clips again
    (partial / "mine.txt").write_text("not ours")
    assert generate(source, tmp_path, PROMPTS[:1]) == one
    assert [path.name for path in partial.iterdir()] == ["mine.txt"]


def test_clips_of_a_model_that_was_written_anew_or_of_an_older_version_are_made_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model"
    shutil.copytree(source, model)
    partial = interrupted(model, tmp_path / "out", monkeypatch)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        modelscope().save_pretrained(str(model), safe_serialization=True)  # the same path and settings, other weights
    assert generate(model, tmp_path / "out", PROMPTS[:1]) == generate(model, tmp_path / "fresh", PROMPTS[:1])
    before = {path.name: path.read_bytes() for path in interrupted(model, tmp_path / "out", monkeypatch).glob("*.json")}
    monkeypatch.setitem(run.STAGE_VERSIONS, "generate", 10**6)
    interrupted(model, tmp_path / "out", monkeypatch)
    assert all((partial / name).read_bytes() != data for name, data in before.items())


@pytest.mark.parametrize("damage", ["cut", "gone", "no json"])
def test_a_damaged_clip_is_made_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: dict[str, bytes], damage: str
) -> None:
    partial = interrupted(source, tmp_path, monkeypatch)
    clip = min(partial.glob("*.mp4"))
    if damage == "cut":
        clip.write_bytes(clip.read_bytes()[:-20])
    elif damage == "gone":
        clip.unlink()
    else:
        clip.with_suffix(".json").write_bytes(b'{"mark')
    assert generate(source, tmp_path, PROMPTS[:1]) == one


def test_a_kept_clip_reads_as_it_was_written_and_only_under_its_mark(tmp_path: Path) -> None:
    record = {"video": {"status": "ok"}, "signals": []}
    Partial(tmp_path, "a").write("v", b"bytes", record)
    assert Partial(tmp_path, "a").read("v") == record
    assert Partial(tmp_path, "b").read("v") is None
    assert Partial(tmp_path, "a").read("w") is None


def test_a_resumed_run_samples_in_the_batches_of_the_first(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = interrupted(source, tmp_path, monkeypatch, PROMPTS, batch_size=4)
    first = {path.name: path.read_bytes() for path in partial.iterdir()}
    lost = [path.stem for path in sorted(partial.glob("*.json"))][::3]
    for name in lost:
        (partial / f"{name}.json").unlink()
    interrupted(source, tmp_path, monkeypatch, PROMPTS, batch_size=4)
    assert {path.name: path.read_bytes() for path in partial.iterdir()} == first
    generate(source, tmp_path, batch_size=4)
    assert read_table(tmp_path / "c.videos.parquet")["batch_size"].to_list() == [4, 4, 4, 4, 2, 2]
