"""`snakemake --cores 2 --use-conda`: an audit to its report, each rule in an environment that holds its pins alone."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from condaaudit import ROOT, Conda, CondaAudit
from ruleimports import rules

MAKER = """
import json, pathlib, sys
import av, numpy as np

prompts, outputs = map(pathlib.Path, sys.argv[1:])
for line in map(json.loads, prompts.read_text(encoding="utf-8").splitlines()):
    with av.open(str(outputs / line["output"]), "w") as file:
        stream = file.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        for frame in np.random.default_rng(line["seed"]).integers(0, 255, (12, 64, 64, 3), np.uint8):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
"""
WAN = {"kind": "diffusers", "device": "cpu", "frames": 9, "width": 32, "height": 32, "steps": 2, "guidance_scale": 4.0}
EXTRA = ["results/apart/prompts/export", "results/apart/duplicates/corpus.parquet"]
# Rules that this audit has no use for. Those that make the demo's corpus and models, and judge them, would take a
# minute and more; what they import is there in `test_an_environment_is_whole`.
NOT_RUN = {"corpus_make", "generate_build", "generate_replay", "truth", "effective_size"} | {
    "generate_fetch", "detect_transfer", "features_background", "mitigate_reword",
}  # fmt: skip


def config_of(clips: Path, wan: Path) -> dict[str, Any]:
    """An audit that asks for as many of the rules as a minute allows."""
    return {
        "audit": "apart",
        "corpus": {"folder": str(clips)},
        # by captions alone: copy detection takes clips of noise for one another
        "prompts": {"video_duplicated": 1, "random_train": 0, "control": 0, "evidence": ["caption"]},
        "models": {
            "wan": {**WAN, "source": str(wan), "seeds": 1},
            "theirs": {"kind": "videos", "folder": "generated"},
            "private": {"kind": "command", "command": ["python", "maker.py", "{prompts}", "{outputs}"], "seeds": 1},
        },
        "features": {"max_loss": 1.0, "frames": {"min_std": 0.0}},  # random weights make flat videos
        "retrieve": {"index": "ivf"},
        "detect": {"extra": {"noises": 1, "curvature": 1}},
        "mitigate": {
            "models": ["wan"],
            "flagged": 1,
            "unflagged": 1,
            "remedies": {"late": {"kind": "late-guidance"}},
        },
    }


@pytest.fixture(scope="module")
def audit(conda: Conda, clips: Path, wan_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> CondaAudit:
    ours = CondaAudit(tmp_path_factory.mktemp("audit"), conda)
    ours.write_config(config_of(clips, wan_folder))
    (ours.folder / "maker.py").write_text(MAKER, encoding="utf-8")
    (ours.folder / "generated").mkdir()
    shutil.copyfile(clips / "2.mp4", ours.folder / "generated" / "copy.mp4")
    done = ours.run("all", *EXTRA)
    assert done.returncode == 0, done.stdout[-6000:]
    return ours


def test_every_rule_ran_in_its_own_environment(audit: CondaAudit) -> None:
    environments = {rule.name: (ROOT / "envs" / f"{rule.environment}.yaml").read_bytes() for rule in rules()}
    records = [json.loads(path.read_text()) for path in (audit.folder / ".snakemake" / "metadata").iterdir()]
    for record in records:
        assert base64.b64decode(record["conda_env"]) == environments[record["rule"]], record["rule"]
    assert {record["rule"] for record in records} == set(environments) - NOT_RUN


def test_the_report_is_whole_and_its_environment_knew_no_package_of_the_others(audit: CondaAudit) -> None:
    assert (audit.results / "report" / "index.html").is_file()
    summary = json.loads((audit.results / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["models"]) == {"wan", "theirs", "private"}
    assert all(model["videos"] == 1 for model in summary["models"].values())
    versions = {name for name, version in summary["versions"].items() if version}
    assert {"numpy", "av", "polars"} <= versions
    assert not versions & {"snakemake", "torch", "diffusers", "faiss", "onnxruntime"}


def test_a_second_run_does_nothing(audit: CondaAudit) -> None:
    again = audit.run("--dry-run", "all", *EXTRA)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout, again.stdout[-3000:]


@pytest.mark.parametrize("name", sorted({rule.environment for rule in rules()}))
def test_an_environment_is_whole(audit: CondaAudit, name: str) -> None:
    """By pip's own judgement, and by importing what the rules import that the audit did not run."""
    python = str(audit.conda.of_rules(ROOT / "envs" / f"{name}.yaml") / "bin" / "python")
    not_run = [rule for rule in rules() if rule.environment == name and rule.name in NOT_RUN]
    imported = ["-c", "\n".join(_imports(rule.script) for rule in not_run)]
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ours = {**alone, "PYTHONPATH": str(ROOT / "src")}  # where an installed checkout has what all of vidmem requires
    for arguments, env in ((["-m", "pip", "check"], alone), *([(imported, ours)] if not_run else [])):
        done = subprocess.run(
            [python, *arguments],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            env=env,
        )
        assert done.returncode == 0, done.stdout


def _imports(script: Path) -> str:
    lines = script.read_text(encoding="utf-8").splitlines()
    return "\n".join(line.strip() for line in lines if line.strip().startswith(("from vidmem", "import ")))


def test_a_package_that_is_missing_from_an_environment_stops_the_run_until_it_is_there(
    conda: Conda, clips: Path, checkout: Path, tmp_path: Path
) -> None:
    file = checkout / "envs" / "media.yaml"
    whole = file.read_text(encoding="utf-8")
    lacking = "".join(line for line in whole.splitlines(keepends=True) if "- av==" not in line)
    assert lacking != whole
    audit = CondaAudit(tmp_path, conda, checkout / "Snakefile")
    audit.write_config({"audit": "apart", "corpus": {"folder": str(clips)}})
    file.write_text(lacking, encoding="utf-8")
    stopped = audit.run("results/apart/corpus/corpus.parquet")
    assert stopped.returncode != 0 and "No module named 'av'" in stopped.stdout, stopped.stdout[-3000:]
    assert not (audit.results / "corpus" / "corpus.parquet").exists()
    file.write_text(whole, encoding="utf-8")
    done = audit.run("results/apart/corpus/corpus.parquet")
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_package_that_snakemake_has_and_an_environment_has_not_is_missed_too(
    conda: Conda, clips: Path, checkout: Path, tmp_path: Path
) -> None:
    """Snakemake lends scripts its own packages. A user's Snakemake may have others, so none may be needed."""
    file = checkout / "envs" / "media.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "- pydantic==" not in line), encoding="utf-8")
    audit = CondaAudit(tmp_path, conda, checkout / "Snakefile")
    audit.write_config({"audit": "apart", "corpus": {"folder": str(clips)}})
    stopped = audit.run("results/apart/corpus/corpus.parquet")
    assert stopped.returncode != 0 and "No module named 'pydantic'" in stopped.stdout, stopped.stdout[-3000:]
