"""What is wrong with the `prompts` section is said before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vidmem.config import ConfigError
from vidmem.plan import Plan


def config(folder: Path, prompts: dict[str, Any], **model: Any) -> dict[str, Any]:
    for name in ("corpus", "generated"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "a.mp4").write_bytes(b"x")
    theirs = {"kind": "command", "command": ["sh", "{prompts}", "{outputs}"], **model}
    return {"audit": "a", "corpus": {"folder": str(folder / "corpus")}, "prompts": prompts, "models": {"m": theirs}}


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ({"motion_duplicated": 5}, "prompts: `motion_duplicated` needs motion evidence"),
        ({"motion_duplicated": 5, "evidence": ["caption", "motion"]}, "needs content evidence too"),
        ({"evidence": ["content"]}, "prompts.evidence: must hold `caption`"),
        ({"evidence": ["caption", "sound"]}, "'sound' is not one of caption, content, motion"),
        ({"paraphrase": 5, "video_duplicated": 0}, "`paraphrase` rewords the prompts of the duplicated sets"),
        ({"video_duplicate": 5}, "did you mean 'video_duplicated'?"),
        ({"control_list": "v0"}, "prompts.control_list: 'v0' is not one of v1"),
        ({"video_duplicated": 0, "random_train": 0, "control": 0}, "all prompt sets are empty"),
    ],
)
def test_one_line_names_the_key(tmp_path: Path, prompts: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan(config(tmp_path, prompts))
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_an_unknown_set_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'video-duplicated'"):
        Plan(config(tmp_path, {}, prompt_sets=["video-duplicate"]))
    with pytest.raises(ConfigError, match="all of these sets have size 0"):
        Plan(config(tmp_path, {}, prompt_sets=["image-duplicated", "paraphrase"]))


def test_an_imported_list_is_read_before_anything_runs(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("words\nA ship\n")
    with pytest.raises(ConfigError, match=r"prompts.imported: .* no column named prompt, caption, text; it has words"):
        Plan(config(tmp_path, {"imported": str(table)}))
    (tmp_path / "mine.txt").write_text("A ship\nA boat\n")
    plan = Plan(config(tmp_path, {"imported": str(tmp_path / "mine.txt"), "random_train": 0, "control": 0}))
    assert plan.prompt_chunks()[-1] == "imported-000"


def test_every_set_has_chunks_by_its_size(tmp_path: Path) -> None:
    sizes = {"video_duplicated": 65, "image_duplicated": 1, "motion_duplicated": 1, "random_train": 0, "control": 64}
    plan = Plan(config(tmp_path, {**sizes, "paraphrase": 1, "evidence": ["motion", "content", "caption"]}))
    assert plan.prompt_chunks() == [
        "video-duplicated-000", "video-duplicated-001", "image-duplicated-000", "motion-duplicated-000", "control-000",
        "paraphrase-000",
    ]  # fmt: skip
    assert plan.settings("prompts")["evidence"] == ["caption", "content", "motion"]


def test_duplicates_are_asked_for_by_evidence_alone(tmp_path: Path) -> None:
    assert Plan(config(tmp_path, {"evidence": ["caption"]})).duplicates == []
    assert Plan(config(tmp_path, {})).duplicates == ["results/{audit}/duplicates/corpus.parquet"]
