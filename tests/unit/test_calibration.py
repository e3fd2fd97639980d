"""Calibration: the stated rate is kept, its intervals cover, and where no rate can be stated that is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidmem.metrics import calibrate
from vidmem.stats import ExponentialTail, Null, TooFewNull, exponential_p_value, null_needed

Draw = Callable[[np.random.Generator, int], np.ndarray]
AUDITS, FRESH = 200, 1000  # 200,000 draws a case


def vectors(look_alikes: float) -> Draw:
    """Best cosines of random unit vectors with a corpus of 100; a share are noisy copies of a corpus item."""
    corpus = np.random.default_rng(9).normal(size=(100, 16))
    corpus /= np.linalg.norm(corpus, axis=1, keepdims=True)

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        found = rng.normal(size=(n, 16)) / 4
        alike = rng.random(n) < look_alikes
        found[alike] += corpus[rng.integers(0, 100, alike.sum())]
        return (found @ corpus.T / np.linalg.norm(found, axis=1, keepdims=True)).max(axis=1)

    return draw


SHAPES: dict[str, Draw] = {
    "vectors": vectors(0.0),
    "look-alikes": vectors(0.05),
    "gumbel": lambda rng, n: rng.gumbel(0.3, 0.05, n),
    "exponential": lambda rng, n: rng.exponential(1, n),
    "uniform": lambda rng, n: rng.random(n),
    "discrete": lambda rng, n: rng.poisson(1, n).astype(float),
}


def audits(draw: Draw, n: int, fpr: float) -> tuple[list[Any], np.ndarray]:
    """Calibrations that state a rate, and the rate that each really has on fresh null scores."""
    rng = np.random.default_rng([n, 1])
    made = [calibrate(draw(rng, n), fpr=fpr, min_null=20, customary=9.0) for _ in range(AUDITS)]
    stated = [c for c in made if c.fpr is not None]
    return stated, np.array([(draw(rng, FRESH) >= c.threshold).mean() for c in stated])


def standard_error(rates: np.ndarray) -> float:
    return float(rates.std(ddof=1) / np.sqrt(len(rates)))


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize(("n", "fpr"), [(100, 0.01), (200, 0.01), (62, 0.05)])
def test_with_enough_null_videos_the_stated_rate_is_kept_whatever_the_distribution(
    shape: str, n: int, fpr: float
) -> None:
    stated, rates = audits(SHAPES[shape], n, fpr)
    assert len(stated) == AUDITS and {c.method for c in stated} == {"order statistic"}
    assert rates.mean() <= fpr + 2 * standard_error(rates)
    if shape != "discrete":  # there ties lower the rate
        assert rates.mean() >= 0.75 * fpr


@pytest.mark.parametrize("shape", ["vectors", "gumbel", "exponential", "uniform", "discrete"])
@pytest.mark.parametrize("n", [25, 62])
def test_with_fewer_a_tail_is_extrapolated_and_the_rate_is_kept(shape: str, n: int) -> None:
    stated, rates = audits(SHAPES[shape], n, 0.01)
    assert {c.method for c in stated} == {"tail fit"}
    assert rates.mean() <= 0.01 + 2 * standard_error(rates)
    if shape in ("gumbel", "exponential"):
        assert len(stated) > 0.9 * AUDITS and rates.mean() >= 0.005, "not needlessly strict"


@pytest.mark.parametrize(("n", "shape"), [(100, "vectors"), (62, "exponential"), (62, "gumbel")])
def test_the_interval_of_the_rate_covers_the_true_rate(n: int, shape: str) -> None:
    stated, rates = audits(SHAPES[shape], n, 0.01)
    covered = np.mean(
        [
            c.fpr_interval[0] <= r + 1 / FRESH and r <= c.fpr_interval[1] + 1e-3
            for c, r in zip(stated, rates, strict=True)
        ]
    )
    assert covered >= 0.93
    assert np.mean([c.fpr_interval[1] - c.fpr_interval[0] for c in stated]) < 0.06


@pytest.mark.parametrize("n", [62, 400])
def test_the_interval_of_the_threshold_covers_the_true_quantile(n: int) -> None:
    rng, true = np.random.default_rng(3), -np.log(0.01)
    made = [calibrate(rng.exponential(1, n), fpr=0.01, min_null=20, customary=9.0) for _ in range(300)]
    ends = [c.threshold_interval for c in made if c.threshold_interval is not None]
    assert len(ends) > 280
    assert np.mean([low <= true and (high is None or true <= high) for low, high in ends]) >= 0.92


@pytest.mark.parametrize("n", [25, 100])
def test_p_values_of_null_videos_are_no_smaller_than_uniform(n: int) -> None:
    """One fresh score an audit, so that they are independent: P(p <= a) <= a."""
    rng = np.random.default_rng(4)
    p = np.array([Null.fit(rng.gumbel(0, 1, n)).p_values(rng.gumbel(0, 1, 1))[0] for _ in range(4000)])
    for a in (0.002, 0.01, 0.05, 0.2, 0.5):
        assert (p <= a).mean() <= a + 3 * np.sqrt(a / len(p))
    assert (p <= 0.2).mean() >= 0.17


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=25, max_size=130),
    st.sampled_from([0.001, 0.01, 0.05, 0.2]),
    st.floats(-2, 4, width=32),
)
def test_a_score_reaches_the_threshold_exactly_where_its_p_value_is_the_rate_or_less(
    null_scores: list[float], fpr: float, score: float
) -> None:
    null = Null.fit(np.array(null_scores))
    try:
        threshold = null.threshold(fpr)
    except TooFewNull:
        assert null.extrapolated is None and len(null_scores) < null_needed(fpr)
        return
    if abs(score - threshold) > 1e-9:
        assert (score >= threshold) == (null.p_values(np.array([score]))[0] <= fpr + 1e-12)


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=60), st.floats(0.1, 10), st.floats(-5, 5))
def test_p_values_fall_with_the_score_and_follow_a_change_of_units(
    null_scores: list[float], scale: float, shift: float
) -> None:
    x, s = np.array(null_scores), np.linspace(-1.5, 3, 40)
    p = Null.fit(x).p_values(s)
    assert np.all(np.diff(p) <= 1e-12) and np.all((p > 0) & (p <= 1))
    apart = np.abs(s[:, None] - x).min(axis=1) > 1e-6  # at a null score itself rounding decides
    if np.diff(np.sort(x)).min() > 1e-3:
        moved = Null.fit(x * scale + shift).p_values(s * scale + shift)
        assert moved[apart] == pytest.approx(p[apart], rel=1e-3)


def test_known_answers_of_an_order_statistic() -> None:
    """99 null scores 1..99: for 1 % just above the largest, for 5 % just above the fifth largest."""
    null = Null.fit(np.arange(1.0, 100.0))
    assert null.threshold(0.01) == np.nextafter(99, np.inf)
    assert null.threshold(0.05) == np.nextafter(95, np.inf)
    assert null.p_values(np.array([99.0, 95.0, 0.0])) == pytest.approx([0.02, 0.06, 1.0])
    low, high = null.fpr_interval(0.01)  # Beta(1, 99): 1 - (1 - q)^(1/99)
    assert (low, high) == pytest.approx((1 - 0.975 ** (1 / 99), 1 - 0.025 ** (1 / 99)))


def test_known_answers_of_a_tail() -> None:
    """16 scores: the largest 8 are the tail, over the eighth; (k + 1) / (n + 1) (1 + z)^-k by hand."""
    tail = ExponentialTail.fit(np.append(np.zeros(7), np.append(1.0, 1 + np.arange(1.0, 9.0))))
    assert tail is not None and (tail.start, tail.mean_excess, tail.count, tail.n) == (1.0, 4.5, 8, 16)
    assert tail.survival(np.array([1.0, 37.0])) == pytest.approx([9 / 17, 9 / 17 / 2**8])
    assert tail.quantile(9 / 17 / 2**8) == pytest.approx(37.0)


def test_the_fit_is_checked_at_its_nominal_size_and_finds_other_laws() -> None:
    rng = np.random.default_rng(5)
    for k in (8, 20, 100):
        p = np.array([exponential_p_value(rng.exponential(3, k)) for _ in range(2000)])
        assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.017)
        assert (p < 0.5).mean() == pytest.approx(0.5, abs=0.06)
    assert np.mean([exponential_p_value(rng.exponential(1, 100) ** 2) < 0.05 for _ in range(100)]) > 0.95


def test_stephens_critical_value() -> None:
    """A^2 (1 + .6/k) = 1.321 is the 5 % point (Stephens 1974): scaled so by bisection on one outlier."""
    base = -np.log(1 - (np.arange(1, 20) - 0.5) / 20)

    def statistic(x: np.ndarray) -> float:
        t, k = np.sort(x) / x.mean(), len(x)
        f = 1 - np.exp(-t)
        total = sum((2 * i + 1) * (np.log(f[i]) + np.log(1 - f[k - 1 - i])) for i in range(k))
        return float((-k - total / k) * (1 + 0.6 / k))

    low, high = 3.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if statistic(np.append(base, middle)) < 1.321 else (low, middle)
    assert exponential_p_value(np.append(base, low)) == pytest.approx(0.05, abs=0.001)


def test_a_tail_that_falls_slowly_is_not_extrapolated() -> None:
    heavy = np.append(np.linspace(0.1, 0.2, 52), [0.21, 0.22, 0.23, 0.24, 0.8, 0.9, 0.95, 0.97])
    null = Null.fit(heavy)
    assert null.fit_p_value is not None and null.fit_p_value < 0.05 and null.extrapolated is None
    with pytest.raises(
        TooFewNull, match=r"rate of 0\.01 needs 99 null videos, and there are 60, whose scores have a tail"
    ):
        null.threshold(0.01)
    with pytest.raises(TooFewNull, match="no tail to extrapolate"):
        null.threshold(0.05, "tail fit")
    assert null.p_values(np.array([5.0]))[0] == pytest.approx(1 / 61), "never smaller than the sample can show"
    found = calibrate(heavy, fpr=0.01, min_null=20, customary=0.5)
    assert found.fpr is None and found.threshold == np.nextafter(0.97, 1) and found.method == "customary"
    assert found.p_values(np.array([5.0])) == [pytest.approx(1 / 61)]


def test_asking_the_sample_for_more_than_it_shows_says_how_many_are_needed() -> None:
    assert [null_needed(a) for a in (0.05, 0.01, 0.001, 0.3)] == [19, 99, 999, 3]
    null = Null.fit(np.random.default_rng(0).gumbel(0, 1, 62))
    with pytest.raises(TooFewNull, match=r"a false-positive rate of 0\.01 needs 99 null videos, and there are 62"):
        null.threshold(0.01, "order statistic")
    assert issubclass(TooFewNull, ValueError)


@pytest.mark.parametrize("scores", [np.zeros(30), np.append(np.zeros(29), 1.0), np.repeat([0.0, 1.0], 15)])
def test_ties_and_constant_nulls_are_never_called_and_nothing_breaks(scores: np.ndarray) -> None:
    found = calibrate(scores, fpr=0.01, min_null=20, customary=0.5)
    assert found.threshold > scores.max()
    assert json.loads(json.dumps(found.describe(), allow_nan=False))["null_needed"] == 99
    assert all(p is not None and 0 < p <= 1 for p in found.p_values(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])))


def test_a_constant_null_states_a_rate_only_where_the_sample_is_large_enough() -> None:
    few, many = (calibrate(np.full(n, 0.25), fpr=0.01, min_null=20, customary=0.1) for n in (60, 99))
    assert few.fpr is None and "99 null videos, and there are 60, whose scores are all alike" in str(few.reason)
    assert many.fpr == 0.01 and many.threshold == np.nextafter(0.25, 1) and many.reason is None
    assert few.fpr_interval == pytest.approx((0.0, 1 - 0.025 ** (1 / 60)))


def test_scores_that_are_not_finite_are_refused_by_name() -> None:
    bad = np.append(np.linspace(0, 1, 40), [np.nan, np.inf])
    for use in (lambda: Null.fit(bad), lambda: calibrate(bad, fpr=0.01, min_null=20, customary=0.5)):
        with pytest.raises(ValueError, match="null scores: 2 of 42 are not finite"):
            use()
    with pytest.raises(ValueError, match="scores: 1 of 2 are not numbers"):
        Null.fit(np.linspace(0, 1, 40)).p_values(np.array([0.5, np.nan]))
    with pytest.raises(ValueError, match="at least 2 scores, not 1"):
        Null.fit(np.array([0.5]))


def test_a_calibration_describes_itself_with_intervals_and_a_reason() -> None:
    rng = np.random.default_rng(6)
    found = calibrate(rng.gumbel(0.2, 0.03, 100), fpr=0.01, min_null=20, customary=0.5).describe()
    assert found["method"] == "order statistic" and found["reason"] is None and found["null_needed"] == 99
    assert found["threshold_low"] < found["threshold"] < found["threshold_high"]
    assert 0 < found["fpr_low"] < 0.01 < found["fpr_high"] < 0.05
    few = calibrate(rng.gumbel(0.2, 0.03, 12), fpr=0.01, min_null=20, customary=0.5).describe()
    assert (few["method"], few["fpr"], few["null_scores"], few["fit_p_value"]) == ("customary", None, [], None)
    assert few["reason"] == "a rate needs at least 20 null videos (99 for 0.01 without extrapolation), and there are 12"
    high = calibrate(rng.uniform(0.9, 1, 200), fpr=0.01, min_null=20, customary=0.5, ceiling=0.95).describe()
    assert (high["method"], high["fpr"], high["threshold"]) == ("ceiling", None, 0.95)
    assert high["fpr_low"] > 0.3 and "resemble the corpus so much" in high["reason"]
    assert calibrate(np.array([]), fpr=0.01, min_null=20, customary=0.5).describe()["fpr_low"] is None


def test_calibrating_twice_gives_the_same() -> None:
    scores = np.random.default_rng(7).gumbel(0, 1, 62)
    one, two = (calibrate(s, fpr=0.01, min_null=20, customary=9).describe() for s in (scores, scores[::-1]))
    assert one == two
