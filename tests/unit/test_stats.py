"""Statistics: known answers by hand, slow references, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_gumbel_fit_recovers_its_parameters() -> None:
    draws = np.random.default_rng(0).gumbel(0.3, 0.05, 20000)
    null = stats.Null.fit(draws)
    assert null.location == pytest.approx(0.3, abs=0.002)
    assert null.scale == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize("n", [60, 400])
def test_the_stated_false_positive_rate_is_kept_on_average(n: int) -> None:
    """Nominal 1 %: thresholds from n null scores, realised on fresh ones; 300 x 1000 draws."""
    generator = np.random.default_rng(1)
    realised = [
        (generator.gumbel(0.3, 0.05, 1000) >= stats.Null.fit(generator.gumbel(0.3, 0.05, n)).threshold(0.01)).mean()
        for _ in range(300)
    ]
    assert 0.001 <= np.mean(realised) <= 0.0115


def test_no_null_video_is_called_where_the_rate_allows_none() -> None:
    scores = np.array([0.1, 0.2, 0.9])
    assert stats.Null.fit(scores).threshold(0.01) > 0.9


def test_p_values_fall_with_the_score_and_are_honest_inside_the_sample() -> None:
    null = stats.Null.fit(np.linspace(0.1, 0.3, 99))
    p = null.p_values(np.array([0.0, 0.2, 0.3, 0.5, 0.9]))
    assert np.all(np.diff(p) <= 0)
    assert p[1] >= 0.5
    assert p[2] >= 2 / 100
    assert 0 < p[4] < 1e-3
