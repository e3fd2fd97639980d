"""Branches in the plan: names that can't clash, the base's pipeline and thresholds, and faults found before a run."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from vidmem.config import ConfigError, load_config
from vidmem.plan import Plan
from vidmem.plan.cost import cost

CONFIG: dict[str, Any] = {
    "audit": "a",
    "corpus": {"kind": "made"},
    "prompts": {"video_duplicated": 10, "random_train": 3, "control": 2},
    "generate": {"chunk_size": 4},
    "models": {
        "planted": {"kind": "planted", "seeds": 2},
        "planted-2": {"kind": "planted"},
        "replay": {"kind": "replay", "copies": 5, "unrelated": 4},
        "theirs": {"kind": "command", "command": ["sh", "{prompts}", "{outputs}"]},
    },
    "mitigate": {
        "models": ["planted"],
        "flagged": 6,
        "unflagged": 3,
        "remedies": {
            "away": {"kind": "amg"},
            "words": {"kind": "reword", "strength": 2},
            "late": {"kind": "late-guidance"},
        },
        "strengths": {"away": [0.5, 1, 2], "late": [0.25]},
    },
}
NAMES = ["planted.away.0.5", "planted.away.1", "planted.away.2", "planted.words.2", "planted.late.0.25"]


def changed(**mitigate: Any) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    config["mitigate"] |= mitigate
    return config


def test_a_branch_is_a_model_remedy_and_strength() -> None:
    plan = Plan(CONFIG)
    assert list(plan.branches) == NAMES
    assert plan.models == sorted(CONFIG["models"])  # branches are in no rate and no detector table of the audit
    assert plan.chunks("planted.away.1") == ["flagged-000", "flagged-001", "unflagged-000"]
    assert plan.mitigated == ["planted"] and plan.reworded == ["planted.words.2"]


def test_names_of_models_and_branches_are_matched_to_the_letter() -> None:
    plan = Plan(CONFIG)
    every = re.compile(f"^({plan.pattern(plan.models, branches=True)})$")
    assert all(every.match(name) for name in [*plan.models, *NAMES])
    assert not every.match("plantedxaway.1") and not every.match("planted.away.05")
    assert re.match(f"^({plan.pattern(plan.of_kind('planted'), branches=True)})$", "planted.away.1")
    assert not re.match(f"^({plan.pattern(plan.built)})$", "planted.away.1")
    assert not re.match(plan.pattern([]), "")


def test_a_branch_has_the_models_pipeline_and_thresholds_and_a_folder_of_its_own() -> None:
    plan = Plan(CONFIG)
    assert plan.pipeline("planted.away.1") == plan.pipeline("planted") == "results/a/generate/planted/pipeline"
    assert plan.built_pipeline("planted.away.1") == [plan.pipeline("planted")]
    assert plan.null_matches("planted.away.1") == plan.null_matches("planted")
    assert plan.videos_folder("planted.away.1") == "results/a/generate/planted.away.1"


def test_prompts_are_shared_but_for_branches_that_reword() -> None:
    plan = Plan(CONFIG)
    folder = "results/{audit}/mitigate"
    assert plan.prompts_of("planted.away.2", "flagged-001") == [f"{folder}/planted/flagged-001.prompts.parquet"]
    assert plan.prompts_of("planted.words.2", "flagged-001") == [
        f"{folder}/planted.words.2/flagged-001.prompts.parquet"
    ]


def test_only_what_leads_away_from_copies_waits_for_the_corpus() -> None:
    plan = Plan(changed(remedies={**CONFIG["mitigate"]["remedies"], "kin": {"kind": "neighbour", "strength": 0.5}}))
    assert plan.references("planted.kin.0.5") == ["results/{audit}/corpus/corpus.parquet"]
    assert plan.references("planted.away.1") == ["results/{audit}/corpus/corpus.parquet"]
    assert plan.references("planted.late.0.25") == plan.references("planted") == []


def test_settings_of_a_branch_are_the_models_with_one_remedy_and_nothing_else_of_the_sweep() -> None:
    plan, fewer = Plan(CONFIG), Plan(changed(strengths={"away": [1]}))
    base, branch = plan.settings("generate", "planted"), plan.settings("generate", "planted.away.1")
    assert branch["model"] == {**base["model"], "remedy": plan.branches["planted.away.1"].settings}
    assert branch["model"]["remedy"]["strength"] == 1
    assert "remedy" not in plan.settings("generate", "planted.words.2")["model"]
    assert fewer.settings("generate", "planted.away.1") == branch
    assert Plan({k: v for k, v in CONFIG.items() if k != "mitigate"}).settings("generate", "planted") == base


def test_a_remedy_may_ruin_every_video_and_the_model_may_not() -> None:
    plan = Plan(CONFIG)
    for stage in ("generate", "features"):
        assert plan.settings(stage, "planted.away.1")["max_loss"] == 1.0
    assert plan.features_settings("planted") == plan.settings("features")
    assert plan.features_settings("planted.away.1")["max_loss"] == 1.0


def test_a_remedy_may_be_tried_on_some_of_the_models_only() -> None:
    plan = Plan(changed(models=["planted", "planted-2"], only={"words": ["planted-2"], "late": ["planted"]}))
    assert [name.split(".", 1) for name in plan.branches if ".away" not in name] == [
        ["planted", "late.0.25"],
        ["planted-2", "words.2"],
    ]


def test_an_audit_without_remedies_has_no_branches() -> None:
    plan = Plan({k: v for k, v in CONFIG.items() if k != "mitigate"})
    assert (plan.branches, plan.mitigated, plan.asked_chunks(), plan.report_files()["mitigate"]) == ({}, [], [], {})


def test_the_cost_counts_branches_too() -> None:
    rows = {row.name: row for row in cost(Plan(CONFIG))}
    assert rows["planted.away.1"].videos == 2 * (6 + 3)
    assert rows["planted.away.1"].jobs == 3
    assert rows["planted.away.1"].calls is None  # a remedy's own calls are not known before
    assert rows["planted.words.2"].calls == 18 * 20 * 2


@pytest.mark.parametrize(
    ("mitigate", "expected"),
    [
        ({"models": ["plantde"]}, "mitigate.models: there is no model 'plantde'; models are planted"),
        ({"models": ["replay"]}, "'replay' is a folder of videos"),
        ({"models": ["theirs"]}, "'theirs' is a command, whose sampling nothing here can change"),
        ({"strengths": {"late": [2]}}, "`strengths.late`: 2: Input should be less than or equal to 1"),
        ({"strengths": {"away": [1, 1]}}, "`strengths.away` must be some numbers, each once"),
        ({"strengths": {"awya": [1]}}, "`strengths` names 'awya', and `remedies` has away, words, late"),
        ({"only": {"awya": ["planted"]}}, "`only` names 'awya', and `remedies` has away, words, late"),
        ({"only": {"away": ["replay"]}}, "`only.away` must be some of `models`: planted"),
        ({"remedies": {"a.b": {"kind": "amg"}}, "strengths": {}}, "remedy name 'a.b'"),
        (
            {"remedies": {"away": {"kind": "agm"}}, "strengths": {}},
            "mitigate.remedies.away.kind: 'agm' is not one of amg",
        ),
        ({"remedies": {"away": {}}, "strengths": {}}, "mitigate.remedies.away.kind: is missing; one of amg, embedding"),
        ({"remedies": {"away": {"kind": "amg", "c4": 1}}, "strengths": {}}, "mitigate.remedies.away.c4: unknown key"),
    ],
)
def test_faults_are_found_before_a_run_and_name_the_key(mitigate: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        Plan(changed(**mitigate))
    assert expected in str(error.value) and "\n" not in str(error.value)


def test_remedies_that_can_not_work_are_refused() -> None:
    screening = {**CONFIG, "generate": {"signals": "first-step-only"}}
    with pytest.raises(ConfigError, match="mitigate: remedies are judged by videos"):
        Plan(screening)
    oracle = changed(models=["oracle"])
    oracle["models"] = {"oracle": {"kind": "oracle"}}
    with pytest.raises(ConfigError, match="knows its prompts to the letter"):
        Plan(oracle)
    assert load_config(oracle).mitigate is not None


def test_unguided_and_promptless_models_have_nothing_to_remedy(tmp_path: Any) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
    for more, expected in (
        ({"guidance_scale": 1.0}, "is not guided (guidance_scale 1)"),
        ({"condition": "none", "videos": 4}, "takes no prompts"),
    ):
        config = changed(models=["m"])
        config["models"] = {**config["models"], "m": {"kind": "diffusers", "source": str(tmp_path), **more}}
        with pytest.raises(ConfigError, match=re.escape(expected)):
            Plan(config)
