"""Snakemake from an environment of its own, and a `conda` beside it that makes one for each need."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import standin
from condaaudit import ROOT, Conda

from vidmem.media import write_video


@pytest.fixture(scope="session")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conda]:
    """A conda with the environment `head`, which a user starts Snakemake from, made as the documentation says."""
    folder = tmp_path_factory.mktemp("conda")
    ours = Conda(standin.install(folder / "conda"), folder / "environments")
    made = ours.create(ROOT / "envs" / "snakemake.yaml", ours.environments / "head")
    assert made.returncode == 0, made.stderr
    yield ours
    shutil.rmtree(folder)  # names of 100,000 files, which pytest would keep for three sessions


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four clips with captions, two of which are the same."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    lines = ["path,caption"]
    for n, caption in enumerate(("a dog runs", "a dog runs", "a ship at sea", "two trees")):
        coarse = rng.integers(0, 255, (12, 8, 8, 3), np.uint8)
        write_video(folder / f"{n}.mp4", np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8)), fps=8)
        lines.append(f"{n}.mp4,{caption}")
    (folder / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def wan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers pipeline with random weights. Wan's cleans prompts with ftfy, which diffusers does not require."""
    import torch
    from pipelines import wan

    folder = tmp_path_factory.mktemp("pipelines") / "wan"
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        wan.build().save_pretrained(str(folder), safe_serialization=True)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, so that a test can edit its environments."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy2(ROOT / "Snakefile", folder)
    for name in ("src", "workflow", "config", "envs", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return folder
