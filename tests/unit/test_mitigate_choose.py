"""Which prompts are asked again under remedies, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vidmem import tables
from vidmem.mitigate import write_choice, write_reworded
from vidmem.mitigate.choose import choose
from vidmem.mitigate.reword import reworded

SIZES = {"flagged": 10, "unflagged": 10}


def row(prompt: str, seed: int = 0, content: bool = False, motion: bool = False, **more: Any) -> dict[str, Any]:
    made = {"video_id": f"{prompt}-{seed}", "prompt_id": prompt, "seed": seed, "status": tables.OK}
    made |= {"content_memorised": content, "motion_memorised": motion, "content_threshold": 0.4}
    return {**made, "motion_threshold": 4.0, "content_score": 0.1, "motion_score": 1.0, **more}


def metrics(*rows: dict[str, Any]) -> pl.DataFrame:
    columns = {name: [r.get(name) for r in rows] for name in tables.METRICS.names}
    table = pl.DataFrame({k: v for k, v in columns.items() if any(x is not None for x in v)}, strict=False)
    missing = [name for name in ("content_p_value", "motion_p_value") if name not in table.columns]
    return table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in missing)


def test_flagged_are_prompts_with_a_content_or_motion_verdict_and_what_returns_most_comes_first() -> None:
    table = metrics(
        row("one-of-two", 0, content=True), row("one-of-two", 1),
        row("both-kinds", 0, content=True, motion=True), row("both-kinds", 1, content=True, motion=True),
        row("motion", 0, motion=True), row("motion", 1, motion=True),
        row("none", 0), row("none", 1),
    )  # fmt: skip
    assert choose(table, SIZES, 0) == {"flagged": ["both-kinds", "motion", "one-of-two"], "unflagged": ["none"]}


def test_of_equal_shares_the_smaller_p_value_comes_first_and_without_one_the_higher_score() -> None:
    table = metrics(
        row("a", content=True, content_p_value=0.01),
        row("b", content=True, content_p_value=0.001),
        row("c", content=True, content_score=0.6),
        row("d", content=True, content_score=0.8),
    )
    assert choose(table, SIZES, 0)["flagged"] == ["b", "a", "d", "c"]


def test_videos_that_were_lost_flag_nothing_and_prompts_of_none_but_lost_ones_are_not_asked() -> None:
    table = metrics(row("lost", content=True, status=tables.FAILED), row("kept"))
    assert choose(table, SIZES, 0) == {"flagged": [], "unflagged": ["kept"]}


@given(st.integers(0, 5), st.integers(0, 9), st.integers(0, 3))
def test_a_larger_sample_of_unflagged_prompts_holds_the_smaller_one(few: int, more: int, seed: int) -> None:
    table = metrics(*(row(f"p{i}") for i in range(12)))
    small = choose(table, {"flagged": 1, "unflagged": few}, seed)["unflagged"]
    assert choose(table, {"flagged": 1, "unflagged": few + more}, seed)["unflagged"][:few] == small


def test_chunks_hold_whole_prompts_with_every_seed_and_the_unmitigated_video(tmp_path: Path) -> None:
    rows = [row(f"p{i}", seed, content=True) for i in range(3) for seed in (0, 1)]
    tables.write_table(tmp_path / "metrics.parquet", rows, tables.METRICS)
    prompts = [{"prompt_id": f"p{i}", "text": f"text {i}", "source_ids": [f"clip{i}"]} for i in range(3)]
    tables.write_table(tmp_path / "prompts.parquet", prompts, tables.PROMPTS)
    chunks = {name: tmp_path / f"{name}.parquet" for name in ("flagged-000", "flagged-001", "unflagged-000")}
    settings = {"flagged": 4, "unflagged": 1, "seed": 0, "chunk_size": 2}
    out = tmp_path / "all.parquet"
    write_choice(tmp_path / "metrics.parquet", tmp_path / "prompts.parquet", settings, out, chunks)
    first, second, none = (tables.read_table(path) for path in chunks.values())
    assert first.select("prompt_id", "seed").rows() == [("p0", 0), ("p0", 1), ("p1", 0), ("p1", 1)]
    assert second["base_video_id"].to_list() == ["p2-0", "p2-1"]
    assert (len(none), len(tables.read_table(out))) == (0, 6)
    assert first["text"].to_list() == ["text 0", "text 0", "text 1", "text 1"]


def asked(text: str, seed: int = 0) -> dict[str, Any]:
    return {"prompt_id": text, "seed": seed, "group": "flagged", "rank": 1, "text": text}


def test_rewordings_take_turns_over_the_seeds_and_keep_the_prompts_ids() -> None:
    caption = "Two small birds in slow motion, static shot"
    made = reworded([asked(caption, seed) for seed in range(4)], seed=0, count=2)
    texts = [r["text"] for r in made]
    assert texts[0] == texts[2] and texts[1] == texts[3] and len({caption, *texts}) == 3
    assert {r["prompt_id"] for r in made} == {caption}


def test_a_prompt_that_no_rule_takes_hold_of_is_asked_no_more() -> None:
    assert reworded([asked("qzx")], seed=0, count=2) == []
    assert reworded([asked("qzx")], seed=0, count=0) == [asked("qzx")]


def test_rewording_a_chunk_is_deterministic(tmp_path: Path) -> None:
    rows = [asked("A small dog next to a big tree, static shot", seed) for seed in (0, 1)]
    tables.write_table(tmp_path / "a.parquet", rows, tables.ASKED_AGAIN)
    for name in ("b", "c"):
        write_reworded(tmp_path / "a.parquet", {"seed": 3, "rewordings": 2}, tmp_path / f"{name}.parquet")
    assert (tmp_path / "b.parquet").read_bytes() == (tmp_path / "c.parquet").read_bytes()
    assert len(tables.read_table(tmp_path / "b.parquet")) == 2
