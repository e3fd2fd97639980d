"""Sampling on the GPU: where weights lie and in which numbers, memory that runs out, and a chunk that is killed."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pipelines
import pytest
import torch
from gpuroom import (
    DEVICE,
    NAMES,
    PROMPTS,
    SETTINGS,
    TEXTS,
    apart,
    devices,
    generate,
    pixels_apart,
    quiet,
    whole_float32,
)

from vidmem.generate import run
from vidmem.generate.load import load_pipeline, sample
from vidmem.generate.recorder import Recorder, latent_frames
from vidmem.gpu import own_gpu

MODULES = pipelines.families()
FAMILIES = ("modelscope", "wan")
DENOISER = {"modelscope": "unet.conv_in", "wan": "transformer.patch_embedding"}
TF32 = 5e-2  # relative: rounding weights to TF32's 10 bits changes magnitudes on the CPU by up to 1.4e-2
on_a_gpu = pytest.mark.skipif(DEVICE == "cpu", reason="the CPU's memory is not filled")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: pipelines.save(MODULES[name].build, root / name) for name in FAMILIES}


def sampled(pipeline: Any, texts: list[str] = TEXTS, steps: int = 2) -> tuple[Recorder, list[np.ndarray]]:
    """One video a text, and the recorder that listened."""
    frames = latent_frames(pipeline, SETTINGS["frames"])
    with quiet(), Recorder(pipeline, videos=len(texts), guidance_scale=4.0, latent_frames=frames) as recorder:
        videos = sample(pipeline, texts, list(range(len(texts))), {**SETTINGS, "steps": steps})
    return recorder, videos


def drawn_alike(dtype: str) -> bool:
    """Whether this torch draws the same noise in a number type as in float32: ModelScope draws its in its own.

    2.14 does. 2.11 did not: there a seed is another video in half precision.
    """
    noises = [
        torch.randn(4096, generator=torch.Generator().manual_seed(0), dtype=d)
        for d in (torch.float32, getattr(torch, dtype))
    ]
    return bool((noises[0] - noises[1].float()).abs().max() < 0.1)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", FAMILIES)
def test_auto_takes_the_gpu_and_keeps_the_number_type(name: str, dtype: str, folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders[name], device="auto", dtype=dtype)
    assert devices(pipeline) == {DEVICE}
    assert DEVICE == "cpu" or str(pipeline.device) == own_gpu()
    component, layer = DENOISER[name].split(".")
    assert getattr(getattr(pipeline, component), layer).weight.dtype == getattr(torch, dtype)
    recorder, videos = sampled(pipeline)
    assert recorder.error is not None and recorder.error <= 1e-6, f"relative error {recorder.error}"
    assert {row["status"] for rows in recorder.rows for row in rows} == {"ok"}
    assert all(video.std() > 0 for video in videos)
    whole, pictures = sampled(load_pipeline(folders[name], device="cpu"))
    found, where = apart(whole.rows, recorder.rows, ["uncond_norm"])
    allowed = {"float32": 1e-2, "float16": 2e-2, "bfloat16": 5e-2}[dtype]
    assert found <= allowed, f"{found:.2g} ({where})"
    most, mean = pixels_apart(pictures, videos)
    if name == "wan" or drawn_alike(dtype):
        assert mean <= 5, f"pixels {most}, {mean:.3f} on average"


@pytest.mark.parametrize("name", FAMILIES)
def test_torchs_own_tf32_changes_signals_by_no_more_than_its_rounding(name: str, folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders[name], device=DEVICE)
    rounded, shown = sampled(pipeline)
    with whole_float32():
        whole, pictures = sampled(pipeline)
    found, where = apart(whole.rows, rounded.rows)
    most, mean = pixels_apart(pictures, shown)
    assert found <= TF32 and mean <= 1, f"signals differ by {found:.2g} ({where}), pixels by {most} ({mean:.3f})"


@pytest.mark.parametrize("offload", ["model", "sequential"])
@pytest.mark.parametrize("name", FAMILIES)
def test_offloaded_weights_sample_the_same(name: str, offload: str, folders: dict[str, Path]) -> None:
    plain, pictures = sampled(load_pipeline(folders[name], device=DEVICE))
    pipeline = load_pipeline(folders[name], device=DEVICE, offload=offload)
    for _ in range(2):  # the second call finds the pipeline as the first left it
        recorder, videos = sampled(pipeline)
        found, where = apart(plain.rows, recorder.rows)
        most, mean = pixels_apart(pictures, videos)
        assert found <= 1e-3 and most <= 1, f"signals differ by {found:.2g} ({where}), pixels by {most} ({mean:.3f})"
    found_on = devices(pipeline)
    assert DEVICE == "cpu" or DEVICE not in found_on, f"weights lie on {found_on} between calls"


@pytest.mark.parametrize("offload", ["none", "model", "sequential"])
def test_a_screening_stops_after_the_first_step_and_can_be_called_again(
    offload: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    only = {"signals": "first-step-only", "offload": offload}
    _, videos, signals = generate(folders["wan"], tmp_path / "screened", **only)
    _, _, whole = generate(folders["wan"], tmp_path / "whole")
    assert set(videos["status"]) == {"skipped"} and set(signals["status"]) == {"ok"}
    first = whole.filter(whole["step"] == 0)
    assert signals["content_magnitude"].to_list() == pytest.approx(first["content_magnitude"].to_list(), rel=1e-3)


# Memory

LARGE = {"frames": 17, "width": 512, "height": 512, "crf": 30}  # so large that videos count, and not weights


def peak(work: Any) -> int:
    """Most bytes that were in use at once during `work`: the least that it can do with."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    work()
    return torch.cuda.max_memory_allocated()


