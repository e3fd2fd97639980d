"""Every equation of docs/method.md against a plain transcription of it, on random input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem import stats
from vidmem.retrieve.background import Background, Normaliser
from vidmem.similarity import camera, content, motion

seeds = st.integers(0, 10_000)
sizes = st.integers(1, 7)
FLOOR = 0.02


def frames(seed: int, count: int, dim: int = 8) -> np.ndarray:
    v = np.random.default_rng(seed).normal(size=(count, dim))
    return (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)


def flow(seed: int, count: int, g: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.2, (count, 2, g, g)).astype(np.float32)


@given(seeds, sizes, sizes, st.integers(1, 5))
def test_content_scores(seed: int, n: int, m: int, k: int) -> None:
    x, y = frames(seed, n), frames(seed + 1, m)
    s = [[float(np.dot(a.astype(float), b.astype(float))) for b in y] for a in x]
    assert content.gsscd_max(x, y).score == pytest.approx(max(v for row in s for v in row))
    k = min(k, n, m)
    runs = [sum(s[i + r][j + r] for r in range(k)) / k for i in range(n - k + 1) for j in range(m - k + 1)]
    assert content.gsscd_k(x, y, k).score == pytest.approx(max(runs))
    short, long = min(n, m), max(n, m)
    t = np.array(s) if n <= m else np.array(s).T
    assert content.vsscd(x, y) == pytest.approx(max(np.trace(t[:, d:]) / short for d in range(long - short + 1)))
    both = content.match_fractions(x, y, 0.3)
    assert both == pytest.approx((np.mean([max(row) >= 0.3 for row in s]), np.mean(np.max(s, axis=0) >= 0.3)))


@given(seeds, st.integers(3, 7), st.integers(3, 7), st.integers(1, 3))
def test_ofs_k(seed: int, n: int, m: int, k: int) -> None:
    f, g = flow(seed, n), flow(seed + 1, m)
    e = motion.EPSILON**2 * 64

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + e))

    best = max(
        np.mean([cosine(f[i + r], g[j + r]) for r in range(k)]) for i in range(n - k + 1) for j in range(m - k + 1)
    )
    assert motion.ofs_k(f, g, k).score == pytest.approx(best, abs=1e-5)


@settings(max_examples=20)
@given(seeds, st.integers(4, 8), st.integers(4, 8), st.integers(1, 4), st.sampled_from([0.25, 0.5, 1.0]))
def test_our_motion_score(seed: int, n: int, m: int, k: int, power: float) -> None:
    f, g = flow(seed, n, 16), flow(seed + 1, m, 16)

    def vectors(fields: np.ndarray) -> np.ndarray:
        v = camera.residual(fields).astype(float)
        size = np.sqrt(v[:, :1] ** 2 + v[:, 1:] ** 2)
        v = v / size * size**power
        cells = [[v[:, :, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean(axis=(2, 3)) for c in range(8)] for r in range(8)]
        return np.array(cells).transpose(2, 3, 0, 1)  # (T, 2, 8, 8)

    x, y = vectors(f), vectors(g)
    least = np.sqrt(k * 64 * FLOOR ** (2 * power))
    scores = []
    for i in range(n - k + 1):
        for j in range(m - k + 1):
            a, b = x[i : i + k].ravel(), y[j : j + k].ravel()
            scores.append(a @ b / max(np.linalg.norm(a), least) / max(np.linalg.norm(b), least))
    assert motion.motion_score(f, g, k, FLOOR, power=power).score == pytest.approx(max(scores), abs=1e-5)


@given(seeds)
def test_the_camera_is_a_reweighted_least_squares_fit(seed: int) -> None:
    field = flow(seed, 1)[0].astype(float)
    axis = (np.arange(8) + 0.5) / 8 - 0.5
    y, x = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    basis = np.stack([np.ones(64), x, y], axis=1)
    weight = (2 * np.maximum(abs(x), abs(y))) ** 2
    scale = np.inf
    for _ in range(camera.ITERATIONS):
        root = np.sqrt(weight)[:, None]
        fit = [basis @ np.linalg.lstsq(basis * root, c.ravel() * root[:, 0], rcond=None)[0] for c in field]
        away = np.hypot(*[c.ravel() - p for c, p in zip(field, fit, strict=True)])
        scale = min(scale, max(1.4826 * np.median(away), camera.MIN_SCALE))
        weight = 1 / (1 + (away / scale) ** 2) ** 2
    assert camera.camera_field(field[None].astype(np.float32))[0].reshape(2, 64) == pytest.approx(
        np.array(fit), abs=1e-4
    )


@given(seeds, st.integers(8, 12), st.integers(8, 12))
def test_null_normalisation(seed: int, n: int, m: int) -> None:
    """z = mean over the lengths of 1/2 [(f - mean_x) / sd_x + (f - mean_y) / sd_y], f = atanh s, sd^2 = var + .05^2."""
    x, y = motion.motion_vectors(flow(seed, n)), motion.motion_vectors(flow(seed + 1, m))
    others = {f"b{i}": motion.motion_vectors(flow(seed + 10 + i, 9)) for i in range(5)}
    lengths = [k for k in motion.window_lengths(4) if k <= 8]  # those that all clips here have
    normaliser = Normaliser(Background(list(others), list(others.values())), lengths, FLOOR, 0.5, {"x": {"b2"}})
    usable = normaliser.admissible("x", "y")
    assert usable.tolist() == [True, True, False, True, True]
    raw = {k: motion.window_score(x, y, k, FLOOR).score for k in lengths}
    z = []
    for k in lengths:
        for clip in (x, y):
            null = [motion.window_score(clip, b, k, FLOOR).score for name, b in others.items() if name != "b2"]
            null = np.arctanh(null)
            z.append((np.arctanh(raw[k]) - np.mean(null)) / np.sqrt(np.var(null, ddof=1) + 0.05**2))
    found = normaliser.normalise(raw, ("x", 1.0), x, ("y", 1.0), y, usable)
    assert found == pytest.approx(np.mean(z), rel=1e-4, abs=1e-4)


@given(seeds, st.integers(1, 40))
def test_benjamini_hochberg(seed: int, n: int) -> None:
    p = np.random.default_rng(seed).random(n) ** 2
    ranked = sorted(p)
    slow = [min(n * ranked[j] / (j + 1) for j in range(n) if ranked[j] >= value) for value in p]
    assert stats.benjamini_hochberg(p) == pytest.approx(np.minimum(slow, 1))


@given(seeds, st.integers(99, 300))
def test_a_counted_threshold_is_an_order_statistic(seed: int, n: int) -> None:
    """floor(alpha (n + 1)) null scores lie above the threshold, so a fresh one does with that many of n + 1 chances."""
    scores = np.random.default_rng(seed).normal(size=n)
    threshold = stats.Null.fit(scores).threshold(0.01)
    assert (scores >= threshold).sum() == int(0.01 * (n + 1)) - 1
