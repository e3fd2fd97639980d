"""Snakemake from an environment of its own, and a `conda` beside it that makes one for each need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import standin
from condaaudit import ROOT, Conda
from mediafiles import write_four_clips


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
    return write_four_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def wan_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers pipeline with random weights. Wan's cleans prompts with ftfy, which diffusers does not require."""
    from pipelines import save, wan

    return save(wan.build, tmp_path_factory.mktemp("pipelines") / "wan")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, so that a test can edit its environments."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    shutil.copy2(ROOT / "Snakefile", folder)
    for name in ("src", "workflow", "config", "envs", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return folder