@contextmanager
def at_most(limit: int) -> Iterator[None]:
    """torch may take so many bytes of the GPU."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.set_per_process_memory_fraction(limit / torch.cuda.get_device_properties(0).total_memory)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@on_a_gpu
def test_a_batch_that_does_not_fit_is_halved_and_every_video_is_there(folders: dict[str, Path], tmp_path: Path) -> None:
    """The limit is a little under the least that four videos at once can do with."""
    source, prompts = folders["wan"], PROMPTS[:2]
    generate(source, tmp_path / "warm", prompts[:1], **LARGE)  # libraries take their workspaces
    ample, _, _ = generate(source, tmp_path / "two", prompts, **LARGE, batch_size=2)
    two, four = (peak(lambda n=n: generate(source, tmp_path / f"{n}", prompts, **LARGE, batch_size=n)) for n in (2, 4))
    limit = int(0.97 * four)
    said = f"bytes in use: two videos {two:,}, four {four:,}; limit {limit:,}"
    assert four > 1.3 * two, said
    with at_most(limit), pytest.warns(RuntimeWarning, match="out of memory with 4 videos at once, going on with 2"):
        files, videos, signals = generate(source, tmp_path / "halved", prompts, **LARGE, batch_size=4)
        taken = torch.cuda.max_memory_reserved()
    assert videos["status"].to_list() == ["ok"] * 4, (said, videos["reason"].to_list())
    assert videos["batch_size"].to_list() == [2] * 4 and set(signals["status"]) == {"ok"}, said
    assert taken <= limit, f"{said}; taken {taken:,}"
    assert [name for name in files if files[name] == ample[name]] == list(NAMES), "of batches of two from the start"


@on_a_gpu
def test_a_chunk_of_videos_that_never_fit_is_rows_that_say_what_to_do(folders: dict[str, Path], tmp_path: Path) -> None:
    source, prompts = folders["wan"], PROMPTS[:2]
    one = peak(lambda: generate(source, tmp_path / "one", prompts[:1], **LARGE, batch_size=1))
    loaded = peak(lambda: load_pipeline(source, device=DEVICE))
    limit = (one + loaded) // 2 + 40 * 2**20  # torch takes parts of 20 MB for what is small
    said = f"bytes in use: one video {one:,}, weights {loaded:,}; limit {limit:,}"
    assert limit < 0.95 * one, said
    with at_most(limit), quiet():
        _, videos, signals = generate(source, tmp_path / "never", prompts, **LARGE, batch_size=4)
    assert videos["status"].to_list() == ["failed"] * 4, (said, videos["reason"].to_list())
    for words in ("out of memory at batch size 1", "offload", "smaller frames"):
        assert all(words in reason for reason in videos["reason"]), videos["reason"].to_list()
    assert set(signals["status"]) == {"failed"}
    _, after, _ = generate(source, tmp_path / "never", prompts, **LARGE, batch_size=1)
    assert set(after["status"]) == {"ok"}, "memory that ran out is there again"


def test_a_video_that_never_fits_fails_alone(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One caption asks for more memory than there is, of the allocator itself; those beside it are made."""

    def load(*args: Any, **kwargs: Any) -> Any:
        pipeline = load_pipeline(*args, **kwargs)
        (greedy,) = pipeline.tokenizer([TEXTS[1]]).input_ids

        def refuse(module: Any, args: Any) -> None:
            rows = [[i for i in row if i in greedy] for row in args[0].tolist()]
            if any(row[: len(greedy)] == greedy for row in rows):
                torch.empty(1 << 50, device=args[0].device)

        pipeline.text_encoder.register_forward_pre_hook(refuse)
        return pipeline

    with quiet(), monkeypatch.context() as patch:
        patch.setattr(run, "load_pipeline", load)
        _, videos, _ = generate(folders["modelscope"], tmp_path, batch_size=6)
    assert videos["status"].to_list() == ["ok", "ok", "failed", "failed", "ok", "ok"], videos["reason"].to_list()
    assert all("out of memory at batch size 1" in reason for reason in videos["reason"][2:4])


