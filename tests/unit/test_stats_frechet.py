"""Fréchet distance and shrunk covariances: known answers, a slow transcription, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from vidmem import stats

SEEDS = st.integers(0, 2**16)


def sample(seed: int, n: int = 12, dim: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dim))


def test_equal_samples_have_no_distance_and_a_shift_has_its_square() -> None:
    x = sample(1)
    assert stats.frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert stats.frechet_distance(x, x + 2.0) == pytest.approx(5 * 4.0)


def test_fewer_than_two_vectors_have_no_distance() -> None:
    assert stats.frechet_distance(sample(1)[:1], sample(2)) is None
    assert stats.frechet_distance(sample(1), sample(2)[:1]) is None


@given(SEEDS)
def test_distance_equals_its_formula_with_a_matrix_square_root(seed: int) -> None:
    x, y = sample(seed), 2 * sample(seed + 1, n=20)
    c, d = stats.shrunk_covariance(x), stats.shrunk_covariance(y)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(c + d - 2 * np.real(sqrtm(c @ d)))
    assert stats.frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)
    assert stats.frechet_distance(x, y) == pytest.approx(stats.frechet_distance(y, x), rel=1e-6)


def slow_shrunk(x: np.ndarray) -> np.ndarray:
    """Ledoit & Wolf 2004, lemma 3.3, sum by sum."""
    n, p = x.shape
    rows = [r - x.mean(0) for r in x]
    s = sum(np.outer(r, r) for r in rows) / n
    m = sum(s[i, i] for i in range(p)) / p
    d2 = sum((s[i, j] - m * (i == j)) ** 2 for i in range(p) for j in range(p))
    b2 = min(sum(float(np.sum((np.outer(r, r) - s) ** 2)) for r in rows) / n**2, d2)
    return b2 / d2 * m * np.eye(p) + (d2 - b2) / d2 * s


@given(SEEDS, st.integers(3, 30))
def test_shrinkage_equals_a_slow_transcription_and_keeps_the_total_variance(seed: int, n: int) -> None:
    x = sample(seed, n=n)
    found = stats.shrunk_covariance(x)
    assert found == pytest.approx(slow_shrunk(x), rel=1e-9, abs=1e-12)
    assert np.trace(found) == pytest.approx(np.trace(np.cov(x.T, bias=True)))


def test_fewer_vectors_than_dimensions_still_give_a_covariance_of_full_rank() -> None:
    assert np.linalg.matrix_rank(stats.shrunk_covariance(sample(3, n=4, dim=16))) == 16
