"""Statistics: known answers by hand, slow references, and properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from vidmem import stats

SCORES = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=40)


def slow_auc(scores: np.ndarray, labels: np.ndarray) -> float:
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[labels] for n in scores[~labels]]
    return float(np.mean(pairs))


@given(SCORES)
def test_auc_is_the_chance_that_a_positive_scores_above_a_negative(rows: list[tuple[int, bool]]) -> None:
    scores, labels = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    found = stats.auc(scores, labels)
    if labels.all() or not labels.any():
        assert found is None
    else:
        assert found == pytest.approx(slow_auc(scores, labels))


@given(SCORES)
def test_area_under_roc_equals_auc(rows: list[tuple[int, bool]]) -> None:
    scores, labels = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    fpr, tpr = stats.roc(scores, labels)
    if len(fpr):
        assert np.trapezoid(tpr, fpr) == pytest.approx(stats.auc(scores, labels))
        assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)


def test_known_answers_of_a_small_roc() -> None:
    scores, labels = np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, True, False])
    assert stats.auc(scores, labels) == 0.75
    assert stats.tpr_at_fpr(scores, labels, 0.01) == 0.5
    assert stats.best_accuracy(scores, labels) == 0.75


def test_precision_and_recall_are_none_where_nothing_was_called_or_true() -> None:
    truth, verdict = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert stats.precision_recall(truth, verdict) == (0.5, 0.5)
    assert stats.precision_recall(~np.ones(2, bool), ~np.ones(2, bool)) == (None, None)


def test_bootstrap_resamples_prompts_and_not_videos() -> None:
    values = np.repeat([0.0, 1.0], 50)
    by_video = stats.bootstrap_ci(values)
    by_prompt = stats.bootstrap_ci(values, np.repeat([0, 1], 50))
    assert by_video is not None and by_prompt is not None
    assert by_prompt == (0.0, 1.0)
    assert by_video[1] - by_video[0] < 0.25


def test_an_interval_of_a_rate_of_zero_has_a_width() -> None:
    low, high = stats.bootstrap_ci(np.zeros(100)) or (1.0, 1.0)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert stats.bootstrap_ci(np.array([])) is None


def test_benjamini_hochberg_known_answer() -> None:
    found = stats.benjamini_hochberg(np.array([0.04, 0.01, 0.03, 0.5]))
    assert found == pytest.approx([0.04 * 4 / 3, 0.04, 0.04 * 4 / 3, 0.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_values_keep_the_order_and_are_no_smaller_than_p(p: list[float]) -> None:
    q = stats.benjamini_hochberg(np.array(p))
    assert np.all(q >= np.array(p) - 1e-12) and np.all(q <= 1)
    assert np.all(np.diff(q[np.argsort(p, kind="stable")]) >= -1e-12)


def test_benjamini_hochberg_keeps_the_share_of_false_discoveries() -> None:
    """200 videos, of which 20 are copies: at q <= .1 a tenth of the calls may be wrong (times 180/200), on average."""
    rng = np.random.default_rng(2)
    shares = []
    for _ in range(400):
        p = np.append(rng.random(180), rng.random(20) * 1e-3)
        called = stats.benjamini_hochberg(p) <= 0.1
        shares.append(called[:180].sum() / max(called.sum(), 1))
    assert np.mean(shares) == pytest.approx(0.09, abs=0.01)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.5))
def test_q_values_call_what_the_step_up_procedure_calls(p: list[float], level: float) -> None:
    """Benjamini and Hochberg's own words: reject the k smallest, k the largest rank with p_(k) <= k level / m."""
    ordered, m = sorted(p), len(p)
    k = max((i + 1 for i in range(m) if ordered[i] * m / (i + 1) <= level), default=0)
    expected = k and ordered[k - 1]
    called = stats.benjamini_hochberg(np.array(p)) <= level
    assert called.tolist() == [bool(k) and x <= expected for x in p]


def test_exact_binomial_interval_known_answers() -> None:
    """Clopper and Pearson: 1 of 10 gives .0025 to .445; none of n ends at 1 - .025^(1/n)."""
    assert stats.binomial_interval(1, 10) == pytest.approx((0.00253, 0.44502), abs=1e-5)
    assert stats.binomial_interval(0, 100) == pytest.approx((0, 1 - 0.025 ** (1 / 100)))
    assert stats.binomial_interval(5, 5) == pytest.approx((0.025 ** (1 / 5), 1))
    assert stats.binomial_interval(0, 0) is None
    with pytest.raises(ValueError, match="a count from 0 to 3, not 4"):
        stats.binomial_interval(4, 3)