# A job that is killed

CHILD = """
import json, os, signal, sys
from vidmem.generate.run import generate_chunk
from vidmem.generate.shard import Partial
prompts, settings, source, out = json.loads(sys.argv[1])
write = Partial.write
def write_and_die(self, *args):
    write(self, *args)
    os.kill(os.getpid(), signal.SIGKILL)
Partial.write = write_and_die
generate_chunk(prompts, "m", settings, source, out + "/c.tar", out + "/c.videos.parquet", out + "/c.signals.parquet",
               out + "/c.partial", threads=1)
"""


@pytest.fixture(scope="module")
def killed(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, int]]:
    """Chunks by pipeline whose jobs died of SIGKILL with the first clip kept, and the jobs' exit statuses."""
    started = {}
    for name, source in folders.items():
        out = tmp_path_factory.mktemp(f"killed-{name}")
        job = json.dumps([PROMPTS, SETTINGS, str(source), str(out)])
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        started[name] = out, subprocess.Popen([sys.executable, "-W", "ignore", "-c", CHILD, job], env=environment)
    return {name: (out, child.wait(300)) for name, (out, child) in started.items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_killed_chunk_goes_on_to_the_rows_and_bytes_of_one_that_never_was(
    name: str, folders: dict[str, Path], killed: dict[str, tuple[Path, int]], tmp_path: Path
) -> None:
    out, status = killed[name]
    assert status == -signal.SIGKILL, f"the job was not killed: exit status {status}"
    assert len(list(out.glob("c.partial/*.json"))) == 1, "one clip was finished"
    again, videos, signals = generate(folders[name], out)
    whole, all_videos, all_signals = generate(folders[name], tmp_path / "whole")
    keys = ["video_id", "status", "seed", "batch_size"]
    assert videos.select(keys).equals(all_videos.select(keys)) and set(videos["status"]) == {"ok"}
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)
    found = {column: (signals[column] - all_signals[column]).abs().max() for column in ("content_magnitude", "cosine")}
    same = [file for file in whole if whole[file] == again[file]]
    assert same == list(whole), f"{name}: only {same} are the same bytes; signals differ by {found}"
