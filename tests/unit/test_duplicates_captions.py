"""Captions: shingles, MinHash candidates against all pairs, and components of nearly same captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wordings import REWORDINGS

from vidmem.duplicates.captions import caption_components, distinct_captions, semantic_neighbours
from vidmem.duplicates.minhash import BANDS, HUBS, SLOTS, bucket_pairs, cut_large, near_pairs, signatures
from vidmem.duplicates.shingles import fold, jaccard, shingle_hashes, shingle_set
from vidmem.text import prompt_id

texts = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30), min_size=1)
WORDS = [f"{a}{b}{c}" for a in ("ba", "ro", "ti", "mu") for b in ("len", "sto", "vak", "pri") for c in ("d", "x", "n")]


def sentences(count: int, seed: int) -> list[str]:
    """Captions of eight words, every third of them its predecessor with one word exchanged."""
    rng = np.random.default_rng(seed)
    made: list[list[str]] = []
    for n in range(count):
        made.append([str(w) for w in rng.choice(WORDS, 8)])
        if n % 3 == 2:
            made[n] = [*made[n - 1][:4], str(rng.choice(WORDS)), *made[n - 1][5:]]
    return sorted({" ".join(words) for words in made})


def test_folding_drops_case_and_punctuation_and_keeps_every_script() -> None:
    folded = fold(pl.Series(["A  Dog, running!", "Ｗｉｄｅ ①", "犬が走る。", "naïve—Café", "?!"])).to_list()
    assert folded == ["a dog running", "wide 1", "犬が走る", "naïve café", "?!"]


def test_shingles_by_hand() -> None:
    assert shingle_set("a red cow") == {"a red", " red ", "red c", "ed co", "d cow"}
    assert shingle_set("cow") == {"cow"}
    pairs = np.array([0]), np.array([1])
    assert jaccard(pl.Series(["abcdef", "abcdeg"]), *pairs) == pytest.approx([1 / 3])
    assert jaccard(pl.Series(["cow", "cow bell"]), *pairs) == [0.0]


@given(texts)
def test_hashes_are_as_many_and_as_equal_as_the_shingles(captions: list[str]) -> None:
    hashes, offsets = shingle_hashes(captions)
    assert offsets[-1] == len(hashes)
    names: dict[int, str] = {}
    for n, text in enumerate(captions):
        mine = hashes[offsets[n] : offsets[n + 1]].tolist()
        runs = [text[i : i + 5] for i in range(max(1, len(text) - 4))]
        assert len(mine) == len(runs)
        assert all(names.setdefault(key, run) == run for key, run in zip(mine, runs, strict=True))
    assert len(set(names)) == len(set(names.values()))


def test_signatures_agree_as_often_as_the_sets_do() -> None:
    rng = np.random.default_rng(0)
    shared, own = rng.integers(0, 2**63, (60, 40), np.uint64), rng.integers(0, 2**63, (60, 20), np.uint64)
    one = [np.concatenate([s, o[:10]]) for s, o in zip(shared, own, strict=True)]
    other = [np.concatenate([s, o[10:]]) for s, o in zip(shared, own, strict=True)]
    flat = np.concatenate([np.concatenate(pair) for pair in zip(one, other, strict=True)])
    made = signatures(flat, np.arange(121) * 50)
    assert made.shape == (120, BANDS * SLOTS)
    assert (made[::2] == made[1::2]).mean() == pytest.approx(40 / 60, abs=0.01)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_a_bucket_gives_each_member_with_its_first_ones(keys: list[int]) -> None:
    found = [(int(i), int(j)) for left, right in bucket_pairs(np.array(keys, np.uint64)) for i, j in zip(left, right)]  # noqa: B905
    expected = {
        (i, j)
        for j, key in enumerate(keys)
        for place, i in enumerate(n for n, other in enumerate(keys) if other == key)
        if i < j and place < HUBS
    }
    assert len(found) == len(set(found)) and set(found) == expected


def test_large_buckets_are_cut_by_further_slots_and_small_ones_are_not() -> None:
    keys = np.repeat(np.array([7, 9], np.uint64), [HUBS + 2, HUBS + 1])
    further = np.tile(np.array([[0, 0], [1, 0], [0, 1]], np.uint8), (len(keys), 1))[: len(keys)]
    finer = cut_large(keys, further)
    first, slots = finer[: HUBS + 2], further[: HUBS + 2]
    assert ((first[:, None] == first) == (slots[:, None] == slots).all(axis=2)).all()
    assert finer[HUBS + 2 :].tolist() == [9] * (HUBS + 1)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_candidates_are_all_pairs_that_reach_the_threshold(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    captions = pl.Series(sentences(150, seed))
    i, j = np.triu_indices(len(captions), 1)
    scores = jaccard(captions, i, j)
    expected = {(a, b) for a, b, s in zip(i.tolist(), j.tolist(), scores, strict=True) if s >= 0.7}
    left, right = near_pairs(captions, 0.7, tmp_path_factory.mktemp("bands"))
    found = set(zip(left.tolist(), right.tolist(), strict=True))
    assert found <= expected
    assert len(expected - found) <= 0.05 * len(expected)  # one in fifty is missed at the threshold, fewer above


def test_rewordings_are_with_their_caption_and_other_captions_are_not(tmp_path: Path) -> None:
    said = [
        "A cyclist in a helmet waits beside a bus in heavy city traffic, static shot",
        "Aerial view of waves that break on a rocky shore below an old lighthouse, slow motion",
        "Two children build a castle of wet sand while their dog is digging a hole, wide shot",
    ]
    rng = np.random.default_rng(0)
    items = [(n, text) for n, text in enumerate(said)]
    items += [(n, reword(text, rng)) for n, text in enumerate(said) for reword in REWORDINGS.values()]
    components = caption_components(pl.Series([text for _, text in items]), 0.7, tmp_path)
    assert components.tolist() == [n for n, _ in items]


def test_distinct_captions_count_as_prompt_ids_do() -> None:
    found = distinct_captions(pl.Series(["a  cat", None, "A cat", "a cat", " ", "a ｃat"]))
    assert found.prompt_ids().to_list() == [prompt_id("a cat"), None, prompt_id("A cat"), *[prompt_id("a cat")], None,
                                            prompt_id("a cat")]  # fmt: skip
    assert len(found) == 2 and found.texts.gather(found.code[[0]]).to_list() == ["a  cat"]


def test_no_captions_and_very_long_ones_are_no_trouble(tmp_path: Path) -> None:
    assert caption_components(pl.Series([], dtype=pl.String), 0.7, tmp_path).tolist() == []
    assert len(distinct_captions(pl.Series([None, ""], dtype=pl.String))) == 0
    long = "word soup " * 10_000
    assert caption_components(pl.Series([long, long + "!", "soup", "x"]), 0.7, tmp_path).tolist() == [0, 0, 2, 3]
    assert list(tmp_path.iterdir()) == []


def test_what_says_the_same_in_other_words_is_a_semantic_neighbour() -> None:
    captions = pl.Series(["A man is playing a guitar", "Someone plays the guitar", "Snow falls on a mountain hut"])
    assert semantic_neighbours(captions, np.arange(3), 0.7).tolist() == [1, 1, 0]
    assert semantic_neighbours(captions, np.array([0, 0, 2]), 0.7).tolist() == [0, 0, 0]  # nearly same ones are counted
