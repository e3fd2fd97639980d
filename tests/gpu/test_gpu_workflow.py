"""A whole audit by the workflow on the GPU: sampled in half precision, with passes and flow there, and judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pipelines
import polars as pl
import pyarrow.parquet
import pytest
import torch
from gpuroom import DEVICE
from pipelines import modelscope
from safetensors.torch import save_file
from torchvision.models import optical_flow

from vidmem import tables

pytestmark = pytest.mark.skipif(find_spec("snakemake") is None, reason="snakemake is not installed")


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], four_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("models")
    source = pipelines.save(modelscope.build, root / "modelscope")
    torch.manual_seed(0)
    save_file(optical_flow.raft_small(weights=None).state_dict(), root / "raft.safetensors")
    model = {"kind": "diffusers", "source": str(source), "dtype": "float16", "steps": 3, "guidance_scale": 4.0,
             "width": 32, "height": 32, "frames": 9, "seeds": 2}  # fmt: skip
    frames = {"engine": "sscd-distilled", "min_std": 0.0}  # random weights: flat videos
    flow = {"engine": "raft_small", "weights": str(root / "raft.safetensors"), "device": DEVICE}
    workflow = make_workflow(
        {
            "audit": "gpu",
            "corpus": {"folder": str(four_clips)},
            "prompts": {"video_duplicated": 4, "random_train": 4, "control": 0, "evidence": ["caption"]},
            "models": {"mine": model},
            "generate": {"batch_size": 4},
            "detect": {"extra": {"noises": 2, "curvature": 1, "draft": 1}},
            "features": {"max_loss": 1.0, "frames": frames, "flow": flow},
        }
    )
    planned = workflow.planned("--resources", "gpu=1")
    done = workflow.run("--cores", "4", "--resources", "gpu=1")
    return workflow, planned, done.stdout


def table(workflow: Any, pattern: str) -> pl.DataFrame:
    return tables.read_table(sorted((workflow.folder / "results/gpu").glob(pattern)))


def test_what_the_config_puts_on_the_gpu_is_done_by_the_rules_for_it(audit: Any) -> None:
    _, planned, said = audit
    assert planned["generate_gpu"] == planned["detect_passes_gpu"] == 2, planned  # chunks
    assert "generate" not in planned and "detect_passes" not in planned, planned
    assert "gpu=1" in said, "the jobs ask for it"


def test_every_video_is_sampled_recorded_and_judged(audit: Any) -> None:
    workflow, _, _ = audit
    videos, signals = table(workflow, "generate/mine/*.videos.parquet"), table(workflow, "generate/mine/*.signals.*")
    assert len(videos) == 6 and set(videos["status"]) == {"ok"} == set(signals["status"]), videos["reason"].to_list()
    assert signals["content_magnitude"].is_finite().all() and (signals["content_magnitude"] > 0).all()
    passes = table(workflow, "detect/mine/*.passes.parquet")
    assert set(passes["status"]) == {"ok"} and passes["curvature"].drop_nulls().len() == 3, passes["reason"].to_list()
    path = workflow.folder / "results/gpu/metrics/mine.parquet"
    assert pyarrow.parquet.read_schema(path).names == tables.METRICS.names
    judged = tables.read_table(path)
    assert len(judged) == 6 and set(judged["status"]) == {"ok"} and judged["gsscd_max"].is_finite().all()
    summary = json.loads((workflow.folder / "results/gpu/summary.json").read_text())["models"]["mine"]
    assert summary["videos"] == 6 and summary["detect"]["content"]["auc"] is None
