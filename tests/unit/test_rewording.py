"""Rewordings by rule: other texts of the same meaning, the same each time."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.rewording import ARTICLES, FRAMES, NUMBERS, PARTICIPLES, SYNONYMS, reword
from vidmem.text import normalise_text

WHO = ("A woman", "An old man", "Two kids", "The happy child", "Three grey cats")
DOING = ("riding a big bike", "pouring a drink", "holding the smartphone", "jumping", "looking at the ocean")
WHERE = ("", " in a small street", " near the sofa", " at sunset", " on a sunny day", ", static shot", ", slow zoom in")
LED = ("", "Footage of ", "Aerial view of ", "A clip of ")  # such as stock footage has


def captions() -> st.SearchStrategy[str]:
    parts = st.tuples(*(st.sampled_from(options) for options in (LED, WHO, DOING, WHERE)))
    return parts.map(lambda p: _sentence(*p))


def _sentence(led: str, who: str, doing: str, where: str) -> str:
    return f"{led}{who.lower() if led else who} {doing}{where}"


def meaning(text: str) -> Counter[str]:
    """The content words, with each word of a synonym row, number and verb form under one name."""
    text = f" {re.sub(r'[:,.]', ' ', normalise_text(text).lower())} "
    text = re.sub(rf" (?:{'|'.join(frame.lower() for frame in FRAMES)}|video of|clip of|film of) ", " ", text)
    for number, row in enumerate(SYNONYMS):
        for phrase in sorted(row, key=len, reverse=True):
            text = re.sub(rf"(?<![\w'-]){re.escape(phrase)}(?![\w'-])", f"synonym{number}", text)
    same = {done: doing for doing, done in PARTICIPLES.items()} | {str(n): w for n, w in enumerate(NUMBERS, 1)}
    words = [same.get(word, word) for word in text.split()]
    return Counter(word for word in words if word not in (*ARTICLES, "is", "are", "being", "by"))


@settings(max_examples=150, deadline=None)
@given(captions(), st.integers(0, 5))
def test_the_content_words_stay_and_the_text_does_not(caption: str, seed: int) -> None:
    forms = reword(caption, seed, 12)
    assert forms, caption
    assert len({*forms, caption}) == len(forms) + 1
    for form in forms:
        assert meaning(form) == meaning(caption), (caption, form)
        assert form == normalise_text(form)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.integers(0, 3), st.integers(0, 6))
def test_any_text_may_be_asked_and_more_rewordings_only_append(text: str, seed: int, n: int) -> None:
    forms = reword(text, seed, n)
    assert len(forms) <= n and reword(text, seed, n + 4)[:n] == forms
    assert normalise_text(text) not in forms


def test_seeds_draw_others() -> None:
    caption = "Two kids riding a big bike on the street at sunset"
    assert reword(caption, 0, 4) == reword(caption, 0, 4)
    assert reword(caption, 0, 4) != reword(caption, 1, 4)


@pytest.mark.parametrize(
    ("caption", "form"),
    [
        ("A woman pouring a drink in a bar", "A drink being poured by a woman in a bar"),
        ("A man is riding a horse", "A man riding a horse"),
        ("An old man reading a book", "An old man is reading a book"),
        ("Two dogs playing at sunset", "At sunset, two dogs playing"),
        ("A small dog, static shot", "Static shot: a small dog"),
        ("An automobile in the rain", "A car in the rain"),
        ("3 women in a boat", "Three women in a boat"),
        ("A cat on a mat", "Cat on a mat"),
        ("A cat jumping over a mat", "Footage of a cat jumping over a mat"),
    ],
)
def test_each_rule_by_example(caption: str, form: str) -> None:
    assert form in reword(caption, 0, 200)


@pytest.mark.parametrize(
    "caption", ["", "Sonnenuntergang am Meer", "夕日の海", "Paris in the rain", "The 7 wonders of the world"]
)
def test_what_no_rule_fits_has_no_rewordings(caption: str) -> None:
    assert reword(caption, 0, 5) == []


def test_a_negative_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        reword("a cat on a mat", 0, -1)
