"""Controls: not in the corpus, nor nearly, and like its captions; and the list that comes with vidmem."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from promptworld import item, run

from vidmem import tables
from vidmem.config.prompts import Prompts
from vidmem.prompts import items, near
from vidmem.prompts.controls.choose import first_fit, matched, matched_fit, read_list
from vidmem.prompts.controls.grammar import CAPTIONS, OVERLAP, captions
from vidmem.prompts.meaning import Meanings
from vidmem.prompts.near import overlaps

WORDS = ["a", "the", "cat", "dog", "sits", "runs", "on", "mat", "grass", "red", "blue", "fast"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=0, max_size=9).map(" ".join)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def overlap(a: str, b: str) -> float:
    return len(words(a) & words(b)) / len(words(a) | words(b)) if words(a) | words(b) else 0.0


def manifest(folder: Path, texts: list[str]) -> Path:
    tables.write_table(folder / "m.parquet", [item(n, text) for n, text in enumerate(texts)], tables.MANIFEST)
    return folder / "m.parquet"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=1, max_size=8), st.lists(TEXTS, max_size=20), st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_no_near_caption_is_missed(tmp_path: Path, texts: list[str], corpus: list[str], least: float) -> None:
    best = [max((overlap(text, caption) for caption in corpus), default=0.0) for text in texts]
    expected = [value if value >= least else 0.0 for value in best]
    assert overlaps(texts, manifest(tmp_path, corpus), least) == pytest.approx(expected)


def test_later_batches_are_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = [f"caption number {n} of the corpus" for n in range(50)] + ["A red CAT, on a mat"]
    monkeypatch.setattr(items, "BATCH_ROWS", 20)
    monkeypatch.setattr(near, "SLICE_ROWS", 7)
    monkeypatch.setattr(near, "SLICE_PAIRS", 2)
    found = overlaps(["a red cat on a mat", "number 3", "something else"], manifest(tmp_path, corpus), 0.3)
    assert found == pytest.approx([1.0, 1 / 3, 0.0])


def test_a_broken_items_caption_is_the_corpus_all_the_same(tmp_path: Path) -> None:
    corpus = [item(0, "a dog"), item(1, "a blue whale sings", status="skipped")]
    heldout = [item(0, "a blue whale sings"), item(1, "a horse")]
    rows = run(tmp_path, corpus, Prompts(evidence=["caption"], control_list=None), heldout=heldout).rows
    assert [r["text"] for r in rows if r["set"] == "control"] == ["a horse"]


def test_held_out_captions_come_first_then_the_list(tmp_path: Path) -> None:
    corpus = [item(0, "a cat"), item(1, "a dog sits on the mat")]
    heldout = [item(0, "a cat"), item(1, "a horse"), item(2, "The dog sits on a mat!")]
    wanted = Prompts(evidence=["caption"], control=6, control_cosine_limit=0)
    controls = [r for r in run(tmp_path, corpus, wanted, heldout=heldout).rows if r["set"] == "control"]
    assert controls[0]["text"] == "a horse" and controls[0]["origin"] == "heldout" and len(controls) == 6
    assert {r["origin"] for r in controls[1:]} == {"v1"} and {r["text"] for r in controls[1:]} <= set(read_list("v1"))
    assert all(r["duplicates"] == 0 and r["source_ids"] == [] for r in controls)
    assert controls[0]["evidence"] == "caption of a held-out clip; no caption of the corpus shares 70% of its words"


def test_a_listed_control_that_the_corpus_nearly_holds_is_not_taken(tmp_path: Path) -> None:
    listed = read_list("v1")
    corpus = [item(0, "a cat"), *(item(n, f"{text}!") for n, text in enumerate(listed[:-40], 1))]
    wanted = Prompts(evidence=["caption"], control=100, control_cosine_limit=0)
    controls = {r["text"] for r in run(tmp_path, corpus, wanted).rows if r["set"] == "control"}
    assert controls <= set(listed[-40:]) and len(controls) > 30


def test_a_listed_control_says_nothing_that_a_caption_says_in_other_words(tmp_path: Path) -> None:
    listed = next(text for text in read_list("v1") if "looking through a telescope" in text)
    corpus = [item(0, "Music artist gazes at the stars with a telescope")]
    assert listed in read_list("v1")
    wanted = {"evidence": ["caption"], "control": 3000, "control_cosine_limit": 0}
    near = Meanings([corpus[0]["caption"]]).nearest([listed, "A pelican"])
    assert near[0] > 0.5 > 0.3 > near[1]
    by_words = run(tmp_path, corpus, Prompts.model_validate(wanted))
    assert (
        listed in {r["text"] for r in by_words.rows}
        and "sentence vectors not looked at: 1 captions" in by_words.controls
    )


def test_matched_controls_are_as_long_as_what_they_are_matched_to() -> None:
    like = ["a cat", "a young woman sipping mint tea on a balcony while others watch", "a red fox in snow"]
    found = matched(read_list("v1"), like, 30)
    lengths = np.array([len(words(text)) for text in found]).reshape(10, 3)
    apart = abs(lengths - [len(words(text)) for text in like])
    assert apart.max() <= 3 and apart.mean() < 1.5
    assert len(set(found)) == 30 and matched(read_list("v1"), like, 12) == found[:12]


def test_of_equal_length_the_known_words_win() -> None:
    like = ["two dogs run", "a blue car stops"]
    assert matched(["three pigs fly", "two dogs sleep", "two blue dogs"], like, 2) == [
        "two blue dogs",
        "two dogs sleep",
    ]
    assert matched([], like, 3) == [] and len(matched(["x", "y z"], [], 5)) == 2


def test_no_more_is_asked_about_than_needed() -> None:
    asked: list[str] = []

    def refuse(texts: object) -> np.ndarray:
        asked.extend(texts)  # type: ignore[arg-type]
        return np.array([int(text) % 2 == 0 for text in texts])  # type: ignore[attr-defined]

    assert first_fit([str(n) for n in range(100)], refuse, 4) == ["1", "3", "5", "7"]
    assert len(asked) == 8
    assert (
        first_fit([], refuse, 4) == [] and first_fit(["0", "2"], refuse, 4) == [] and first_fit(["1"], refuse, 0) == []
    )


def test_picking_again_gives_what_picking_among_the_fit_gives() -> None:
    like, texts = ["a cat on a mat", "dogs", "two boats in the bay"], read_list("v1")[:200]
    asked: list[str] = []

    def refuse(some: object) -> np.ndarray:
        asked.extend(some)  # type: ignore[arg-type]
        return np.array([len(text) % 3 == 0 for text in some])  # type: ignore[attr-defined]

    fit = [text for text in texts if len(text) % 3]
    assert matched_fit(texts, like, refuse, 20) == matched(fit, like, 20)
    assert len(asked) == len(set(asked)) < 80
    assert matched_fit(texts[:5], like, refuse, 20) == matched([t for t in texts[:5] if len(t) % 3], like, 20)


def test_the_list_is_what_its_grammar_writes_and_natural_to_read() -> None:
    listed = read_list("v1")
    assert len(listed) == len(set(listed)) == CAPTIONS
    assert captions(60) == listed[:60]
    assert all(text[0].isupper() or text[0].isdigit() for text in listed)
    assert not [text for text in listed if re.search(r"\b(\w+) \1\b|\ba [aeio]| ,|  |\{", text)]
    sizes = pl.Series([len(text.split()) for text in listed])
    assert sizes.min() <= 4 and sizes.max() >= 20 and 9 <= sizes.median() <= 14
    some = listed[::29]
    assert all(overlap(a, b) < OVERLAP + 0.1 for n, a in enumerate(some) for b in some[:n])
