"""A config to begin with: the layout of every kind of folder, what is written passes `check`, and questions."""

from __future__ import annotations

import csv
import fcntl
import os
import pty
import select
import subprocess
import sys
import tarfile
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from vidmem.cli.app import app
from vidmem.cli.begin import answers, config_text, model_section, yaml_line
from vidmem.cli.errors import Failure
from vidmem.cli.layout import detect_layout
from vidmem.config import load_config
from vidmem.config.registry import read_registry
from vidmem.plan import Plan

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def fill(folder: Path, *names: str) -> Path:
    """A folder with files of these names; nothing is opened here, so they hold a byte."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def table(path: Path, *rows: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",").writerows(rows)
    return path


def plain(root: Path) -> dict[str, Any]:
    fill(root, "a.mp4", "b/c.webm", "d.jpg", "notes.txt")
    return {"kind": "folder", "says": "2 videos and 1 image, no captions", "items": 3}


def captioned(root: Path) -> dict[str, Any]:
    table(fill(root, "a.mp4") / "captions.tsv", ("path", "caption"), ("a.mp4", "a dog"))
    return {"kind": "folder", "captions": str(root / "captions.tsv"), "says": "1 video, captions in captions.tsv"}


def other_columns(root: Path) -> dict[str, Any]:
    table(root / "about.csv", ("key", "value"), ("made", "2024"))
    table(fill(root, "v/1.mp4") / "metadata.csv", ("id", "file_name", "text"), ("one", "v/1.mp4", "a ship"))
    columns = {"path": "file_name", "caption": "text", "id": "id"}
    return {"kind": "folder", "captions": str(root / "metadata.csv"), "columns": columns}


def parquet_table(root: Path) -> dict[str, Any]:
    fill(root, "a.mp4")
    pl.DataFrame({"path": ["a.mp4"], "caption": ["x"]}).write_parquet(root / "captions.parquet")
    return {"kind": "folder", "captions": str(root / "captions.parquet"), "besides": []}


def webvid(root: Path) -> dict[str, Any]:
    head = ("videoid", "contentUrl", "duration", "page_dir", "name")
    table(fill(root, "videos/0001/1.mp4") / "results_2M_train.csv", head, ("1", "u", "PT1S", "0001", "a dog"))
    return {"kind": "webvid", "table": str(root / "results_2M_train.csv")}


def webdataset(root: Path) -> dict[str, Any]:
    fill(root, "a.mp4", "loose.png")
    with tarfile.open(root / "00000.tar", "w") as tar:
        tar.add(root / "a.mp4", "000.mp4")
    fill(root, "00000.parquet")
    return {"kind": "webdataset", "says": "1 tar (WebDataset)", "besides": ["1 video and 1 image outside the tars"]}


def parquet(root: Path) -> dict[str, Any]:
    (root / "data").mkdir()
    pl.DataFrame({"video": [{"bytes": b"x", "path": "a.mp4"}], "caption": ["x"]}).write_parquet(root / "data/0.parquet")
    return {"kind": "parquet", "says": "1 Parquet file with the media or their paths"}


LAYOUTS = [plain, captioned, other_columns, parquet_table, webvid, webdataset, parquet]


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_the_layout_of_a_folder_is_found_out_and_its_config_passes(tmp_path: Path, make: Any) -> None:
    expected = make(tmp_path)
    found = detect_layout(tmp_path)
    seen = {**vars(found), **found.settings}
    assert {key: seen[key] for key in expected} == expected and found.settings["folder"] == str(tmp_path)
    wanted = answers("mine", tmp_path, heldout=tmp_path, videos=[])
    audit = load_config(yaml.safe_load(config_text(wanted, "a.yaml")))
    source = next(iter(audit.corpus.sources.values())) if audit.corpus.sources else audit.corpus
    for section in (source, audit.corpus.heldout):
        assert section is not None
        said = section.model_dump()
        assert said["kind"] == found.kind
        for key, value in found.settings.items():
            assert said[key] == value if key != "columns" else value.items() <= said[key].items()


def test_a_table_may_lie_elsewhere(tmp_path: Path) -> None:
    fill(tmp_path / "clips", "a.mp4")
    captions = table(tmp_path / "all.csv", ("video", "title"), ("a.mp4", "a dog"))
    assert detect_layout(tmp_path / "clips", captions).settings["columns"] == {"path": "video", "caption": "title"}
    with pytest.raises(Failure, match="the table names no file of the folder"):
        detect_layout(tmp_path / "clips", table(tmp_path / "wrong.csv", ("a", "b"), ("c", "d")))


def test_a_folder_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="holds no videos, images, tars or Parquet files"):
        detect_layout(fill(tmp_path, "notes.txt"))
    with pytest.raises(Failure, match="is not a folder"):
        detect_layout(tmp_path / "none")
    table(fill(tmp_path, "a.mp4") / "captions.csv", ("what", "said"), ("a.mp4", "dog"))
    with pytest.raises(Failure, match=r"captions.csv: no columns of paths and captions.*There are: what, said"):
        detect_layout(tmp_path)


def test_chunks_grow_with_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidmem.cli.begin.ITEMS_A_PROBE", 10)
    monkeypatch.setattr("vidmem.cli.begin.ITEMS_A_FEATURE_JOB", 2)
    fill(tmp_path, *(f"{n}.jpg" for n in range(11)))
    audit = load_config(yaml.safe_load(config_text(answers("mine", tmp_path), "a.yaml")))
    assert (audit.corpus.chunks, audit.features.corpus_chunks) == (2, 6)


@pytest.mark.parametrize(
    ("source", "section"),
    [
        ("wan2.1-t2v-1.3b", {"preset": "wan2.1-t2v-1.3b"}),
        (f"latte-1@{COMMIT}", {"preset": "latte-1", "revision": COMMIT}),
        ("latte-1@/weights/latte", {"preset": "latte-1", "source": "/weights/latte"}),
        (f"owner/name@{COMMIT}", {"kind": "diffusers", "source": "owner/name", "revision": COMMIT}),
        ("/", {"kind": "diffusers", "source": "/"}),
    ],
)
def test_a_model_is_named_in_any_of_the_ways(source: str, section: dict[str, str]) -> None:
    assert model_section(source) == section


def test_models_are_named_and_checked(tmp_path: Path) -> None:
    fill(tmp_path, "clips/a.mp4", "made by x/b.mp4", "pipe/model_index.json")
    table(tmp_path / "made by x" / "prompts.csv", ("path", "prompt"), ("b.mp4", "a dog"))
    wanted = answers(
        "mine",
        tmp_path / "clips",
        videos=[str(tmp_path / "made by x")],
        models=[f"latte=latte-1@{COMMIT}", str(tmp_path / "pipe")],
    )
    (tmp_path / "pipe" / "model_index.json").write_text('{"_class_name": "LattePipeline"}')
    plan = Plan(yaml.safe_load(config_text(wanted, "a.yaml")))
    assert plan.models == ["latte", "made-by-x", "pipe"]
    assert plan.videos_prompts("made-by-x") == str(tmp_path / "made by x" / "prompts.csv")
    with pytest.raises(Failure, match="'made-by-x' is named twice"):
        answers("mine", tmp_path / "clips", videos=[str(tmp_path / "made by x")] * 2)
    with pytest.raises(Failure, match="no preset, no folder and no pinned hub id"):
        answers("mine", tmp_path / "clips", models=["owner/name"])
    with pytest.raises(Failure, match="pin its commit"):  # the config's own check
        config_text(answers("mine", tmp_path / "clips", models=["wan=wan2.1-t2v-1.3b"]), "a.yaml")


def test_every_preset_can_be_begun_with_a_commit(tmp_path: Path) -> None:
    fill(tmp_path, "a.mp4")
    adapters = {name for name, preset in read_registry().items() if preset.motion_adapter}  # these have two parts
    for name, preset in read_registry().items():
        if name not in adapters and not preset.gated and preset.source:
            wanted = answers("mine", tmp_path, models=[f"{name}@{COMMIT}"])
            Plan(yaml.safe_load(config_text(wanted, "a.yaml")))


@given(st.one_of(st.text(max_size=40), st.sampled_from(["no", "1e3", "~", "a: b", "- x", "#c", "é🎬", "'", '"\n'])))
def test_any_text_is_one_line_of_yaml_that_reads_back(text: str) -> None:
    assert yaml.safe_load(f"key: {yaml_line(text)} # comment") == {"key": text}
    assert yaml.safe_load(f"key: {yaml_line({text: text})}") == {"key": {text: text}}
    assert "\n" not in yaml_line(text) + yaml_line({text: text})


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments])


def test_odd_names_of_folders_come_through(tmp_path: Path) -> None:
    odd = fill(tmp_path / "it's #1: [a]\nb é", "a.mp4")
    done = call("--corpus", str(odd), "--name", "no", "--out", str(tmp_path / "x.yaml"))
    assert done.exit_code == 0, done.stderr
    assert load_config(tmp_path / "x.yaml").corpus.folder == str(odd)
    assert load_config(tmp_path / "x.yaml").audit == "no"


def test_a_file_that_is_there_is_kept_unless_it_is_forced(tmp_path: Path) -> None:
    fill(tmp_path, "clips/a.mp4")
    out = tmp_path / "a.yaml"
    out.write_text("mine")
    done = call("--corpus", str(tmp_path / "clips"), "--out", str(out))
    assert done.exit_code == 1 and "--force" in done.stderr and out.read_text() == "mine"
    assert call("--corpus", str(tmp_path / "clips"), "--out", str(out), "--force").exit_code == 0
    assert CliRunner().invoke(app, ["check", str(out), "--no-jobs"]).exit_code == 0


def test_nobody_is_asked_where_there_is_no_terminal() -> None:
    done = call()
    assert done.exit_code == 2 and "--corpus" in done.stderr


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    done = call("--corpus", str(fill(tmp_path, "a.mp4")), "--name", "../x", "--out", "-")
    assert done.exit_code == 1 and done.stderr.startswith("vidmem: name '../x': use letters")


def test_on_a_terminal_it_asks_and_asks_again(tmp_path: Path) -> None:
    fill(tmp_path, "clips/a.mp4", "made/b.mp4")
    typed = ["tried", "nowhere", "clips", "", "theirs=made", "", "wrong", f"latte-1@{COMMIT}", ""]
    said, code = on_terminal([sys.executable, "-m", "vidmem.cli", "init"], typed, tmp_path)
    assert code == 0, said
    assert "nowhere: is not a folder" in said and "no preset, no folder" in said and "1 video, no captions" in said
    audit = load_config(tmp_path / "config" / "tried.yaml")
    assert audit.corpus.folder == str(tmp_path / "clips") and sorted(audit.models) == ["latte-1", "theirs"]


def test_ctrl_c_at_a_question_writes_nothing(tmp_path: Path) -> None:
    said, code = on_terminal([sys.executable, "-m", "vidmem.cli", "init"], ["tried", "\x03"], tmp_path)
    assert code == 130 and "Traceback" not in said
    assert not list(tmp_path.iterdir())


def on_terminal(command: list[str], typed: list[str], folder: Path) -> tuple[str, int]:
    """What a command says on a real terminal when these lines are typed, one at each question, and its exit code."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=_own_terminal
    ) as running:
        os.close(theirs)
        said, left, until = "", list(typed), time.monotonic() + 60
        while time.monotonic() < until and select.select([ours], [], [], 30)[0]:
            try:
                said += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # the other end is closed: it is done
                break
            if left and said.rstrip(" ").endswith((":", "]:")) and not said.endswith("\n"):
                os.write(ours, f"{left.pop(0)}\n".encode())
                said += "\n"
        os.close(ours)
        return said, running.wait(10)


def _own_terminal() -> None:
    """Make standard input the terminal that this process is controlled by, so that Ctrl-C reaches it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
