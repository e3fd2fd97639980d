"""Motion search by windows: the exact best of a corpus, whatever the sizes, blocks and variants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.search import windows as window_search
from vidmem.search.windows import diagonal_sums, score_many, search_windows
from vidmem.similarity.motion import window_score

Clips = list[np.ndarray]
FLOOR, POWER = 0.02, 0.5


def clips(rng: np.random.Generator, count: int, size: int, longest: int = 9, scale: float = 0.3) -> Clips:
    return [rng.normal(0, scale, (rng.integers(0, longest + 1), size)).astype(np.float32) for _ in range(count)]


def slow_score(x: np.ndarray, y: np.ndarray, k: int) -> float:
    """Largest inner product of two stacked windows over their norms, or those of motion at the floor everywhere."""
    least = k * (x.shape[1] // 2) * FLOOR ** (2 * POWER)
    best = -np.inf
    for i in range(len(x) - k + 1):
        for j in range(len(y) - k + 1):
            a, b = x[i : i + k].astype(np.float64).ravel(), y[j : j + k].astype(np.float64).ravel()
            best = max(best, a @ b / np.sqrt(max(a @ a, least) * max(b @ b, least)))
    return best


def slow_search(
    queries: Clips, owners: Sequence[int], references: Clips, k: int, wanted: int, barred: dict[int, set[int]]
) -> dict[int, dict[int, float]]:
    found: dict[int, dict[int, float]] = {owner: {} for owner in owners}
    for x, owner in zip(queries, owners, strict=True):
        for n, y in enumerate(references):
            if n not in barred.get(owner, set()) and min(len(x), len(y)) >= k:
                found[owner][n] = max(found[owner].get(n, -np.inf), slow_score(x, y, k))
    return {o: dict(sorted(hits.items(), key=lambda h: (-h[1], h[0]))[:wanted]) for o, hits in found.items()}


def search(queries: Clips, owners: Sequence[int], references: Clips, k: int, wanted: int, **more: object) -> dict:  # type: ignore[type-arg]
    arguments = {"barred": {}, **more}
    return search_windows(
        queries,
        owners,
        references,
        window=k,
        floor=FLOOR,
        power=POWER,
        wanted=wanted,
        **arguments,  # type: ignore[arg-type]
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(0, 6),
    st.integers(0, 12),
    st.integers(1, 4),
    st.integers(0, 4),
    st.sampled_from([0.3, 0.003]),  # moving, and under the floor
    st.integers(0, 10_000),
)
def test_search_equals_a_slow_one(
    k: int, videos: int, references: int, wanted: int, bars: int, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, y = clips(rng, videos, 8, scale=scale), clips(rng, references, 8)
    owners = rng.integers(3, 6, videos).tolist()
    barred = {o: set(rng.integers(0, max(1, references), bars).tolist()) for o in (3, 4)}
    found = search(x, owners, y, k, wanted, barred=barred)
    slow = slow_search(x, owners, y, k, wanted, barred)
    assert set(found) == set(slow)
    for owner, hits in slow.items():
        assert list(found[owner]) == list(hits)
        assert list(found[owner].values()) == pytest.approx(list(hits.values()), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 10_000))
def test_cutting_the_references_changes_nothing(cut: int, wanted: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = clips(rng, 3, 16), clips(rng, 13, 16)
    whole = search(x, [0, 1, 2], y, 3, wanted)
    merged: dict[int, dict[int, float]] = {0: {}, 1: {}, 2: {}}
    for first in range(0, len(y), cut):
        for owner, hits in search(x, [0, 1, 2], y[first : first + cut], 3, wanted).items():
            merged[owner].update({first + n: score for n, score in hits.items()})
    for owner, hits in merged.items():
        best = sorted(hits, key=lambda n: (-hits[n], n))[:wanted]
        assert best == list(whole[owner])
        assert [hits[n] for n in best] == pytest.approx(list(whole[owner].values()), abs=1e-12)


def test_small_tiles_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    x, y = clips(rng, 7, 8), clips(rng, 30, 8)
    owners = [0, 1, 1, 2, 3, 3, 3]
    whole = search(x, owners, y, 3, 4)
    monkeypatch.setattr(window_search, "TILE_ROWS", 11)
    monkeypatch.setattr(window_search, "TILE_COLUMNS", 13)
    monkeypatch.setattr(window_search, "BLOCK_BYTES", 32 * 8)
    small = search(x, owners, y, 3, 4)
    assert {o: list(hits) for o, hits in small.items()} == {o: list(hits) for o, hits in whole.items()}


def test_equal_scores_go_to_the_lower_number() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 8)).astype(np.float32)
    y = [rng.normal(size=(5, 8)).astype(np.float32), *[x.copy() for _ in range(6)]]
    assert list(search([x], [0], y, 3, 3)[0]) == [1, 2, 3]
    assert list(search([x], [0], y, 3, 3, barred={0: {2}})[0]) == [1, 3, 4]


def test_still_clips_score_nothing_and_come_by_their_number() -> None:
    still = [np.zeros((5, 8), np.float32) for _ in range(9)]
    assert search(still[:1], [0], still, 3, 4)[0] == dict.fromkeys(range(4), 0.0)


def test_differences_under_the_rounding_of_float32_are_told_apart() -> None:
    """The best of near-identical clips is found by its exact score, which float32 can't see."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(12, 512)).astype(np.float32)
    y = []
    for _ in range(40):
        copy = x.copy()
        copy[:, rng.integers(512)] *= np.float32(1 + rng.uniform(1e-4, 2e-4))
        y.append(copy)
    exact = [window_score(x, c, 7, FLOOR, POWER).score for c in y]
    order = sorted(range(40), key=lambda n: (-exact[n], n))[:5]
    assert max(exact) - min(exact) < 1e-6
    found = search([x], [0], y, 7, 5)[0]
    assert list(found) == order
    assert list(found.values()) == pytest.approx([exact[n] for n in order], abs=1e-15)


