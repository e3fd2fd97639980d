"""A model of the hub, audited by its id and commit: fetched by the workflow once, and used without the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hubstandin import COMMIT, Hub
from killing import job_of, kill_all, start
from pipelines.modelscope import build as modelscope

from vidmem import tables
from vidmem.media import write_video

ROOT = Path(__file__).parents[2]
TARGET = "results/hub/generate/theirs/random-train-000.videos.parquet"


WEIGHTS = "results/hub/generate/theirs/weights.json"
CACHE = "home/hub/models--owner--name"
LARGE = "transformer/diffusion_pytorch_model-00001-of-00002.safetensors"
PARTS = {  # of a pipeline that is nothing but large; the client writes ten megabytes at a time
    LARGE: 40_000_000,
    "transformer/diffusion_pytorch_model-00002-of-00002.safetensors": 3_000_000,
    "vae/diffusion_pytorch_model.safetensors": 3_000_000,
}


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Hub]:
    server = Hub(files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("repository")
    torch.manual_seed(0)
    modelscope().save_pretrained(str(folder), safe_serialization=True)
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with serving(
        {**files, "README.md": b"a card", "run.py": b"raise SystemExit('code of the repository was run')"}
    ) as s:
        yield s


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_audit(tmp_path_factory.mktemp("audit"))


def write_audit(made: Path) -> Path:
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


def command(folder: Path, *arguments: str) -> list[str]:
    base = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return [*base, "--configfile", "config.yaml", "--cores", "1", *arguments]


def surroundings(folder: Path, hub: Hub, **environment: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    given = {"HF_ENDPOINT": hub.address, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_XET": "1"}
    return {**clean, **given, **environment}


def snakemake(folder: Path, hub: Hub, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *arguments),
        cwd=folder,
        env=surroundings(folder, hub, **environment),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
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


def whole(folder: Path) -> set[str]:
    """Digests of the files that the cache shows as whole; each is what it is named by, which the hub says."""
    found = {path.name for path in (folder / CACHE / "blobs").glob("*") if path.suffix != ".incomplete"}
    assert found == {sha1((folder / CACHE / "blobs" / name).read_bytes()).hexdigest() for name in found}  # noqa: S324
    return found


def halves(folder: Path) -> list[int]:
    """Sizes of the files that the cache holds in part."""
    return [path.stat().st_size for path in (folder / CACHE / "blobs").glob("*.incomplete")]


def test_killed_while_it_fetches_it_goes_on_and_no_half_file_is_taken_for_a_whole_one(tmp_path: Path) -> None:
    """The job is killed at a random byte, the job that follows it with its head at another, and then it may end."""
    rng = np.random.default_rng(5)
    index = json.dumps({name: ["diffusers", "Large"] for name in ("transformer", "vae")}).encode()
    files = {"model_index.json": index, **{name: rng.bytes(size) for name, size in PARTS.items()}}
    names = {sha1(data).hexdigest(): name for name, data in files.items()}  # noqa: S324
    folder, kept = write_audit(tmp_path), set[str]()
    with serving(files) as hub:
        environment = surroundings(folder, hub)
        head = start(command(folder, WEIGHTS), folder, environment)
        for n, kill in enumerate((lambda: job_of(head, "generate_fetch").kill(), lambda: kill_all(head)), 1):
            left = sum(len(files[name]) for digest, name in names.items() if digest not in kept)
            hub.hold(rng.uniform(0.4, 0.85) * left)
            assert hub.held.wait(120), "so much was never asked for"
            wait_until(lambda n=n: sum(size > 0 for size in halves(folder)) >= n)
            kill()
            kept = whole(folder)
            assert kept < set(names) and not (folder / WEIGHTS).exists()
        served = {name: hub.served[name] for name in map(names.get, kept)}
        hub.hold(float("inf"))
        shutil.rmtree(folder / ".snakemake/locks")  # as --unlock does, which starts Snakemake for it
        assert start(command(folder, WEIGHTS), folder, environment).wait(120) == 0
    assert served and {name: hub.served[name] for name in served} == served, "what was whole was not fetched again"
    snapshot = folder / CACHE / "snapshots" / COMMIT
    assert {p.relative_to(snapshot).as_posix(): p.read_bytes() for p in snapshot.rglob("*") if p.is_file()} == files
    assert whole(folder) == set(names) and halves(folder) == [], "what killed jobs left in part is gone"
    said = [{"path": name, "bytes": len(files[name])} for name in sorted(files)]
    record = {"source": "owner/name", "revision": COMMIT, "files": said}
    assert json.loads((folder / WEIGHTS).read_text()) == record
    shutil.rmtree(folder / "home")


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)
