"""Our own pipelines, whose memorisation is known, on the GPU: they sample what they do on the CPU.

Their jobs run on the CPU (`auto` means it for them), and training does so always: a planted model's weights are to be
the same bytes wherever an audit is run, and 200 seconds of two cores are all that the demo's takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpuroom import DEVICE, apart, devices, pixels_apart, quiet, whole_float32
from test_generate_known import CAPTIONS, moving

from vidmem import text
from vidmem.generate.extra_passes import make_passes
from vidmem.generate.known.oracle import build_oracle
from vidmem.generate.known.planted import train_planted
from vidmem.generate.load import load_pipeline, sample
from vidmem.generate.recorder import Recorder

SETTINGS = {"steps": 8, "guidance_scale": 2.0}
TRAINING = {"train_steps": 12, "batch_size": 4, "learning_rate": 2e-3}
KINDS = ("oracle", "oracle, smoothed", "planted")


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    return np.stack([moving(i, frames=4, side=24) for i in range(3)])


@pytest.fixture(scope="module")
def folders(clips: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("known")
    support = [(text.prompt_id(caption), caption, [n]) for n, caption in enumerate(CAPTIONS)]
    build_oracle(support, clips, {"bandwidth": 0.0}, root / KINDS[0])
    build_oracle(support, clips, {"bandwidth": 0.5}, root / KINDS[1])
    train_planted(clips, CAPTIONS, [1, 4, 16], TRAINING, root / KINDS[2], seed=1, threads=2)
    return {kind: root / kind for kind in KINDS}


def sampled(pipeline: Any) -> tuple[Recorder, list[np.ndarray]]:
    with quiet(), Recorder(pipeline, videos=3, guidance_scale=2.0) as recorder:
        videos = sample(pipeline, CAPTIONS, [0, 1, 2], SETTINGS)
    return recorder, videos


@pytest.mark.parametrize("kind", KINDS)
def test_a_known_model_samples_on_the_gpu_what_it_samples_on_the_cpu(
    kind: str, folders: dict[str, Path], clips: np.ndarray
) -> None:
    pipeline = load_pipeline(folders[kind], device=DEVICE)
    assert pipeline.device.type == DEVICE
    with whole_float32():
        expected, (recorder, videos) = sampled(load_pipeline(folders[kind], device="cpu")), sampled(pipeline)
        again = sampled(pipeline)
    assert {row["status"] for rows in recorder.rows for row in rows} == {"ok"}
    assert recorder.error is not None and recorder.error <= 1e-6, f"relative error {recorder.error}"
    firsts = [rows[:1] for rows in expected[0].rows], [rows[:1] for rows in recorder.rows]
    found, where = apart(*firsts)
    most, mean = pixels_apart(expected[1], videos)
    assert found <= 1e-3, f"first step's signals differ by {found:.2g} ({where})"
    assert most <= 3 and mean <= 0.1, f"pixels differ by up to {most}, {mean:.3f} on average"
    if kind == "oracle":
        assert pixels_apart(list(clips), videos)[0] <= 1, "an exact oracle gives its clips"
    assert recorder.rows == again[0].rows and pixels_apart(videos, again[1])[0] == 0, f"{kind} is not deterministic"


@pytest.mark.parametrize("kind", KINDS)
def test_its_jobs_which_ask_for_no_gpu_take_none(kind: str, folders: dict[str, Path]) -> None:
    assert load_pipeline(folders[kind], device="auto").device.type == "cpu"


def test_passes_of_a_planted_model_are_the_cpus(folders: dict[str, Path]) -> None:
    prompts = [{"prompt_id": text.prompt_id(c), "text": c} for c in CAPTIONS]
    pipelines = [load_pipeline(folders["planted"], device=device) for device in ("cpu", DEVICE)]
    assert devices(pipelines[1]) == {DEVICE}
    extra = {"noises": 2, "curvature": 1, "draft": 1}
    with whole_float32(), quiet():
        expected, found = (list(make_passes(p, prompts, {**SETTINGS, "batch_size": 2}, extra)) for p in pipelines)
    for one, other in zip(expected, found, strict=True):
        assert (other["status"], other["reason"]) == ("ok", None)
        for column in ("content_magnitude", "motion_magnitude", "departure", "moved"):
            if one.get(column) is not None:
                assert other[column] == pytest.approx(one[column], rel=1e-3), column
        if one.get("curvature") is not None:  # a finite difference, which magnifies rounding
            assert other["curvature"] == pytest.approx(one["curvature"], rel=0.05), "curvature"
