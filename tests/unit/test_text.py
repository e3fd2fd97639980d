"""Ids: equal for texts that are the same prompt, different for anything that changes the pixels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vidmem.text import normalise_text, prompt_id, stable_fraction, video_id


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise_text(normalise_text(text)) == normalise_text(text)
    assert prompt_id(normalise_text(text)) == prompt_id(text)


def test_white_space_is_folded_and_case_is_kept() -> None:
    assert prompt_id(" a\n cat ") == prompt_id("a cat")
    assert prompt_id("A cat") != prompt_id("a cat")


def test_ids_are_pinned() -> None:
    """Ids stand in published tables: a change of the hash would orphan them."""
    assert prompt_id("a cat") == "51e4674156077982"
    assert video_id("m", "p", 0, {"a": 1, "b": 2}) == video_id("m", "p", 0, {"b": 2, "a": 1})
    assert len({video_id("m", "p", s, {"steps": n}) for s in range(3) for n in range(3)}) == 9


@given(st.text(), st.integers())
def test_stable_fractions_are_shares(text: str, number: int) -> None:
    assert 0 <= stable_fraction(text, number) < 1
    assert stable_fraction(text, number) == stable_fraction(text, number)
