"""Diffusers folders on the disk, audited end to end: asked with prompts, with images, by class, and screened."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from pipelines import dit, modelscope, wan_i2v

from vidmem import tables

COMMON = {"kind": "diffusers", "device": "cpu", "steps": 3, "guidance_scale": 4.0, "width": 32, "height": 32}


def audit_of(folder: Path, models: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "audit": "local",
        "corpus": {"folder": str(folder)},
        # by captions alone: copy detection takes clips of noise for one another
        "prompts": {"video_duplicated": 4, "random_train": 4, "control": 0, "evidence": ["caption"]},
        "models": models,
        "generate": {"batch_size": 2, **changes},
        "features": {"max_loss": 1.0, "frames": {"min_std": 0.0}},  # random weights make flat videos
    }


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of three pipelines: one of each way to ask."""
    root = tmp_path_factory.mktemp("models")
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        for module in (modelscope, wan_i2v, dit):
            module.build().save_pretrained(str(root / module.__name__), safe_serialization=True)
    return {name: str(root / f"pipelines.{name}") for name in ("modelscope", "wan_i2v", "dit")}


@pytest.fixture(scope="module")
def audit(make_workflow: Callable[..., Any], four_clips: Path, sources: dict[str, str]) -> Any:
    models = {
        "mine": {**COMMON, "source": sources["modelscope"], "frames": 9, "seeds": 2},
        "started": {**COMMON, "source": sources["wan_i2v"], "frames": 9, "seeds": 1, "condition": "image"},
        "classes": {**COMMON, "source": sources["dit"], "condition": "class", "classes": [7, 3], "videos": 3},
    }
    workflow = make_workflow(audit_of(four_clips, models))
    workflow.run()
    return workflow


def table(audit: Any, model: str, which: str) -> pl.DataFrame:
    return tables.read_table(sorted((audit.folder / "results/local/generate" / model).glob(f"*.{which}.parquet")))


def summary(audit: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((audit.folder / "results/local/summary.json").read_text())["models"]
    return found


def test_every_prompt_is_sampled_with_every_seed(audit: Any) -> None:
    rows = table(audit, "mine", "videos")
    assert len(rows) == 3 * 2 and (rows["status"] == "ok").all()
    assert set(rows["width"]) == {32} and set(rows["frames"]) == {9}


def test_signals_are_there_for_every_step(audit: Any) -> None:
    rows = table(audit, "mine", "signals")
    assert len(rows) == 6 * 3 and (rows["status"] == "ok").all()
    assert (rows["content_magnitude"] > 0).all() and rows["motion_magnitude"].is_finite().all()


def test_videos_that_start_from_an_image_start_from_their_prompts_own_clip(audit: Any) -> None:
    rows, signals = table(audit, "started", "videos"), table(audit, "started", "signals")
    prompts = tables.read_table(audit.folder / "results/local/prompts/prompts.parquet")
    own = dict(prompts.select("prompt_id", "source_ids").iter_rows())
    assert len(rows) == 3 and set(rows["status"]) == {"ok"} == set(signals["status"])
    assert all(item in own[prompt] for prompt, item in rows.select("prompt_id", "condition").iter_rows())
    assert summary(audit)["started"]["videos"] == 3


def test_a_model_of_classes_is_asked_for_them_in_turn_and_judged_without_prompts(audit: Any) -> None:
    rows = table(audit, "classes", "videos")
    assert sorted(rows.select("class_label", "seed").iter_rows()) == [(3, 0), (7, 0), (7, 1)]
    assert set(rows["status"]) == {"ok"} and set(rows["prompt_id"]) == {None}
    judged = tables.read_table(audit.folder / "results/local/metrics/classes.parquet")
    assert set(judged["status"]) == {"ok"} and judged["gsscd_max"].is_finite().all()
    assert summary(audit)["classes"]["videos"] == 3


def test_random_weights_are_not_accused(audit: Any) -> None:
    model = summary(audit)["mine"]
    assert model["videos"] == 6 and model["content"]["rate"] == 0
    assert model["content"]["fpr"] is None, "four corpus clips are too few to state a rate"
    assert model["truth"] is None and model["detect"]["content"]["auc"] is None


@pytest.fixture(scope="module")
def screening(make_workflow: Callable[..., Any], four_clips: Path, sources: dict[str, str]) -> Any:
    models = {"mine": {**COMMON, "source": sources["modelscope"], "frames": 9, "seeds": 2}}
    workflow = make_workflow(audit_of(four_clips, models, signals="first-step-only"))
    workflow.run()
    return workflow


def test_a_screening_has_the_first_steps_signals_and_no_videos(screening: Any, audit: Any) -> None:
    rows, signals = table(screening, "mine", "videos"), table(screening, "mine", "signals")
    assert set(rows["status"]) == {"skipped"} and len(rows) == 6
    whole = table(audit, "mine", "signals")
    keys = ["prompt_id", "seed"]
    first = whole.filter(pl.col("step") == 0).sort(keys).drop("video_id")
    assert signals.sort(keys).drop("video_id").equals(first)


def test_a_screening_judges_nothing_and_says_so(screening: Any) -> None:
    model = summary(screening)["mine"]
    assert model["videos"] == 0 and model["content"]["rate"] is None and model["motion"]["rate"] is None
    page = (screening.folder / "results/local/report/index.html").read_text(encoding="utf-8")
    assert "first step only: signals without a video" in page
