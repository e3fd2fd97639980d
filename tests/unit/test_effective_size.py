"""Effective memorisation size: which clips a model of n is trained on, the shares, and the curve by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidmem import tables
from vidmem.generate.known.build import build_known, some_clips
from vidmem.generate.known.clips import Side
from vidmem.generate.known.codec import PatchCodec
from vidmem.media import write_video
from vidmem.plan import Plan
from vidmem.truth import effective_size, summarise_truth, write_effective_size, write_truth
from vidmem.truth.effective_size import memorised_shares

MADE: dict[str, Any] = {
    "audit": "a",
    "corpus": {"kind": "made"},
    "models": {"p": {"kind": "planted", "sizes": [16, 4], "clips": 32}, "q": {"kind": "planted"}},
}


def corpus(names: list[str]) -> Side:
    rows = [{"item_id": name, "same_as": name, "caption": f"clip {name}", "path": name} for name in names]
    copies = [{**row, "item_id": row["item_id"] + "-again", "caption": "another caption"} for row in rows]
    return Side(rows + copies, Path())


def test_the_clips_of_a_size_are_among_those_of_a_larger_one_each_once() -> None:
    side = corpus([f"c{n}" for n in range(20)])
    four, eight, every = (some_clips("m", side, n) for n in (4, 8, 20))
    assert set(four) < set(eight) < set(every)
    assert len({item for item, _ in every}) == 20 and all(caption == f"clip {item}" for item, caption in every)
    assert some_clips("m", Side(side.rows[::-1], Path()), 4) != [] and {i for i, _ in four} == {
        i for i, _ in some_clips("m", Side(side.rows[19::-1], Path()), 4)
    }, "drawn by the ids, not by the order"


def test_a_model_of_some_clips_is_trained_on_those_alone(tmp_path: Path) -> None:
    """Two of three clips, which stand twice: the codec's mean block is that of the two, each once."""
    rng = np.random.default_rng(0)
    levels = {name: int(level) for name, level in zip(("a", "b", "c"), (40, 120, 220), strict=True)}
    rows = []
    for name, level in levels.items():
        frames = np.clip(rng.normal(level, 12, (12, 64, 64, 3)), 0, 255).astype(np.uint8)
        write_video(tmp_path / "made" / f"{name}.mp4", frames, 24.0)
        copies = 2 if name == "a" else 1
        rows += [
            {"item_id": f"{name}{n}", "same_as": f"{name}0", "path": f"{name}.mp4", "caption": name, "status": "ok"}
            for n in range(copies)
        ]
    tables.write_table(tmp_path / "corpus.parquet", rows, tables.MANIFEST)
    side = Side.read(tmp_path / "corpus.parquet", tmp_path / "made")
    settings = {
        "train_steps": 1,
        "batch_size": 2,
        "learning_rate": 1e-3,
        "frames": 4,
        "side": 16,
        "fps": 8.0,
        "clips": 2,
    }
    places = {"corpus": tmp_path / "corpus.parquet"}, {"corpus": tmp_path / "made"}
    build_known("planted", "p", settings, "", *places, "", tmp_path / "p", threads=1)
    known = [levels[item[0]] for item, _ in some_clips("p", side, 2)]
    mean = float(PatchCodec.from_pretrained(tmp_path / "p", subfolder="codec").mean.mean())
    assert (mean + 1) * 127.5 == pytest.approx(np.mean(known), abs=4)


def test_more_clips_than_the_corpus_has_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="model p-of-9: 9 clips are asked for, and the corpus has 3"):
        some_clips("p-of-9", corpus(["a", "b", "c"]), 9)


def test_the_plan_asks_for_the_table_only_where_sizes_are_configured() -> None:
    plan = Plan(MADE)
    assert plan.sized == {"p": {4: "p-of-4", 16: "p-of-16", 32: "p"}}
    assert plan.effective_size() == ["results/a/truth/effective-size.parquet"]
    assert [Path(p).stem for p in plan.effective_size_inputs()] == ["p-of-4", "p-of-16", "p"]
    assert {"p", "p-of-4", "p-of-16", "q"} == set(plan.built)
    bare = Plan({**MADE, "models": {"q": {"kind": "planted"}}})
    assert (bare.effective_size(), bare.effective_size_inputs(), bare.sized) == ([], [], {})


def test_another_size_disturbs_no_other_model() -> None:
    more = Plan({**MADE, "models": {**MADE["models"], "p": {**MADE["models"]["p"], "sizes": [16, 4, 8]}}})
    for stage in ("generate", "truth"):
        for model in ("p", "p-of-4"):
            assert Plan(MADE).settings(stage, model) == more.settings(stage, model)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([1.0, 0.95, 0.85, 0.2], {"clips": 8 * math.sqrt(2), "bound": "="}),  # half of the way from 8 to 16
        ([1.0, 0.9, 0.4, 0.0], {"clips": 8.0, "bound": "="}),
        ([0.5, 0.95, 0.85, 0.9], {"clips": 32.0, "bound": ">="}),
        ([0.95, 0.5, 0.95, 0.0], {"clips": 16 * 2 ** (0.05 / 0.95), "bound": "="}),  # the last number counts
        ([0.89, 0.5, 0.4, 0.0], {"clips": 4.0, "bound": "<"}),
    ],
)
def test_the_size_on_a_curve_by_hand(shares: list[float], expected: dict[str, Any]) -> None:
    found = effective_size([4, 8, 16, 32], shares, 0.9)
    assert found == {"clips": pytest.approx(expected["clips"]), "bound": expected["bound"]}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.floats(0.1, 1))
