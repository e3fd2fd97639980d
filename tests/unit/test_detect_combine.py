"""The combination is scored on prompts that it never saw; a leak between videos of one prompt would show here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict

from vidmem import stats
from vidmem.detect.combine import TooFewPrompts, deal, fit, fit_weights, out_of_fold
from vidmem.detect.heard import Units


def cases(values: np.ndarray, labels: np.ndarray, groups: list[str]) -> Units:
    return Units(values, labels.astype(bool), np.array(groups, object))


@given(st.integers(4, 40), st.integers(1, 5), st.integers(2, 5), st.integers(0, 99))
def test_videos_of_one_prompt_stand_on_one_side(prompts: int, seeds: int, folds: int, seed: int) -> None:
    groups = np.array([f"p{n}" for n in range(prompts) for _ in range(seeds)], object)
    labels = np.random.default_rng(seed).random(len(groups)) < 0.4
    fold = deal(labels, groups, folds, seed)
    assert all(len(set(fold[groups == g])) == 1 for g in set(groups))
    assert set(fold) <= set(range(folds))
    per_fold = [len(set(groups[fold == k])) for k in range(folds)]
    assert max(per_fold) - min(per_fold) <= 1


def test_both_classes_are_dealt_evenly() -> None:
    labels, groups = np.arange(50) < 10, np.array([f"p{n:02d}" for n in range(50)], object)
    fold = deal(labels, groups, 5, 0)
    assert [int(labels[fold == k].sum()) for k in range(5)] == [2] * 5


def test_a_leak_between_videos_of_one_prompt_would_show() -> None:
    """Features that tell the prompt and nothing else: who sees one of its videos knows the verdict of the others."""
    rng = np.random.default_rng(0)
    prompts, seeds = 40, 6
    own = rng.normal(size=(prompts, 60))
    values = np.repeat(own, seeds, 0) + 0.1 * rng.normal(size=(prompts * seeds, 60))
    verdicts = rng.permutation(np.arange(prompts) % 2 == 0)
    labels, groups = np.repeat(verdicts, seeds), [f"p{n:02d}" for n in range(prompts) for _ in range(seeds)]
    leaky = cross_val_predict(
        LogisticRegression(max_iter=1000), values, labels, cv=KFold(5, shuffle=True, random_state=0),
        method="decision_function",
    )  # fmt: skip
    assert stats.auc(leaky, labels) > 0.99  # type: ignore[operator]
    assert stats.auc(out_of_fold(cases(values, labels, groups)), labels) < 0.7  # type: ignore[operator]


def test_what_separates_is_found() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(60) < 25
    values = np.stack([labels + rng.normal(0, 0.6, 60), rng.normal(size=60), labels + rng.normal(0, 0.6, 60)], 1)
    combined = stats.auc(out_of_fold(cases(values, labels, [f"p{n}" for n in range(60)])), labels)
    assert combined is not None
    assert combined > max(stats.auc(values[:, k], labels) or 0 for k in range(3))


def test_the_same_cases_give_the_same_scores() -> None:
    rng = np.random.default_rng(2)
    given_cases = cases(rng.normal(size=(30, 2)), rng.random(30) < 0.5, [f"p{n}" for n in range(30)])
    np.testing.assert_array_equal(out_of_fold(given_cases), out_of_fold(given_cases))


def test_too_few_prompts_of_a_class_say_so() -> None:
    labels = np.array([True, True, False, False, False])
    groups = ["a", "a", "b", "c", "d"]
    with pytest.raises(TooFewPrompts, match="1 positive and 3 negative"):
        out_of_fold(cases(np.zeros((5, 2)), labels, groups))


def test_the_regression_minimises_its_own_loss_among_weights_that_are_not_negative() -> None:
    """scikit-learn's sum log(1 + exp(-y z)) + |w|^2 / 2: where no weight is at its bound, the same weights."""
    rng = np.random.default_rng(3)
    labels = rng.random(80) < 0.4
    values = rng.normal(size=(80, 3)) + labels[:, None]
    standard = (values - values.mean(0)) / values.std(0)
    expected = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(standard, labels).coef_[0]
    assert (expected > 0).all()
    found = fit(cases(values, labels, [f"p{n}" for n in range(80)]))
    np.testing.assert_allclose(found.weights, expected / expected.sum(), atol=1e-3)
    np.testing.assert_allclose(found.score(values), standard @ found.weights)


@given(st.integers(0, 200), st.integers(8, 60), st.integers(1, 4))
def test_weights_are_not_negative_and_sum_to_one(seed: int, n: int, features: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) < 3
    weights = fit_weights(rng.normal(size=(n, features)) - labels[:, None], labels)
    assert (weights >= 0).all() and weights.sum() == pytest.approx(1)


def test_a_detector_that_knows_all_stands_alone() -> None:
    rng = np.random.default_rng(5)
    labels, names = np.arange(60) < 25, [f"p{n}" for n in range(60)]
    values = np.stack([labels + 0.2 * rng.random(60), rng.normal(size=60), 0.3 * labels + rng.normal(size=60)], 1)
    np.testing.assert_array_equal(fit(cases(values, labels, names)).weights, [1, 0, 0])
    found = stats.auc(out_of_fold(cases(values, labels, names)), labels)
    assert found == stats.auc(values[:, 0], labels) == 1


def test_a_detector_without_spread_weighs_nothing_and_breaks_nothing() -> None:
    labels, names = np.arange(20) < 8, [f"p{n}" for n in range(20)]
    values = np.stack([np.full(20, 3.0), labels + np.linspace(0, 0.5, 20)], 1)
    np.testing.assert_array_equal(fit(cases(values, labels, names)).weights, [0, 1])
