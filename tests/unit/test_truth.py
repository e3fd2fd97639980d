"""Planted truth: what is decided, what is not, and the numbers that follow."""

from __future__ import annotations

import polars as pl
import pytest

from vidmem.truth import summarise_truth
from vidmem.truth.known import oracle_truth, parse_flag, planted_truth, replay_truth

WHOLE = {"clips": None}  # trained on the whole corpus
NATURAL = {"object": False, "pan": True, "real": None}


def prompt(copies: int, *items: str) -> dict[str, object]:
    return {"duplicates": copies, "source_ids": list(items)}


@pytest.mark.parametrize(
    ("copies", "item", "content", "motion"),
    [
        (64, "object", True, True),
        (16, "object", True, True),
        (4, "object", None, None),
        (1, "object", False, False),
        (64, "pan", True, False),
        (64, "real", True, None),
        (1, "real", False, None),
    ],
)
def test_planted_truth_follows_the_multiplicity(
    copies: int, item: str, content: bool | None, motion: bool | None
) -> None:
    assert planted_truth(WHOLE, prompt(copies, item), NATURAL, 16) == {"content_truth": content, "motion_truth": motion}


def test_prompts_that_the_model_never_saw_are_not_judged() -> None:
    undecided = {"content_truth": None, "motion_truth": None}
    assert planted_truth(WHOLE, prompt(0), NATURAL, 16) == undecided
    assert planted_truth(WHOLE, None, NATURAL, 16) == undecided
    assert planted_truth({"clips": 8}, prompt(64, "object"), NATURAL, 16) == undecided, "it saw a part, each clip once"


def test_oracles_are_known_by_their_support() -> None:
    def truth(support: str, item: str = "object", bandwidth: float = 0.0) -> tuple[bool | None, bool | None]:
        found = oracle_truth({"support": support, "bandwidth": bandwidth}, prompt(1, item), NATURAL)
        return found["content_truth"], found["motion_truth"]

    assert truth("corpus") == (True, True)
    assert truth("corpus", "pan") == (True, False)
    assert truth("corpus", "real") == (True, None)
    assert truth("unrelated") == (False, False)
    assert truth("motion") == (False, True)
    assert truth("corpus", bandwidth=2.0) == (None, None)


def test_replay_truth_is_what_was_written() -> None:
    assert replay_truth({"content_truth": "true", "motion_truth": ""}) == {"content_truth": True, "motion_truth": None}
    assert replay_truth(None) == {"content_truth": None, "motion_truth": None}
    with pytest.raises(ValueError, match="expected true, false or nothing"):
        parse_flag("maybe")


def test_summary_known_answers() -> None:
    rows = [
        # multiplicity, truth, verdict, score, own similarity, own first
        (64, True, True, 0.9, 0.8, True),
        (64, True, False, 0.3, 0.6, True),
        (1, False, True, 0.5, 0.1, False),
        (1, False, False, 0.2, 0.3, False),
        (4, None, True, 0.99, 0.5, True),
    ]
    frame = pl.DataFrame(
        [
            {"video_id": str(n), "multiplicity": m, "content_truth": t, "content_verdict": v, "content_score": s,
             "motion_truth": None, "motion_verdict": False, "motion_score": None, "own_similarity": o, "own_first": f,
             "status": "ok"}
            for n, (m, t, v, s, o, f) in enumerate(rows)
        ],
        schema_overrides={"motion_truth": pl.Boolean, "motion_score": pl.Float32},
    )  # fmt: skip
    found = summarise_truth(frame)
    assert found["content"] == {"auc": 0.75, "precision": 0.5, "recall": 0.5}
    assert found["motion"] == {"auc": None, "precision": None, "recall": None}
    assert found["dose_response"] == [
        {"multiplicity": 1, "n": 2, "mean_similarity": pytest.approx(0.2), "retrieved_first": 0.0},
        {"multiplicity": 4, "n": 1, "mean_similarity": pytest.approx(0.5), "retrieved_first": 1.0},
        {"multiplicity": 64, "n": 2, "mean_similarity": pytest.approx(0.7), "retrieved_first": 1.0},
    ]
