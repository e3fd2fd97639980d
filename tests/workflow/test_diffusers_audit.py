"""A diffusers folder on the disk, audited end to end: sampled here, with what its denoiser said."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pipelines.modelscope import build as modelscope

from vidmem import tables
from vidmem.media import write_video

CAPTIONS = ["a dog runs", "a dog runs", "a ship at sea", "two trees"]


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    data = tmp_path_factory.mktemp("data")
    torch.manual_seed(0)
    modelscope().save_pretrained(str(data / "model"), safe_serialization=True)
    (data / "corpus").mkdir()
    rng = np.random.default_rng(0)
    for n in range(4):
        coarse = rng.integers(0, 255, (12, 8, 8, 3), np.uint8)
        write_video(data / "corpus" / f"{n}.mp4", np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8)), fps=8)
    with (data / "corpus" / "captions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "caption"))
        writer.writerows((f"{n}.mp4", text) for n, text in enumerate(CAPTIONS))
    model = {"kind": "diffusers", "source": str(data / "model"), "device": "cpu", "seeds": 2, "steps": 3}
    config = {
        "audit": "local",
        "corpus": {"folder": str(data / "corpus")},
        "models": {"mine": {**model, "frames": 9, "width": 32, "height": 32, "guidance_scale": 4.0}},
        "generate": {"batch_size": 2},
        "features": {"max_loss": 1.0, "frames": {"min_std": 0.0}},  # random weights make flat videos
    }
    workflow = make_workflow(config)
    workflow.run()
    return workflow


def test_every_prompt_is_sampled_with_every_seed(audit: Any) -> None:
    folder: Path = audit.folder / "results/local/generate/mine"
    rows = tables.read_table(sorted(folder.glob("*.videos.parquet")))
    assert len(rows) == 3 * 2 and (rows["status"] == "ok").all()
    assert set(rows["width"]) == {32} and set(rows["frames"]) == {9}


def test_signals_are_there_for_every_step(audit: Any) -> None:
    folder: Path = audit.folder / "results/local/generate/mine"
    rows = tables.read_table(sorted(folder.glob("*.signals.parquet")))
    assert len(rows) == 6 * 3 and (rows["status"] == "ok").all()
    assert (rows["content_magnitude"] > 0).all() and rows["motion_magnitude"].is_finite().all()


def test_random_weights_are_not_accused(audit: Any) -> None:
    model = json.loads((audit.folder / "results/local/summary.json").read_text())["models"]["mine"]
    assert model["videos"] == 6 and model["content"]["rate"] == 0
    assert model["content"]["fpr"] is None, "four corpus clips are too few to state a rate"
    assert model["truth"] is None and model["detect"]["content"]["auc"] is None