def test_clips_shorter_than_the_window_are_left_out_on_both_sides() -> None:
    rng = np.random.default_rng(4)
    long, short = rng.normal(size=(6, 8)).astype(np.float32), rng.normal(size=(2, 8)).astype(np.float32)
    found = search([long, short], [0, 1], [short, long], 3, 5)
    assert list(found[0]) == [1] and found[1] == {}


def test_the_best_variant_of_a_video_counts() -> None:
    rng = np.random.default_rng(5)
    x, other = (rng.normal(size=(6, 8)).astype(np.float32) for _ in range(2))
    found = search([other, x], [7, 7], [x, other], 3, 2)
    assert list(found[7].values()) == pytest.approx([1, 1], abs=1e-6) and list(found) == [7]


def test_scores_that_a_caller_would_drop_are_left_out() -> None:
    rng = np.random.default_rng(6)
    x, y = clips(rng, 2, 8, 9), clips(rng, 20, 8)
    x = [np.concatenate([c, c, np.ones((3, 8), np.float32)]) for c in x]
    every = search(x, [0, 1], y, 2, 8)
    least = {0: sorted(every[0].values())[-3]}
    found = search(x, [0, 1], y, 2, 8, least=least)
    assert found[0] == {n: s for n, s in every[0].items() if s >= least[0]} and len(found[0]) == 3
    assert found[1] == every[1]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 9), st.integers(0, 15), st.integers(0, 10_000))
def test_one_against_many_equals_window_score(k: int, length: int, references: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 0.2, (length, 8)).astype(np.float32), clips(rng, references, 8)
    scores = score_many(x, y, k, FLOOR, POWER)
    assert scores.dtype == np.float32 and scores.shape == (references,)
    for score, clip in zip(scores, y, strict=True):
        if min(len(x), len(clip)) < k:
            assert np.isnan(score)
        else:
            assert score == pytest.approx(window_score(x, clip, k, FLOOR, POWER).score, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(0, 5), st.integers(0, 5), st.integers(0, 10_000))
def test_diagonal_sums_equal_a_loop(k: int, more_rows: int, more_columns: int, seed: int) -> None:
    s = np.random.default_rng(seed).normal(size=(k + more_rows, k + more_columns))
    sums = diagonal_sums(s, k)
    assert sums.shape == (more_rows + 1, more_columns + 1)
    for (i, j), value in np.ndenumerate(sums):
        assert value == pytest.approx(sum(s[i + r, j + r] for r in range(k)))
