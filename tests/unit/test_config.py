"""A wrong config ends in one line that says where, what was expected, and the nearest valid spelling."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from vidmem.config import ConfigError, load_config
from vidmem.config.handbook import handbook_text, schema_text
from vidmem.config.models import Planted

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {
    "audit": "mine",
    "corpus": {"folder": "videos"},
    "models": {"theirs": {"kind": "videos", "folder": "generated"}},
}
COMMAND = {"kind": "command", "command": ["model", "{prompts}", "{outputs}"]}
TARS = {"kind": "webdataset", "folder": "x"}


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
        ("models/corpus", {"kind": "videos", "folder": "x"}, "models: model name 'corpus' is reserved"),
        ("corpus", {}, "corpus: kind 'folder' needs `folder`"),
        ("corpus", {"sources": {"w": {"folder": "x"}}}, "corpus.sources.w.kind: is missing; one of folder, webvid"),
        (
            "corpus",
            {"sources": {"w": {"kind": "webvdi"}}},
            "corpus.sources.w.kind: 'webvdi' is not one of folder, webvid",
        ),
        (
            "corpus",
            {"sources": {"w": {**TARS, "foldr": "x"}}},
            "corpus.sources.w.foldr: unknown key; did you mean 'fold",
        ),
        ("corpus", {"sources": {"a/b": {**TARS}}}, "corpus.sources: corpus name 'a/b': use letters, digits"),
        ("corpus", {"folder": "x", "sources": {"w": {**TARS}}}, "corpus: give `sources` or the one `folder`, not both"),
        (
            "corpus",
            {"kind": "made", "sources": {"w": {**TARS}}},
            "corpus: kind 'made' takes no folder, captions, sources",
        ),
        ("models/p", {"kind": "planted", "sizes": [8, 8]}, "models.p.sizes: 8 is given twice"),
        ("models/p", {"kind": "planted", "sizes": [0]}, "models.p.sizes.0: input should be greater than or equal to 1"),
        (
            "models/m",
            {"preset": "wan2.1-t2v-1.3B"},
            "models.m.preset: 'wan2.1-t2v-1.3B' is no preset of models.yaml; did ",
        ),
        ("models/m", {"preset": "svd", "frmes": 25}, "models.m.frmes: unknown key; did you mean 'frames'?"),
        ("models/m", {"preset": "svd", "revision": "main"}, "models.m.revision: string should match pattern"),
        ("models/m", {"kind": "diffusers"}, "models.m: needs `source` (a diffusers folder or a hub id) or `preset`"),
        ("models/m", {"seeds": 4}, "models.m.kind: is missing; one of diffusers, command, videos"),
        ("models/c", {**COMMAND, "command": ["x", "{outputs}"]}, "models.c.command: no argument holds `{prompts}`"),
        ("models/c", {**COMMAND, "condition": "none"}, "models.c: condition 'none' needs `videos`"),
        ("models/c", {**COMMAND, "condition": "class", "videos": 9}, "models.c: condition 'class' needs `classes`"),
        ("models/c", {**COMMAND, "videos": 9}, "models.c: `videos` is for models without prompts"),
        ("models/c", {**COMMAND, "condition": "none", "videos": 9, "classes": [1]}, "models.c: `classes` are for"),
        ("models/c", {**COMMAND, "condition": "nothing"}, "models.c.condition: 'nothing' is not one of text, image"),
        ("models/effective-size", {"kind": "planted"}, "models: model name 'effective-size' is reserved"),
        ("features/frames/engine", "sscd", "features.frames: engine 'sscd' needs `weights`"),
        ("features/frames", {"device": "cuda"}, "features.frames: engine 'sscd-int8' runs on the CPU: drop `device`"),
        ("features/flow", {"device": "cuda"}, "features.flow: engine 'dis' runs on the CPU: drop `device`"),
    ],
)
def test_a_wrong_config_is_one_line_that_names_the_place(path: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(with_change(path, value))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sizes_of_a_planted_model_are_models_of_their_own() -> None:
    planted = {"kind": "planted", "seeds": 7, "train_steps": 9, "sizes": [16, 8]}
    models = load_config(with_change("models", {"p": planted, "q": {"kind": "planted"}})).models
    assert sorted(models) == ["p", "p-of-16", "p-of-8", "q"]
    eight = models["p-of-8"]
    assert isinstance(eight, Planted) and (eight.clips, eight.sizes, eight.seeds, eight.train_steps) == (8, [], 7, 9)
    whole = models["p"]
    assert isinstance(whole, Planted) and whole.clips is None
    assert whole.model_dump() == load_config(with_change("models/p", planted | {"sizes": []})).models["p"].model_dump()


def test_a_model_with_the_name_of_a_size_is_refused() -> None:
    config = with_change("models", {"p": {"kind": "planted", "sizes": [8]}, "p-of-8": {"kind": "planted"}})
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert "models: model name 'p-of-8' is given, but `sizes` of 'p' makes a model of that name" in str(caught.value)
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


AUDITS = sorted(set((ROOT / "config").glob("*.yaml")) - {ROOT / "config" / "models.yaml"})  # that is the registry


@pytest.mark.parametrize("path", AUDITS, ids=lambda p: p.name)
def test_every_config_of_the_project_is_valid(path: Path) -> None:
    assert load_config(path).audit


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
