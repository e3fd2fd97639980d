"""A user's command makes the videos: asked only for what is missing, stopped in time, and believed in nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.generate.asked import unprompted
from vidmem.generate.command import NO_SIGNALS, command_chunk, plan
from vidmem.generate.process import CommandError
from vidmem.media import MediaRef, probe, read_clip

PROMPTS = [{"prompt_id": f"p{n}", "text": text} for n, text in enumerate(["a dog runs", 'a "quoted" ship\n$HOME 🎬'])]

# A model of its own kind: its videos depend on prompt and seed alone; it counts what it was asked in `asked.txt`.
MODEL = """
import json, os, sys, time
from pathlib import Path
import av, numpy as np

def save(path, seed, text):
    frames = np.random.default_rng([seed, *text.encode()]).integers(0, 255, (6, 48, 64, 3), np.uint8)
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(stream.encode(None))

prompts, outputs = Path(sys.argv[1]), Path(sys.argv[2])
Path("starts.txt").open("a").write(" ".join(sys.argv[3:]) + "\\n")
for n, line in enumerate(map(json.loads, prompts.read_text(encoding="utf-8").splitlines())):
    with Path("asked.txt").open("a") as file:
        file.write(json.dumps(line) + "\\n")
    BEFORE
    aside = outputs / ("." + line["output"])
    save(aside, line["seed"] + 10 * (line["class"] or 0), line["prompt"] or "")
    aside.rename(outputs / line["output"])
AFTER
"""


class World:
    """A folder with a model, and where its chunk goes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.partial = self.out / "c.partial"

    def model(self, before: str = "pass", after: str = "") -> None:
        script = MODEL.replace("BEFORE", textwrap.indent(textwrap.dedent(before), "    ").strip())
        (self.folder / "model.py").write_text(script.replace("AFTER", textwrap.dedent(after)), encoding="utf-8")

    def settings(self, *more: str, **changed: Any) -> dict[str, Any]:
        command = [sys.executable, "model.py", "{prompts}", "{outputs}", *more]
        base = {"command": command, "folder": str(self.folder), "timeout_s": None, "version": "1", "seeds": 2}
        return {**base, "classes": [], "condition": "text", **changed}

    def run(self, settings: dict[str, Any], prompts: Any = PROMPTS, **more: Any) -> list[dict[str, Any]]:
        arguments: dict[str, Any] = {"limits": Limits(), **more}
        out = [self.out / f"c{suffix}" for suffix in (".tar", ".videos.parquet", ".signals.parquet")]
        command_chunk(prompts, "mine", settings, arguments.pop("limits"), *out, self.partial, **arguments)
        return list(tables.read_table(out[1]).iter_rows(named=True))

    def asked(self) -> list[dict[str, Any]]:
        path = self.folder / "asked.txt"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.model()
    return made


def test_every_prompt_is_made_with_every_seed_and_read_from_the_tar(world: World) -> None:
    rows = world.run(world.settings())
    assert [(r["prompt_id"], r["seed"], r["status"]) for r in rows] == [
        (p, s, "ok") for p in ("p0", "p1") for s in (0, 1)
    ]
    for row in rows:
        ref = MediaRef(world.out / row["path"], row["offset"], row["size"])
        assert (probe(ref, Limits()).frames, row["frames"], row["width"], row["height"], row["fps"]) == (
            6,
            6,
            64,
            48,
            8,
        )
    assert sorted(p.name for p in world.out.iterdir()) == ["c.signals.parquet", "c.tar", "c.videos.parquet"]


def test_the_command_is_told_everything_verbatim_and_no_shell_reads_it(world: World) -> None:
    rows = world.run(world.settings("$HOME; touch evil", "{outputs}/x"))
    assert [line["prompt"] for line in world.asked()] == [PROMPTS[0]["text"]] * 2 + [PROMPTS[1]["text"]] * 2
    assert [line["video_id"] for line in world.asked()] == [row["video_id"] for row in rows]
    said = (world.folder / "starts.txt").read_text()
    assert said.startswith("$HOME; touch evil /") and said.endswith("outputs/x\n")
    assert not (world.folder / "evil").exists()


