"""What an audit would run and take: the workflow's own count, its cost, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from vidmem import check
from vidmem.cli.app import app
from vidmem.cli.dryrun import RULES, job_counts, jobs_to_run, stages_of_rules
from vidmem.cli.errors import Failure
from vidmem.plan import Plan, plan_or_exit
from vidmem.plan.cost import cost

STATS = """Building DAG of jobs...
Job stats:
job              count
-------------  -------
corpus_list          4
retrieve             6
total               10

Job stats:
job              count
total               10
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the config of an audit of two folders, with sections of its own, in the present folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("corpus", "generated"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").write_bytes(b"x")

    def write(**sections: Any) -> Path:
        whole = {
            "audit": "a",
            "corpus": {"folder": "corpus"},
            "models": {"theirs": {"kind": "videos", "folder": "generated"}},
        }
        Path("a.yaml").write_text(yaml.safe_dump({**whole, **sections}), encoding="utf-8")
        return Path("a.yaml")

    return write


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments])


def test_jobs_are_those_that_the_workflow_would_run(config: Callable[..., Path]) -> None:
    found = check(config())
    assert found.jobs == {
        "corpus": 3,  # list, probe, manifest
        "duplicates": 1,
        "prompts": 1,
        "generate": 1,
        "features": 3,  # of the corpus, of the model, of the null clips
        "retrieve": 2,  # of the model, of the null clips
        "metrics": 1,
        "detect": 1,
        "report": 2,  # the report, and the audit's row of the study's table
    }
    order = ["corpus", "duplicates", "prompts", "generate", "features", "retrieve", "metrics", "detect", "report"]
    assert list(found.jobs) == order  # as the data flows


def test_every_rule_belongs_to_a_stage() -> None:
    stages = stages_of_rules()
    assert set(stages.values()) == {path.stem for path in RULES.glob("*.smk")} - {"common"}
    assert stages["index_corpus"] == "retrieve" and stages["generate_fetch"] == "generate"


def test_jobs_are_counted_once_though_the_table_is_printed_twice() -> None:
    assert job_counts(STATS) == {"corpus_list": 4, "retrieve": 6}
    assert job_counts("Nothing to be done (all requested files are present and up to date).") == {}


def test_a_run_that_would_not_start_says_why(config: Callable[..., Path]) -> None:
    with pytest.raises(Failure, match=r"^the workflow would not run: corpus.folder: 'gone' is not a folder"):
        jobs_to_run(config(corpus={"folder": "gone"}))


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"corpsu": 1}, "a.yaml: corpsu: unknown key; did you mean 'corpus'?"),
        ({"corpus": {"folder": "corpse"}}, "corpus.folder: 'corpse' is not a folder; did you mean 'corpus'?"),
        ({"models": {"m": {"preset": "wan2.1-t2v-1.3b"}}}, "models.m.revision: 'Wan-AI/Wan2.1-T2V-1.3B-Diffusers'"),
    ],
)
def test_a_wrong_config_is_the_workflows_own_line_and_ends_with_1(
    config: Callable[..., Path], sections: dict[str, Any], said: str
) -> None:
    path = config(**sections)
    done = call(str(path))
    assert done.exit_code == 1 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"vidmem: {said}")
    with pytest.raises(SystemExit) as ended:
        plan_or_exit(yaml.safe_load(path.read_text()))
    assert str(ended.value).removeprefix("vidmem: config: ").removeprefix("vidmem: ") in line


@pytest.mark.parametrize("text", ["", "- a\n", "audit: [\n", "audit: a\n", "\x00"])
def test_what_is_no_config_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    done = call(str(tmp_path / "a.yaml"), "--no-jobs")
    assert done.exit_code == 1 and done.stderr.startswith(f"vidmem: {tmp_path / 'a.yaml'}: ")
    assert len(done.stderr.splitlines()) == 1


def test_numbers_are_those_of_the_cost(config: Callable[..., Path]) -> None:
    path = config(
        models={
            "wan": {
                "preset": "wan2.1-t2v-1.3b",
                "revision": "0" * 40,
                "seconds_per_video": 90,
                "prompt_sets": ["control"],
            },
            "mine": {"preset": "latte-1", "revision": "1" * 40, "prompt_sets": ["control"]},
        }
    )
    done = call(str(path), "--no-jobs", "--json")
    said = json.loads(done.stdout)
    costs = cost(Plan(yaml.safe_load(path.read_text())))
    assert said["models"] == [vars(m) for m in costs] and said["jobs"] is None
    assert said["gpu_hours"] == 400 * 90 / 3600 and said["untimed"] == ["mine"] and said["videos"] == 800
    assert said["disk_bytes"] == sum((m.video_bytes or 0) + m.feature_bytes for m in costs) + said["corpus_bytes"]
    assert sum("is fetched from the hub" in note for note in said["notes"]) == 2
    text = call(str(path), "--no-jobs").stdout
    assert "GPU-hours, by `seconds_per_video`: 10.0." in text and "GPU-hours of mine: unknown" in text


def test_what_is_missing_ends_with_3(config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    features = {"frames": {"engine": "sscd", "weights": "none.pt", "sha256": "0" * 64}}
    models = {"wan": {"preset": "wan2.1-t2v-1.3b", "revision": "0" * 40}}
    done = call(str(config(features=features, models=models)), "--no-jobs")
    assert done.exit_code == 3
    missing = [line for line in done.stdout.splitlines() if line.startswith("missing: ")]
    assert missing == [
        "missing: features.frames.weights: 'none.pt' is not a file",
        "missing: models.wan.source: on the hub, and HF_HUB_OFFLINE is set",
    ]
    Path("none.pt").write_bytes(b"x")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert call(str(config(features=features, models=models)), "--no-jobs").exit_code == 0


def test_more_than_the_disk_holds_is_missing(config: Callable[..., Path]) -> None:
    models = {"wan": {"preset": "wan2.1-t2v-1.3b", "revision": "0" * 40, "seeds": 1024, "frames": 40001}}
    found = check(config(models=models, prompts={"video_duplicated": 10**6}), jobs=False)
    assert [line.split(":")[0] for line in found.missing if "disk" in line] == ["disk"]


def test_notes_say_what_a_reader_should_know(config: Callable[..., Path]) -> None:
    assert any(note.startswith("corpus.heldout: is not given") for note in check(config(), jobs=False).notes)
    none = check(config(models={}), jobs=False)
    assert none.models == [] and none.gpu_hours is None
    assert none.notes == ["models: there are none, so the audit ends with the prompts"]
    text = call(str(config(models={})), "--no-jobs").stdout
    assert "On disk at most: the corpus' features" in text and "GPU" not in text and "0 videos" not in text
