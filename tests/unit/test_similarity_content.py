"""Content scores: known answers, properties that must hold for any vectors, and a slow independent implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidmem.similarity import content


def unit(rng: np.random.Generator, n: int, dim: int = 8) -> content.Vectors:
    v = rng.normal(size=(n, dim))
    return (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)


sizes = st.integers(1, 9)
seeds = st.integers(0, 10_000)


def test_a_video_against_itself_scores_one() -> None:
    x = unit(np.random.default_rng(0), 6)
    assert content.gsscd_max(x, x).score == pytest.approx(1, abs=1e-6)
    assert content.gsscd_k(x, x, 4).score == pytest.approx(1, abs=1e-6)
    assert content.vsscd(x, x) == pytest.approx(1, abs=1e-6)
    assert content.match_fractions(x, x, 0.99) == (1, 1)
    assert content.best_segment(x, x, 0.9) == (pytest.approx(1, abs=1e-6), 0, 0, 5, 5, 6)


def test_known_answer_by_hand() -> None:
    # unit vectors in the plane: angles 0, 90 against 60, 120 degrees
    x = np.array([[1, 0], [0, 1]], np.float32)
    half, root = 0.5, math.sqrt(3) / 2
    y = np.array([[half, root], [-half, root]], np.float32)
    # s = [[.5, -.5], [.866, .866]]
    assert content.gsscd_max(x, y) == (pytest.approx(root), 1, 0)
    assert content.gsscd_k(x, y, 2) == (pytest.approx((half + root) / 2), 0, 0, 2)
    assert content.vsscd(x, y) == pytest.approx((half + root) / 2)
    assert content.match_fractions(x, y, 0.6) == (0.5, 1.0)


def test_a_replicated_segment_is_found_with_its_place_on_both_sides() -> None:
    rng = np.random.default_rng(1)
    y = unit(rng, 10, 64)
    x = np.concatenate([unit(rng, 3, 64), y[5:9], unit(rng, 2, 64)])
    assert content.gsscd_k(x, y, 4) == (pytest.approx(1, abs=1e-6), 3, 5, 4)
    assert content.best_segment(x, y, 0.5) == (pytest.approx(1, abs=1e-6), 3, 5, 6, 8, 4)


def test_no_segment_when_nothing_reaches_the_threshold() -> None:
    x, y = np.eye(4, dtype=np.float32)[:2], np.eye(4, dtype=np.float32)[2:]
    assert content.best_segment(x, y, 0.5) is None


def test_an_image_is_a_video_of_one_frame() -> None:
    rng = np.random.default_rng(2)
    video = unit(rng, 7)
    image = video[4:5]
    for score in (content.gsscd_max(image, video).score, content.gsscd_k(image, video, 3).score):
        assert score == pytest.approx(1, abs=1e-6)
    assert content.vsscd(image, video) == content.vsscd(video, image) == pytest.approx(1, abs=1e-6)
    assert content.gsscd_k(image, video, 3).length == 1


@pytest.mark.parametrize("shapes", [((0, 4), (2, 4)), ((2, 4), (0, 4)), ((2, 4), (2, 5)), ((4,), (2, 4))])
def test_empty_or_unequal_inputs_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    x, y = (np.ones(s, np.float32) for s in shapes)
    with pytest.raises(ValueError, match="expected vectors"):
        content.gsscd_max(x, y)


def test_a_segment_of_no_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="k must be"):
        content.gsscd_k(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32), 0)


@given(sizes, sizes, seeds)
def test_any_frame_scores_at_least_as_much_as_any_segment(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = unit(rng, n), unit(rng, m)
    best = content.gsscd_max(x, y).score
    scores = [content.gsscd_k(x, y, k).score for k in range(1, 11)]
    assert scores[0] == pytest.approx(best)
    assert all(s <= best + 1e-9 for s in scores)
    assert content.vsscd(x, y) == pytest.approx(scores[-1])


@given(sizes, sizes, seeds, st.integers(1, 5))
def test_scores_are_symmetric(n: int, m: int, seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = unit(rng, n), unit(rng, m)
    assert content.gsscd_max(x, y).score == pytest.approx(content.gsscd_max(y, x).score)
    assert content.gsscd_k(x, y, k).score == pytest.approx(content.gsscd_k(y, x, k).score)
    assert content.vsscd(x, y) == pytest.approx(content.vsscd(y, x))
    assert content.match_fractions(x, y, 0.3) == content.match_fractions(y, x, 0.3)[::-1]


@given(sizes, sizes, seeds)
def test_the_order_of_frames_matters_to_no_frame_score(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = unit(rng, n), unit(rng, m)
    assert content.gsscd_max(rng.permutation(x), y).score == pytest.approx(content.gsscd_max(x, y).score)
    assert content.match_fractions(rng.permutation(x), y, 0.2) == content.match_fractions(x, y, 0.2)


@given(sizes, sizes, seeds, st.integers(1, 6))
def test_segments_agree_with_a_slow_independent_implementation(n: int, m: int, seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = unit(rng, n), unit(rng, m)
    length = min(k, n, m)
    slow = max(
        sum(sum(float(a) * float(b) for a, b in zip(x[i + r], y[j + r], strict=True)) for r in range(length)) / length
        for i in range(n - length + 1)
        for j in range(m - length + 1)
    )
    assert content.gsscd_k(x, y, k).score == pytest.approx(slow, abs=1e-6)


@given(sizes, sizes, seeds, st.floats(-0.5, 0.8))
def test_the_best_segment_agrees_with_trying_all_of_them(n: int, m: int, seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = unit(rng, n), unit(rng, m)
    s = x.astype(np.float64) @ y.astype(np.float64).T
    found = content.best_segment(x, y, threshold)
    gains = [
        sum(s[i + r, j + r] - threshold for r in range(length))
        for i in range(n)
        for j in range(m)
        for length in range(1, min(n - i, m - j) + 1)
    ]
    if s.max() < threshold:
        assert found is None
    else:
        assert found is not None
        assert (found.score - threshold) * found.pairs == pytest.approx(max(gains), abs=1e-9)
        assert found.last_i - found.i == found.last_j - found.j == found.pairs - 1


def test_a_missing_frame_shifts_no_segment_in_time() -> None:
    rng = np.random.default_rng(4)
    y = unit(rng, 8, 64)
    seen = np.array([1, 2, 4, 5])  # frame 3 of the copy was gated
    found = content.best_segment(y[seen], y, 0.5, seen - 1, np.arange(8))
    assert found == (pytest.approx(1, abs=1e-6), 0, 1, 3, 5, 4)
    without_times = content.best_segment(y[seen], y, 0.5)
    assert without_times is not None and without_times.pairs == 2, "by position the copy falls into two runs"


def test_a_sparser_sampling_on_one_side_is_no_other_segment() -> None:
    rng = np.random.default_rng(5)
    y = unit(rng, 12, 64)
    found = content.best_segment(y[2:9:2], y, 0.5, np.array([0, 2, 4, 6]), np.arange(12))
    assert found == (pytest.approx(1, abs=1e-6), 0, 2, 3, 8, 4)


@pytest.mark.parametrize("slots", [[0, 0, 1], [2, 1, 0], [0, 1]])
def test_slots_that_do_not_rise_are_refused(slots: list[int]) -> None:
    x = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match="rising"):
        content.best_segment(x, x, 0.5, np.array(slots))


@given(sizes, sizes, seeds, st.floats(-0.5, 0.8))
def test_segments_with_gaps_agree_with_a_slow_independent_implementation(
    n: int, m: int, seed: int, threshold: float
) -> None:
    rng = np.random.default_rng(seed)
    x, y = unit(rng, n), unit(rng, m)
    a, b = (np.sort(rng.choice(15, k, replace=False)) for k in (n, m))
    gain = {
        (a[i], b[j]): float(x[i].astype(float) @ y[j].astype(float)) - threshold for i in range(n) for j in range(m)
    }
    gains = [
        sum(gain.get((p + r, q + r), 0.0) for r in range(length))
        for p, q in gain
        for length in range(1, 16)
    ]  # fmt: skip
    found = content.best_segment(x, y, threshold, a, b)
    if max(gain.values()) < 0:
        assert found is None
    else:
        assert found is not None
        assert (found.score - threshold) * found.pairs == pytest.approx(max(gains), abs=1e-9)
        assert a[found.last_i] - a[found.i] == b[found.last_j] - b[found.j]


@given(st.integers(2, 8), seeds)
def test_vsscd_is_the_cosine_of_concatenated_features(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = unit(rng, n), unit(rng, n)
    a, b = x.ravel().astype(np.float64), y.ravel().astype(np.float64)
    assert content.vsscd(x, y) == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-6)