def test_there_are_no_signals_and_the_table_says_why(world: World) -> None:
    rows = world.run(world.settings())
    signals = tables.read_table(world.out / "c.signals.parquet")
    assert signals["video_id"].to_list() == [row["video_id"] for row in rows]
    assert set(signals["status"]) == {"skipped"} and set(signals["reason"]) == {NO_SIGNALS}


def test_with_a_seed_in_its_arguments_it_is_started_once_a_seed(world: World) -> None:
    rows = world.run(world.settings("--seed={seed}", seeds=3))
    assert (world.folder / "starts.txt").read_text().split() == ["--seed=0", "--seed=1", "--seed=2"]
    assert [line["seed"] for line in world.asked()] == [0, 0, 1, 1, 2, 2]
    assert {row["status"] for row in rows} == {"ok"}


def test_without_prompts_it_is_asked_for_numbers_dealt_out_to_classes(world: World) -> None:
    rows = world.run(world.settings(condition="class", classes=[7, 3]), unprompted(range(2, 5), [7, 3]))
    assert [(r["class_label"], r["seed"], r["prompt_id"]) for r in rows] == [(7, 1, None), (3, 1, None), (7, 2, None)]
    assert [(line["class"], line["prompt"]) for line in world.asked()] == [(7, None), (3, None), (7, None)]


def test_an_image_to_start_from_is_handed_over_losslessly_and_a_missing_one_is_a_reason(world: World) -> None:
    world.model(before="from PIL import Image; Image.open(line['image']).save(f\"seen{n}.png\")")
    frame = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    prompts = [{**p, "condition": f"../{n}"} for n, p in enumerate(PROMPTS)]
    images = {"../0": frame, "../1": "file not found"}
    rows = world.run(world.settings(seeds=1, condition="image"), prompts, images=images)
    assert (
        read_clip(MediaRef(world.folder / "seen0.png"), rate_hz=None, max_frames=1, limits=Limits()).frames[0] == frame
    ).all()
    assert rows[0]["status"] == "ok" and rows[0]["condition"] == "../0"
    assert rows[1]["status"] == "failed" and rows[1]["reason"] == "no image to start from: file not found"


def test_a_failing_command_gives_reasons_and_keeps_what_it_made(world: World) -> None:
    world.model(before="if n == 3: sys.exit('no memory left, token hf_abcdefghij')")
    rows = world.run(world.settings(), max_loss=0.5)
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "failed"]
    assert rows[3]["reason"] == "the command ended with exit code 1: no memory left, token hf_..."


def test_an_output_that_was_not_written_is_a_reason(world: World) -> None:
    world.model(before="if n == 1: continue")
    rows = world.run(world.settings())
    assert rows[1]["reason"] == "the command ended well, but wrote no output for this video"
    assert [row["status"] for row in rows] == ["ok", "failed", "ok", "ok"]


def test_too_many_failures_fail_the_job_and_a_rerun_asks_for_the_missing_only(world: World) -> None:
    world.model(before="if n == 2: sys.exit('out of disk')")
    with pytest.raises(tables.TooManyLost, match="exit code 1: out of disk"):
        world.run(world.settings(), max_loss=0.0)
    assert not (world.out / "c.videos.parquet").exists() and len(world.asked()) == 3
    world.model()
    rows = world.run(world.settings(), max_loss=0.0)
    assert [line["video_id"] for line in world.asked()[3:]] == [row["video_id"] for row in rows[2:]]


