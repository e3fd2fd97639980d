"""What the room's tests share: the device, chunks that are generated on it, and how near numbers and pixels are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from vidmem import text
from vidmem.generate import run
from vidmem.tables import read_table

DEVICE = os.environ.get("VIDMEM_TEST_DEVICE", "cuda")
TEXTS = ["a dog runs on a beach", "two boats at sea", "rain over a city"]
PROMPTS = [{"prompt_id": text.prompt_id(t), "text": t} for t in TEXTS]
SETTINGS: dict[str, Any] = {
    "kind": "diffusers", "seeds": 2, "steps": 2, "guidance_scale": 4.0, "frames": 9, "width": 32, "height": 32,
    "fps": 8.0, "crf": 12, "batch_size": 2, "device": DEVICE,
}  # fmt: skip
NAMES = ("c.tar", "c.videos.parquet", "c.signals.parquet")
MAGNITUDES = ("content_magnitude", "motion_magnitude", "uncond_norm")
Rows = Sequence[Sequence[Mapping[str, Any]]]  # a video, a step


@contextmanager
def whole_float32() -> Iterator[None]:
    """Convolutions in float32 as on the CPU. By torch's default cuDNN rounds what it multiplies to 10 bits (TF32)."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def generate(
    source: Path, out: Path, prompts: Sequence[Mapping[str, Any]] = PROMPTS, references: Any = (), **changes: Any
) -> tuple[dict[str, bytes], pl.DataFrame, pl.DataFrame]:
    """Bytes of a chunk's files by name, and its tables of videos and signals."""
    out.mkdir(exist_ok=True)
    files = [out / name for name in NAMES]
    settings = {**SETTINGS, **changes}
    run.generate_chunk(prompts, "m", settings, source, *files, out / "c.partial", threads=1, references=references)
    return {path.name: path.read_bytes() for path in files}, read_table(files[1]), read_table(files[2])


def devices(pipeline: Any) -> set[str]:
    """Where the weights of a pipeline's components lie: `cpu`, `cuda`, `meta`."""
    modules = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    return {weight.device.type for module in modules for weight in module.parameters()}


def apart(one: Rows, other: Rows, names: Sequence[str] = MAGNITUDES) -> tuple[float, str]:
    """The largest relative difference of two runs' signals, and where it is."""
    worst, where = 0.0, "nowhere"
    for video, (mine, theirs) in enumerate(zip(one, other, strict=True)):
        for step, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            for name in names:
                x, y = a.get(name), b.get(name)
                assert (x is None) == (y is None), f"{name} of video {video}, step {step}: {x} and {y}"
                found = 0.0 if x is None else abs(x - y) / max(abs(x), 1e-30)
                if found > worst:
                    worst, where = found, f"{name} of video {video} at step {step}: {x:.6g} and {y:.6g}"
    return worst, where


def pixels_apart(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> tuple[int, float]:
    """The largest difference of two runs' pixels, and the largest mean difference of a video (of 255)."""
    assert [v.shape for v in one] == [v.shape for v in other]
    found = [np.abs(a.astype(int) - b.astype(int)) for a, b in zip(one, other, strict=True)]
    return max(int(d.max()) for d in found), max(float(d.mean()) for d in found)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of families that have no guidance, and of libraries about their future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