@given(st.integers(0, 50), st.integers(1, 50))
def test_binomial_interval_is_where_both_tails_are_a_fortieth(count: int, n: int) -> None:
    count = min(count, n)
    low, high = stats.binomial_interval(count, n) or (0, 0)
    assert low <= count / n <= high
    if count:
        assert binom.sf(count - 1, n, low) == pytest.approx(0.025)
    if count < n:
        assert binom.cdf(count, n, high) == pytest.approx(0.025)


def test_bootstrap_interval_covers_the_mean_of_prompts() -> None:
    """Videos of a prompt agree, so that only prompts count: 40 prompts of 4 videos, coverage over 200 audits."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        values = np.repeat(rng.random(40) < 0.3, 4).astype(float)
        low, high = stats.bootstrap_ci(values, np.repeat(np.arange(40), 4), draws=400) or (1, 0)
        covered += low <= 0.3 <= high
    assert 0.88 <= covered / 200 <= 0.99


def slow_draws(scores: Any, labels: Any, groups: Any, draws: int, seed: int) -> list[tuple[float | None, ...]]:
    """Figures of draws of whole groups, by repeating the cases of each group that was picked."""
    names = sorted(set(groups))
    picks = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    found = []
    for pick in picks:
        rows = np.concatenate([np.flatnonzero(groups == names[g]) for g in pick])
        s, y = scores[rows], labels[rows]
        found.append((stats.auc(s, y), stats.best_accuracy(s, y), stats.tpr_at_fpr(s, y, 0.1)))
    return found


@given(st.integers(0, 200))
def test_figures_of_all_draws_at_once_are_those_of_each_draw(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 6, 24).astype(float), rng.random(24) < 0.4
    groups = np.array([f"p{n}" for n in rng.integers(0, 9, 24)], object)
    fast = stats.resampled_roc(scores, labels, groups, fprs=[0.1], draws=20, seed=seed)
    for i, slow in enumerate(slow_draws(scores, labels, groups, 20, seed)):
        mine = (fast.auc[i], fast.best_accuracy[i], fast.tpr[i, 0])
        if slow[0] is None:
            assert np.isnan(mine).all()
        else:
            np.testing.assert_allclose(mine, slow, atol=1e-12)


def test_draws_in_blocks_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    scores, labels, groups = rng.normal(size=30), rng.random(30) < 0.5, np.arange(30) // 3
    whole = stats.resampled_roc(scores, labels, groups, draws=50).auc
    monkeypatch.setattr("vidmem.stats.resampled.BLOCK", 100)
    np.testing.assert_array_equal(stats.resampled_roc(scores, labels, groups, draws=50).auc, whole)
    assert stats.quantile_interval([np.nan, np.nan]) is None
    assert stats.quantile_interval([0.0, 1.0, np.nan], level=0.5) == (0.25, 0.75)


@given(st.integers(0, 500), st.integers(2, 12), st.integers(2, 12))
def test_the_error_of_a_difference_of_aucs_is_delong_s(seed: int, positives: int, negatives: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(positives + negatives) < positives
    one, other = rng.integers(0, 6, (2, positives + negatives)).astype(float)
    difference, error = stats.auc_difference(one, other, labels)
    assert difference == pytest.approx((stats.auc(one, labels) or 0) - (stats.auc(other, labels) or 0))
    chance = [  # of each case: how often it is on the right side of the others, by one score less by the other
        np.mean([_right(one, i, j, labels) - _right(other, i, j, labels) for j in np.flatnonzero(labels != labels[i])])
        for i in range(len(labels))
    ]
    parts = [np.var([c for c, mine in zip(chance, labels, strict=True) if mine == k], ddof=1) for k in (True, False)]
    assert error == pytest.approx((parts[0] / positives + parts[1] / negatives) ** 0.5)


def _right(scores: np.ndarray, i: int, j: int, labels: np.ndarray) -> float:
    mine, theirs = (scores[i], scores[j]) if labels[i] else (scores[j], scores[i])
    return float(mine > theirs) + 0.5 * float(mine == theirs)


def test_with_one_case_of_a_class_the_error_is_infinite() -> None:
    assert stats.auc_difference(np.arange(3.0), np.ones(3), np.array([True, False, False]))[1] == float("inf")