def test_a_killed_job_goes_on_and_gives_the_bytes_of_an_uninterrupted_one(world: World, tmp_path: Path) -> None:
    whole = World(tmp_path / "whole")
    whole.folder.mkdir()
    whole.model()
    whole.run({**whole.settings(), "command": world.settings()["command"]})
    world.model(before="if n == 2: time.sleep(60)")
    job = subprocess.Popen(
        [sys.executable, "-c", _job(world)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    _wait(lambda: len(list((world.partial / "outputs").glob("[!.]*.mp4"))) == 2)
    job.kill()
    job.wait()
    world.model()
    world.run(world.settings())
    assert len(world.asked()) == 3 + 2, "the two that were there are not asked for again"
    assert (world.out / "c.tar").read_bytes() == (whole.out / "c.tar").read_bytes()


def test_a_job_that_is_asked_to_stop_stops_the_command_and_what_it_started(world: World) -> None:
    world.model(
        before="import subprocess; c = subprocess.Popen(['sleep', '60']); Path('pid').write_text(str(c.pid)); c.wait()"
    )
    job = subprocess.Popen(
        [sys.executable, "-c", _job(world)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    _wait(lambda: (world.folder / "pid").is_file() and (world.folder / "pid").read_text())
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) != 0
    child = int((world.folder / "pid").read_text())
    _wait(lambda: not _runs(child))


def test_a_command_that_takes_too_long_is_stopped(world: World) -> None:
    world.model(before="if n == 1: print('thinking', file=sys.stderr, flush=True); time.sleep(60)")
    start = time.monotonic()
    rows = world.run(world.settings(timeout_s=3.0), max_loss=1.0)
    assert time.monotonic() - start < 20
    assert rows[0]["status"] == "ok" and rows[1]["reason"] == "the command was stopped after 3 s: thinking"


def test_hostile_outputs_are_reasons(world: World) -> None:
    secret = world.folder / "secret.mp4"
    world.model(
        before=f"""
        if n < 3:
            name = outputs / line["output"]
            if n == 0: name.symlink_to({str(secret)!r})
            if n == 1: name.write_text("no video")
            if n == 2: name.mkdir()
            continue
        """,
        after="(outputs / 'other.mp4').write_text('of no line')",
    )
    secret.write_bytes(b"x")
    rows = world.run(world.settings(), max_loss=1.0)
    assert "is no plain file" in rows[0]["reason"] and "is no plain file" in rows[2]["reason"]
    assert rows[1]["reason"].startswith("the output can't be used: ") and rows[3]["status"] == "ok"
    assert secret.read_bytes() == b"x" and (world.out / "c.tar").stat().st_size < 100_000


def test_an_output_beyond_the_bounds_is_a_reason(world: World) -> None:
    rows = world.run(world.settings(seeds=1), limits=Limits(max_side=32), max_loss=1.0)
    assert {row["status"] for row in rows} == {"failed"} and "larger than 32" in rows[0]["reason"]


def test_an_output_may_be_of_any_media_kind(world: World) -> None:
    world.model(after="for p in outputs.glob('*.mp4'): p.rename(p.with_suffix('.MKV' if p.name < '8' else '.mov'))")
    with pytest.raises(tables.TooManyLost):  # suffixes are lower case, as the contract says
        world.run(world.settings(seeds=8), max_loss=0.0)
    world.model(after="for p in outputs.glob('*.mp4'): p.rename(p.with_suffix('.mov'))")
    assert {row["status"] for row in world.run(world.settings(seeds=8))} == {"ok"}


def test_a_program_that_is_not_there_ends_in_one_line(world: World) -> None:
    with pytest.raises(CommandError, match="'no-such-program' can't be started: No such file") as caught:
        world.run(world.settings(command=["no-such-program", "{prompts}", "{outputs}"]))
    assert "\n" not in str(caught.value)


def test_ids_follow_what_makes_the_video(world: World) -> None:
    def ids(**changed: Any) -> list[str]:
        return [w.video_id for w in plan(PROMPTS, "mine", world.settings(**changed))]

    assert ids() == ids(timeout_s=5.0) and ids() == ids(seeds=4)[:2] + ids(seeds=4)[4:6]
    assert not set(ids()) & set(ids(version="2"))


def _job(world: World) -> str:
    out = [str(world.out / f"c{suffix}") for suffix in (".tar", ".videos.parquet", ".signals.parquet")]
    arguments = f"{PROMPTS!r}, 'mine', {world.settings()!r}, Limits(), *{out!r}, {str(world.partial)!r}"
    lines = "from vidmem.generate.command import command_chunk\nfrom vidmem.config.media import Limits"
    return f"{lines}\ncommand_chunk({arguments})"


def _wait(ready: Any) -> None:
    end = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
