"""The study's configs, planned on a made-up tree in the layouts of its data; and a command's model run for real."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.config.registry import read_registry
from vidmem.media import MediaRef, read_clip, write_video
from vidmem.plan import cost

ROOT = Path(__file__).parents[2]
STUDY = sorted(p.stem for p in (ROOT / "config").glob("study*.yaml"))
PIPELINES = {
    "modelscope": "TextToVideoSDPipeline",
    "stable-diffusion-v1-4": "StableDiffusionPipeline",
    "wan2.1-t2v-1.3b": "WanPipeline",
    "wan2.1-t2v-14b": "WanPipeline",
    "cogvideox-2b": "CogVideoXPipeline",
    "cogvideox-5b": "CogVideoXPipeline",
    "ltx-video": "LTXPipeline",
    "mochi-1": "MochiPipeline",
    "hunyuanvideo": "HunyuanVideoPipeline",
    "latte-1": "LattePipeline",
}


def video(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.random.default_rng(seed).integers(0, 255, (12, 8, 8, 3), np.uint8)
    write_video(path.with_suffix(".mp4"), np.kron(frames, np.ones((1, 8, 8, 1), np.uint8)), fps=8)
    path.with_suffix(".mp4").rename(path)


def table(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny real files laid out as WebVid-10M, LAION by img2dataset, UCF-101 and Kinetics-600 are, and the models."""
    root = tmp_path_factory.mktemp("study")
    data = root / "data"
    for side, name, first in (("webvid", "train", 1000), ("webvid-val", "val", 9000)):
        pages = ["000001_000050", "000051_000100"]
        for n, page in enumerate(pages):
            video(data / side / "videos" / page / f"{first + n}.mp4", first + n)
        rows = [(first + n, "", "PT00H00M20S", page, "Aerial shot of a town") for n, page in enumerate(pages)]
        header = ("videoid", "contentUrl", "duration", "page_dir", "name")
        table(data / side / f"results_10M_{name}.csv", header, rows)
    (data / "laion/shards").mkdir(parents=True)
    with tarfile.open(data / "laion/shards/00000.tar", "w") as tar:
        for n in range(2):
            noise = np.random.default_rng(n).integers(0, 255, (64, 64, 3), np.uint8)
            picture = io.BytesIO()
            Image.fromarray(noise).save(picture, "JPEG")
            for suffix, content in (("jpg", picture.getvalue()), ("txt", b"A map")):
                member = tarfile.TarInfo(f"00000000{n}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    video(data / "ucf101/UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi", 1)
    video(data / "kinetics600/train/abseiling/-3B32lodo2M_000059_000069.mp4", 2)
    for name, pipeline in PIPELINES.items():
        (data / "models" / name).mkdir(parents=True)
        (data / "models" / name / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    for name in ("lavie", "videocrafter", "ramvid"):
        (data / "models" / name).mkdir(parents=True)
        (data / "models" / name / "audit.sh").write_text("#!/bin/sh\n")
    return root


def snakemake(folder: Path, config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    base = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command = [*base, "--configfile", str(config), "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


@pytest.mark.parametrize("name", STUDY)
def test_a_dry_run_on_a_tree_in_the_data_s_layout_is_clean(tree: Path, name: str) -> None:
    done = snakemake(tree, ROOT / f"config/{name}.yaml", "--dry-run", "--quiet", "rules")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Error" not in done.stdout and "Warning" not in done.stdout


def test_every_report_of_the_study_holds_all_of_its_datasets() -> None:
    sections = {name: yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in STUDY}
    assert {config["audit"] for config in sections.values()} == set(STUDY)
    for name, config in sections.items():
        assert sorted([*config["report"]["beside"], name]) == STUDY
    named = {name: config["report"]["dataset"] for name, config in sections.items()}
    assert set(named.values()) == {"WebVid-10M", "LAION", "UCF-101", "Kinetics-600"}
    assert named["study"] == named["study-modern"] == "WebVid-10M"


@pytest.mark.parametrize("name", STUDY)
def test_its_cost_is_said(tree: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tree)
    assert cost.main(["--configfile", str(ROOT / f"config/{name}.yaml")]) == 0
    said = capsys.readouterr().out
    models = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())["models"]
    assert all(re.search(rf"^{model} ", said, re.MULTILINE) for model in models)
    assert re.search(r"^[\d,]+ jobs make or list at most [\d,]+ videos", said, re.MULTILINE)


def test_the_cost_of_the_study_is_what_its_sizes_multiply_to(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    from vidmem.plan import Plan

    config = yaml.safe_load((ROOT / "config/study.yaml").read_text())
    config["models"]["modelscope"]["seconds_per_video"] = 9
    found = {m.name: m for m in cost.cost(Plan(config))}["modelscope"]
    videos, steps = (500 + 200 + 200) * 4, read_registry()["modelscope-1.7b"].steps
    assert (found.videos, found.calls, found.jobs) == (videos, videos * steps * 2, 8 + 4 + 4)
    assert found.gpu_hours == videos * 9 / 3600
    assert found.video_bytes == videos * 16 * 256 * 256 // 8


def test_the_cost_of_a_config_that_cant_run_is_one_line(tree: Path, capsys: Any) -> None:
    assert cost.main(["--configfile", str(tree / "none.yaml")]) == 1
    assert capsys.readouterr().err.startswith("vidmem: ")


MODEL = """
import json, sys
from pathlib import Path
import numpy as np
from vidmem.media import write_video
for line in map(json.loads, open(sys.argv[1], encoding="utf-8")):
    coarse = np.random.default_rng(line["seed"]).integers(0, 255, (12, 8, 8, 3), np.uint8)
    aside = Path(sys.argv[2], "." + line["output"])
    write_video(aside, np.kron(coarse, np.ones((1, 8, 8, 1), np.uint8)), fps=8)
    aside.rename(Path(sys.argv[2], line["output"]))
"""


WANTED = [
    f"results/own/generate/{chunk}.videos.parquet"
    for chunk in ("asked/video-duplicated-000", "free/videos-000", "free/videos-001", "started/video-duplicated-000")
]


@pytest.fixture(scope="module")
def audit(tree: Path, make_workflow: Callable[..., Any]) -> Any:
    script = tree / "model.py"
    script.write_text(MODEL)
    command = {"kind": "command", "command": [sys.executable, str(script), "{prompts}", "{outputs}"]}
    data = tree / "data/webvid"
    webvid = {"kind": "webvid", "table": str(data / "results_10M_train.csv"), "folder": str(data / "videos")}
    config = {
        "audit": "own",
        "corpus": {"sources": {"webvid": webvid}},
        "models": {
            "asked": {**command, "seeds": 2},
            "free": {**command, "condition": "none", "videos": 3},
            "started": {**command, "condition": "image", "seeds": 1},
        },
        "generate": {"chunk_size": 2},
    }
    workflow = make_workflow(config)
    workflow.run(*WANTED)
    return workflow


def rows(audit: Any, model: str) -> list[dict[str, Any]]:
    paths = sorted((audit.folder / f"results/own/generate/{model}").glob("*.videos.parquet"))
    return list(tables.read_table(paths).iter_rows(named=True))


def test_a_command_is_asked_with_the_audit_s_prompts(audit: Any) -> None:
    found = rows(audit, "asked")
    assert [(r["seed"], r["status"]) for r in found] == [(0, "ok"), (1, "ok")]
    assert len({r["prompt_id"] for r in found}) == 1 and found[0]["prompt_id"]


def test_a_command_without_prompts_makes_a_number_of_videos_over_chunks(audit: Any) -> None:
    found = rows(audit, "free")
    assert [(r["seed"], r["prompt_id"], r["status"]) for r in found] == [(n, None, "ok") for n in range(3)]
    for row in found:
        ref = MediaRef(audit.folder / "results/own/generate/free" / row["path"], row["offset"], row["size"])
        assert len(read_clip(ref, rate_hz=None, max_frames=99, limits=Limits()).frames) == row["frames"] == 12


def test_a_command_that_starts_from_images_says_of_which_clip(audit: Any) -> None:
    (row,) = rows(audit, "started")
    assert row["status"] == "ok" and row["condition"] in ("webvid/1000", "webvid/1001")


def test_nothing_is_left_beside_the_shards(audit: Any) -> None:
    left = [p.name for p in (audit.folder / "results/own/generate").rglob("*") if p.is_dir()]
    assert sorted(left) == ["asked", "free", "started"]
    assert audit.planned(*WANTED) == {}
