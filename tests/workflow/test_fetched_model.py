"""A model of the hub, audited by its id and commit: fetched by the workflow once, and used without the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hubstandin import COMMIT, Hub
from pipelines.modelscope import build as modelscope

from vidmem import tables
from vidmem.media import write_video

ROOT = Path(__file__).parents[2]
TARGET = "results/hub/generate/theirs/random-train-000.videos.parquet"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("repository")
    torch.manual_seed(0)
    modelscope().save_pretrained(str(folder), safe_serialization=True)
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    server = Hub({**files, "README.md": b"a card", "run.py": b"raise SystemExit('code of the repository was run')"})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("audit")
    coarse = np.random.default_rng(0).integers(0, 255, (12, 8, 8, 3), np.uint8)
    (made / "corpus").mkdir()
    write_video(made / "corpus" / "a.mp4", np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8)), fps=8)
    (made / "corpus" / "captions.csv").write_text("path,caption\na.mp4,a dog runs\n")
    model = {"kind": "diffusers", "family": "modelscope", "source": "owner/name", "revision": COMMIT, "device": "cpu"}
    config = {
        "audit": "hub",
        "corpus": {"folder": "corpus"},
        "models": {"theirs": {**model, "seeds": 1, "steps": 2, "frames": 9, "width": 32, "height": 32}},
    }
    (made / "config.yaml").write_text(yaml.safe_dump(config))
    return made


def snakemake(folder: Path, hub: Hub, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    base = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command = [*base, "--configfile", "config.yaml", "--cores", "1", *arguments]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    given = {"HF_ENDPOINT": hub.address, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1"}
    env = {**clean, **given, **environment}
    return subprocess.run(
        command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(tables.read_table(folder / TARGET).iter_rows(named=True))


def test_a_hub_model_is_fetched_sampled_and_sampled_again_without_the_network(hub: Hub, folder: Path) -> None:
    done = snakemake(folder, hub, TARGET)
    assert done.returncode == 0, done.stdout[-4000:]
    first = rows(folder)
    assert [row["status"] for row in first] == ["ok"]
    assert "README.md" not in hub.served and "run.py" not in hub.served
    record = json.loads((folder / "results/hub/generate/theirs/weights.json").read_text())
    assert record["revision"] == COMMIT and "unet/diffusion_pytorch_model.safetensors" in {
        f["path"] for f in record["files"]
    }
    hub.shutdown()
    again = snakemake(folder, hub, TARGET, "--forcerun", "generate", HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stdout[-4000:]
    assert "generate_fetch" not in again.stdout
    assert rows(folder) == first
