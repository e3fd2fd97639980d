"""What jobs ask a cluster for: more with a larger shard and with each attempt, a GPU where one is used, and no more."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidmem.config.models import Diffusers, Oracle
from vidmem.features.stage import MAX_NULL_CLIPS
from vidmem.plan import Plan
from vidmem.plan.needs import MOST_MINUTES, NEEDS, ON_CPU, ON_GPU, Need, most, sampling
from vidmem.plan.resources import ARRAYS, FEATURES, NULL_VIDEOS, SAMPLING, megabytes, rows

ROOT = Path(__file__).parents[2]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
PIPE = {"kind": "diffusers", "family": "modelscope", "device": "cuda", "revision": "0" * 40, "frames": 16, "fps": 8}
MODELS: dict[str, Any] = {
    "small": {**PIPE, "source": "a/b", "gpu_memory_gb": 6, "seconds_per_video": 10},
    "large": {**PIPE, "source": "c/d", "gpu_memory_gb": 40, "seconds_per_video": 300, "seeds": 2},
    "oracle": {"kind": "oracle", "seeds": 8},
    "planted": {"kind": "planted", "seeds": 1, "train_steps": 6000},
    "theirs": {"kind": "command", "command": ["sh", "{prompts}", "{outputs}"], "gpus": 2, "memory_mb": 5000},
    "replay": {"kind": "replay", "copies": 5, "unrelated": 4},
}
CONFIG: dict[str, Any] = {
    "audit": "a",
    "corpus": {"kind": "made"},
    "prompts": {"video_duplicated": 100, "random_train": 0, "control": 0},
    "generate": {"chunk_size": 10},
    "features": {"corpus_chunks": 4},
    "models": MODELS,
}
sizes = st.floats(0, 1e7)
needs = st.builds(Need, st.floats(0, 1e5), st.floats(0, 1e4), st.floats(0, 10), st.floats(0, 1000))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(CONFIG)


def asked(plan: Plan, rule: str, model: str = "-", attempt: int = 1, **files: Any) -> tuple[int, int]:
    ask, wildcards = plan.ask(rule), SimpleNamespace(model=model, chunk="x-000")
    found = SimpleNamespace(**files)
    return ask.mem_mb(wildcards, found, attempt), ask.runtime(wildcards, found, attempt)


@given(needs, sizes, sizes, st.integers(1, 5))
def test_a_larger_shard_and_a_later_attempt_never_ask_for_less(need: Need, a: float, b: float, attempt: int) -> None:
    small, large = sorted((a, b))
    assert need.memory_mb(small, attempt) <= need.memory_mb(large, attempt)
    assert need.runtime_minutes(small, attempt) <= need.runtime_minutes(large, attempt) <= MOST_MINUTES
    assert need.memory_mb(small, attempt + 1) == need.memory_mb(small, 1) * (attempt + 1)
    assert need.runtime_minutes(small, attempt + 1) >= need.runtime_minutes(small, attempt)


def test_needs_by_hand() -> None:
    need = Need(2000, 30, mem_mb_each=0.6, seconds_each=6)
    assert (need.memory_mb(101, 1), need.runtime_minutes(101, 1)) == (2061, 41)  # 60.6 MB and 606 s more
    assert (need.memory_mb(101, 3), need.runtime_minutes(101, 3)) == (6183, 123)
    assert most([Need(1, 20, 3, 0), Need(10, 2, 0, 4)]) == Need(10, 20, 3, 4)
    assert most([]) == Need(0, 0, 0, 0)


def test_every_rule_asks_by_its_own_name_and_none_but_sampling_and_features_asks_for_a_gpu() -> None:
    parts = re.split(r"^ *(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:$", RULES, flags=re.MULTILINE)
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
    for name, body in bodies.items():
        assert re.findall(r"(?:mem_mb|runtime)=(.*),", body) == [
            f'PLAN.ask("{name}").{k}' for k in ("mem_mb", "runtime")
        ]
    assert set(bodies) == {*NEEDS, *SAMPLING, "generate_command"}
    gpus = {name: found for name, body in bodies.items() if (found := re.findall(r" gpu=(.*),", body))}
    ours = {name: ["1"] for name in SAMPLING if name.endswith("_gpu")}
    features = {name: ["PLAN.features_gpu"] for name in FEATURES}
    assert gpus == {**ours, **features, "generate_command": ["lambda w: PLAN.needs_gpu(w.model)"]}


SSCD = {"engine": "sscd", "weights": "sscd.pt", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("features", "gpus"),
    [
        ({}, 0),
        ({"frames": SSCD, "flow": {"engine": "raft_small"}}, 0),
        ({"frames": {**SSCD, "device": "cuda"}}, 1),
        ({"flow": {"engine": "raft_large", "device": "cuda"}}, 1),
    ],
    ids=["usual", "networks on the CPU", "frames", "flow"],
)
def test_features_ask_for_a_gpu_only_where_the_config_puts_a_network_on_one(
    features: dict[str, Any], gpus: int
) -> None:
    plan = Plan({**CONFIG, "features": features})
    assert plan.features_gpu == gpus
    more = [asked(plan, rule)[0] - asked(Plan(CONFIG), rule)[0] for rule in FEATURES if rule != "features_corpus"]
    assert more == [4000 * gpus] * 3, "libraries of CUDA take memory of the host"
    devices = [part.get("device") for part in map(plan.settings("features").get, ("frames", "flow")) if part]
    assert devices.count("cuda") == gpus and "cpu" not in devices, "what was made before there was a choice stays"


def test_models_on_a_gpu_and_off_it_are_sampled_by_rules_of_their_own(plan: Plan) -> None:
    assert plan.on_gpu(plan.models) == ["large", "small", "theirs"]
    assert plan.off_gpu(plan.sampled) == ["oracle", "planted"]


def test_sampling_needs_what_the_config_says_of_a_model_and_else_the_usual() -> None:
    assert sampling(Oracle(kind="oracle"), gpu=False) == ON_CPU
    assert sampling(Diffusers(source="x"), gpu=True) == ON_GPU
    told = Diffusers(source="x", gpu_memory_gb=40, seconds_per_video=300)
    assert sampling(told, gpu=True) == Need(64000, 30, seconds_each=600)


@pytest.mark.parametrize("rule", ARRAYS)
def test_chunks_that_go_as_one_array_ask_for_the_same_whatever_their_model(
    plan: Plan, tmp_path: Path, rule: str
) -> None:
    manifest = tmp_path / "corpus.parquet"
    pl.DataFrame({"item_id": ["a"] * 1000}).write_parquet(manifest)
    assert len({asked(plan, rule, model, manifest=str(manifest)) for model in plan.models}) == 1


def test_an_array_of_models_asks_for_the_most_that_any_needs(plan: Plan) -> None:
    # the largest shard: 10 prompts of the oracle at 8 seeds
    assert asked(plan, "generate_gpu") == (64000, 30 + 80 * 600 // 60)
    assert asked(plan, "generate") == (4000, 30 + 80 * 30 // 60)
    assert asked(plan, "features_model") == (2048, 38)
    assert asked(plan, "generate_gpu", attempt=2) == (128000, 1660)


def test_shards_are_as_large_as_prompts_seeds_and_videos_allow(plan: Plan) -> None:
    assert {name: plan.shard_videos(name) for name in plan.models} == {
        "large": 20, "oracle": 80, "planted": 10, "replay": 9, "small": 40, "theirs": 40,
    }  # fmt: skip


def test_a_command_asks_for_what_its_config_says(plan: Plan) -> None:
    assert plan.needs_gpu("theirs") == 2
    assert asked(plan, "generate_command", "theirs") == (5000, 110)
    assert asked(plan, "generate_command", "theirs", attempt=2) == (10000, 220)


def test_training_is_asked_for_by_its_steps(plan: Plan) -> None:
    assert asked(plan, "generate_build", "planted") == (4000, 160)
    assert asked(plan, "generate_build", "oracle") == (4000, 60)


def test_the_corpus_is_asked_for_by_the_rows_of_its_tables(plan: Plan, tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    for path, count in zip(paths, (1000, 200), strict=True):
        pl.DataFrame({"item_id": ["a"] * count}).write_parquet(path)
    assert rows(paths) == 1200
    assert asked(plan, "features_corpus", manifest=paths[0]) == (2150, 55)  # 250 clips a chunk
    assert asked(plan, "corpus_probe", listing=paths[0]) == (2000, 64)
    assert asked(plan, "retrieve", "oracle", manifest=paths[0]) == (4000, 61)  # 800,000 pairs: 16 s
    pl.DataFrame({"item_id": ["a"] * 5}).write_parquet(paths[0])
    assert rows(paths) == 205
    Path(paths[0]).write_bytes(b"damaged")
    assert rows(paths) == 200
    with pytest.raises(FileNotFoundError):  # which Snakemake takes for "not known yet" in a dry run
        rows([str(tmp_path / "missing.parquet")])


def test_indices_and_duplicates_are_asked_for_by_the_size_of_their_tables(plan: Plan, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    for path in files:
        path.write_bytes(bytes(3 * 2**20))
    assert megabytes(map(str, files)) == 6
    need, ask = NEEDS["index_corpus"], plan.ask("index_corpus")
    assert ask.mem_mb(None, files, 1) == need.memory_mb(6, 1)
    with pytest.raises(FileNotFoundError):
        megabytes([str(tmp_path / "c.parquet")])


def test_the_null_distribution_is_asked_for_as_many_clips_as_are_drawn(plan: Plan) -> None:
    assert NULL_VIDEOS == MAX_NULL_CLIPS
    assert asked(plan, "features_null") == asked(plan, "features_background") == (2308, 82)
