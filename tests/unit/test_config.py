"""A wrong config ends in one line that says where, what was expected, and the nearest valid spelling."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from vidmem.config import ConfigError, load_config
from vidmem.config.handbook import handbook_text, schema_text

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {
    "audit": "mine",
    "corpus": {"folder": "videos"},
    "models": {"theirs": {"kind": "videos", "folder": "generated"}},
}


def with_change(path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(GOOD)
    *parents, last = path.split("/")
    place = config
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = value
    return config


def test_two_folders_are_enough() -> None:
    audit = load_config(GOOD)
    assert audit.corpus.folder == "videos"
    assert audit.metrics.fpr == 0.01


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("corpsu", 1, "corpsu: unknown key; did you mean 'corpus'?"),
        ("metrics/frp", 0.1, "metrics.frp: unknown key; did you mean 'fpr'?"),
        ("models/theirs/foldr", "x", "models.theirs.foldr: unknown key; did you mean 'folder'?"),
        ("features/flow/engine", "raft_smal", "features.flow.engine: 'raft_smal' is not one of"),
        ("models/theirs/kind", "vidoes", "models.theirs.kind: 'vidoes' is not one of"),
        ("metrics/fpr", 2, "metrics.fpr: input should be less than 0.5, not 2"),
        ("audit", "../x", "audit: string should match pattern"),
        ("models", {}, "models: no models: give at least one"),
        ("models/corpus", {"kind": "videos", "folder": "x"}, "models: model name 'corpus' is reserved"),
        ("corpus", {}, "corpus: kind 'folder' needs `folder`"),
        ("features/frames/engine", "sscd", "features.frames: engine 'sscd' needs `weights`"),
    ],
)
def test_a_wrong_config_is_one_line_that_names_the_place(path: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(with_change(path, value))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("audit: [")
    with pytest.raises(ConfigError, match="not valid YAML") as caught:
        load_config(broken)
    assert "\n" not in str(caught.value)
    broken.write_text("- a list")
    with pytest.raises(ConfigError, match="expected a mapping"):
        load_config(broken)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.name)
def test_every_config_of_the_project_is_valid(path: Path) -> None:
    assert load_config(path).models


def test_schema_and_handbook_are_what_the_models_say() -> None:
    assert (ROOT / "workflow/schemas/config.schema.yaml").read_text() == schema_text(), "run `make docs`"
    assert (ROOT / "config/README.md").read_text() == handbook_text(), "run `make docs`"


def test_every_field_has_a_description() -> None:
    schema = yaml.safe_load(schema_text())
    sections = {"Audit": schema, **schema["$defs"]}
    silent = [
        f"{section}.{name}"
        for section, body in sections.items()
        for name, field in body.get("properties", {}).items()
        if name != "kind" and not (field.get("description") or field.get("$ref"))  # a section describes itself
    ]
    assert silent == []