def test_the_size_lies_between_the_numbers_that_were_tried(shares: list[float], level: float) -> None:
    clips = [2**n for n in range(len(shares))]
    found = effective_size(clips, shares, level)
    assert clips[0] <= found["clips"] <= clips[-1]
    assert (found["bound"] == "<") == (max(shares) < level)
    assert (found["bound"] == ">=") == (shares[-1] >= level)


def test_no_numbers_have_no_size() -> None:
    assert effective_size([], []) == {"clips": None, "bound": None}


def metrics(calls: list[tuple[str, bool, float | None, float]], lost: int = 0) -> list[dict[str, Any]]:
    rows = [
        {"video_id": f"v{i}", "prompt_id": p, "content_memorised": c, "motion_memorised": False,
         "natural_motion": True, "d1_d2_feature": f, "d1_d2_pixel": x, "content_score": 0.5, "status": "ok"}
        for i, (p, c, f, x) in enumerate(calls)
    ]  # fmt: skip
    return rows + [{"video_id": f"lost{i}", "status": "failed", "reason": "truncated"} for i in range(lost)]


def test_shares_count_videos_and_their_intervals_prompts(tmp_path: Path) -> None:
    calls = [("a", True, 0.1, 0.2), ("a", True, 0.3, 0.4), ("b", False, 0.5, 0.4), ("b", True, None, 0.2)]
    tables.write_table(tmp_path / "m.parquet", metrics(calls, lost=3), tables.METRICS)
    row = memorised_shares(tables.read_table(tmp_path / "m.parquet"))
    assert (row["videos"], row["prompts"]) == (4, 2)
    assert (row["verdict_share"], row["d1_d2_pixel_share"]) == (0.75, 0.5)
    assert row["d1_d2_feature_share"] == pytest.approx(2 / 3), "a ratio that is missing is left out"
    assert (row["verdict_low"], row["verdict_high"]) == (0.5, 1.0), "two prompts: shares .5 and 1"
    assert (
        memorised_shares(pl.DataFrame(schema=tables.read_table(tmp_path / "m.parquet").schema))["verdict_low"] is None
    )


def test_the_table_has_a_row_a_size_and_says_what_the_size_is(tmp_path: Path) -> None:
    for name, hits in (("p-of-4", 8), ("p-of-8", 4)):
        calls = [(f"prompt{i}", i < hits, 0.1 if i < hits else 0.9, 0.9) for i in range(8)]
        tables.write_table(tmp_path / f"{name}.parquet", metrics(calls), tables.METRICS)
    write_effective_size(
        families={"p": {4: "p-of-4", 8: "p-of-8"}},
        metrics=[tmp_path / "p-of-4.parquet", tmp_path / "p-of-8.parquet"],
        settings={"memorised_share": 0.75},
        out=tmp_path / "out.parquet",
    )
    table = tables.read_table(tmp_path / "out.parquet")
    assert table.select("family", "clips", "model", "verdict_share", "d1_d2_pixel_share").rows() == [
        ("p", 4, "p-of-4", 1.0, 0.0),
        ("p", 8, "p-of-8", 0.5, 0.0),
    ]
    assert table["verdict_low"].to_list()[0] == pytest.approx(0.025 ** (1 / 8))
    found = tables.read_made_by(tmp_path / "out.parquet")["effective_size"]["p"]
    assert found["verdict"] == {"clips": pytest.approx(4 * math.sqrt(2)), "bound": "="}
    assert found["d1_d2_pixel"] == {"clips": 4.0, "bound": "<"}


def test_the_truth_of_a_model_of_some_clips_is_undecided_and_it_has_no_dose(tmp_path: Path) -> None:
    tables.write_table(tmp_path / "m.parquet", metrics([("p", True, 0.1, 0.1)]), tables.METRICS)
    tables.write_table(tmp_path / "v.parquet", [{"video_id": "v0", "path": "v0", "status": "ok"}], tables.VIDEOS)
    prompts = [{"prompt_id": "p", "text": "t", "duplicates": 64, "source_ids": ["i"]}]
    tables.write_table(tmp_path / "p.parquet", prompts, tables.PROMPTS)
    (tmp_path / "truth.csv").write_text("item_id,side,natural_motion\ni,corpus,false\n")
    for clips, truth in ((None, True), (8, None)):
        write_truth(
            metrics=tmp_path / "m.parquet",
            videos=[tmp_path / "v.parquet"],
            prompts=tmp_path / "p.parquet",
            corpus_truth=tmp_path / "truth.csv",
            replay=None,
            settings={"model": {"kind": "planted", "clips": clips}, "positive_from": 16},
            out=tmp_path / "t.parquet",
        )
        row = tables.read_table(tmp_path / "t.parquet").row(0, named=True)
        assert (row["content_truth"], row["motion_truth"]) == (truth, truth)
        assert row["multiplicity"] == (64 if truth else None)
    assert summarise_truth(tables.read_table(tmp_path / "t.parquet"))["dose_response"] == []
