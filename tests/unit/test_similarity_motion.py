"""Motion scores: known answers, what they must not depend on, and a slow independent implementation."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.similarity import camera, motion

FLOOR = 0.005
seeds = st.integers(0, 10_000)
counts = st.integers(1, 8)


def random_fields(seed: int, count: int, grid: int = 6) -> camera.Fields:
    return np.random.default_rng(seed).normal(size=(count, 2, grid, grid)).astype(np.float32)


def uniform(vx: float, vy: float, count: int = 1, grid: int = 4) -> camera.Fields:
    fields = np.zeros((count, 2, grid, grid), np.float32)
    fields[:, 0], fields[:, 1] = vx, vy
    return fields


def moving_patch(path: list[tuple[int, int]], speed: float = 0.5, grid: int = 16, size: int = 4) -> camera.Fields:
    """A square patch that moves along cells (row, column); everything else is still."""
    fields = np.zeros((len(path) - 1, 2, grid, grid), np.float32)
    for t, ((r, c), (r2, c2)) in enumerate(pairwise(path)):
        fields[t, 0, r : r + size, c : c + size] = (c2 - c) * speed
        fields[t, 1, r : r + size, c : c + size] = (r2 - r) * speed
    return fields


def test_a_video_against_itself_scores_one() -> None:
    f = random_fields(0, 7)
    assert motion.ofs_k(f, f, 3).score == pytest.approx(1, abs=1e-3)
    assert motion.motion_score(f, f, 5, FLOOR) == (pytest.approx(1, abs=1e-6), 0, 0, 5)


def test_the_plain_cosine_known_by_hand() -> None:
    right, diagonal = uniform(1, 0), uniform(1, 1)
    assert motion.cosines(right, diagonal, epsilon=0)[0, 0] == pytest.approx(math.sqrt(0.5))
    assert motion.ofs_k(right, uniform(-2, 0), 1).score == pytest.approx(-1, abs=1e-3)
    assert motion.ofs_k(right, uniform(0, 3), 1).score == pytest.approx(0, abs=1e-9)
    # at the speed epsilon everywhere on both sides, the cosine of a field with itself is halved
    assert motion.cosines(uniform(0.01, 0), uniform(0.01, 0), epsilon=0.01)[0, 0] == pytest.approx(0.5)


def test_ofs_averages_over_consecutive_fields() -> None:
    f = np.concatenate([uniform(1, 0), uniform(0, 1), uniform(1, 0)])
    g = np.concatenate([uniform(1, 0), uniform(1, 0)])
    assert motion.ofs_k(f, g, 1).score == pytest.approx(1, abs=1e-3)
    assert motion.ofs_k(f, g, 2).score == pytest.approx(0.5, abs=1e-3)
    assert motion.ofs_k(f, g, 9).length == 2


def test_compression_keeps_direction_and_takes_the_root_of_the_speed() -> None:
    out = motion.compress(uniform(3, 4), 0.5)
    assert out[0, :, 0, 0] == pytest.approx([3 / 5 * math.sqrt(5), 4 / 5 * math.sqrt(5)])
    assert not motion.compress(uniform(0, 0)).any()
    assert motion.compress(random_fields(1, 2), 1.0) == pytest.approx(random_fields(1, 2))


def test_a_still_scene_cannot_score_however_alike_its_noise() -> None:
    noise = random_fields(2, 6, 16) * 1e-4
    assert motion.motion_score(noise, noise, 5, FLOOR).score < 0.05
    assert motion.ofs_k(noise, noise, 5).score < 0.01
    assert motion.motion_score(np.zeros_like(noise), noise, 5, FLOOR).score == 0


def test_no_fields_score_nothing() -> None:
    f, none = random_fields(3, 4), random_fields(3, 0)
    assert motion.motion_score(f, none, 3, FLOOR) == motion.ofs_k(none, f, 3) == (0, 0, 0, 0)


def test_a_clip_shorter_than_the_window_matches_nothing() -> None:
    f, short = random_fields(3, 9), random_fields(3, 4)
    assert motion.motion_score(f, short, 5, FLOOR) == motion.motion_score(short, f, 5, FLOOR) == motion.NO_MATCH
    assert motion.windows(motion.motion_vectors(short), 5, FLOOR).shape == (0, 5 * 2 * 36)


def test_a_coarser_grid_holds_the_averages_of_cells() -> None:
    fields = np.arange(2 * 16, dtype=np.float32).reshape(1, 2, 4, 4)
    assert motion.pool(fields, 2)[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert motion.pool(fields, 8) is fields
    with pytest.raises(ValueError, match="divisor of 6"):
        motion.pool(random_fields(0, 1, 6), 4)


def test_another_speed_is_undone_by_stretching_time() -> None:
    slow = np.concatenate([uniform(0.1 * n, 0.2, 2) for n in range(1, 6)])  # a movement whose steps last twice as long
    fast = np.concatenate([uniform(0.2 * n, 0.4) for n in range(1, 6)])  # the same, twice as fast
    assert motion.at_speed(fast, 2.0, 8.0) == pytest.approx(slow, abs=1e-6)
    assert motion.at_speed(slow, 0.5, 8.0) == pytest.approx(fast, abs=1e-6)
    assert motion.at_speed(slow, 1.0, 8.0) is slow
    assert motion.at_speed(fast[:0], 2.0, 8.0).shape == (0, 2, 4, 4)


def test_the_camera_is_subtracted() -> None:
    patch = moving_patch([(2, 2), (2, 4), (4, 6), (7, 7), (9, 9), (10, 8)])
    other = moving_patch([(12, 12), (10, 12), (8, 11), (5, 10), (3, 10), (1, 11)])
    pan, zoom = np.ones_like(patch) * 0.4, random_affine(5, 5)
    same = motion.motion_score(patch + pan, patch + zoom, 5, FLOOR).score
    different = motion.motion_score(patch + pan, other + pan, 5, FLOOR).score
    assert same > 0.9
    assert different < 0.3
    assert motion.ofs_k(patch + pan, other + pan, 5).score > 0.5  # the plain score falls for the shared pan


def random_affine(seed: int, count: int, grid: int = 16) -> camera.Fields:
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(*[(np.arange(grid) + 0.5) / grid - 0.5] * 2, indexing="ij")
    p = rng.uniform(-1, 1, size=(count, 2, 3))
    basis = np.stack([np.ones_like(x), x, y])
    return np.einsum("tcp,pyx->tcyx", p, basis).astype(np.float32)


@given(seeds, counts, counts, st.integers(1, 6))
def test_symmetry(seed: int, t: int, s: int, k: int) -> None:
    f, g = random_fields(seed, t), random_fields(seed + 1, s)
    assert motion.ofs_k(f, g, k).score == pytest.approx(motion.ofs_k(g, f, k).score)
    assert motion.motion_score(f, g, k, FLOOR).score == pytest.approx(motion.motion_score(g, f, k, FLOOR).score)


@given(seeds, counts, counts, st.floats(1.0, 20.0))
def test_speeding_a_whole_clip_up_changes_no_cosine(seed: int, t: int, s: int, factor: float) -> None:
    f, g = random_fields(seed, t), random_fields(seed + 1, s)
    fast = (f * np.float32(factor)).astype(np.float32)
    assert motion.cosines(fast, g, 0) == pytest.approx(motion.cosines(f, g, 0), abs=1e-5)
    a, b = (
        motion.window_score(motion.motion_vectors(x, "none"), motion.motion_vectors(g, "none"), 3, 0) for x in (f, fast)
    )
    assert a.score == pytest.approx(b.score, abs=1e-5)


@given(seeds, st.integers(3, 8), st.integers(0, 4))
def test_a_shift_in_time_is_found(seed: int, t: int, shift: int) -> None:
    f = random_fields(seed, t)  # at least one window of 3
    later = np.concatenate([random_fields(seed + 7, shift), f])
    found = motion.motion_score(f, later, 3, FLOOR)
    assert found.score == pytest.approx(1, abs=1e-5)
    assert found.j - found.i == shift


@settings(max_examples=30)
@given(seeds, st.integers(5, 9), st.integers(5, 9), st.integers(1, 5))
def test_window_vectors_give_the_same_score(seed: int, t: int, s: int, k: int) -> None:
    x, y = motion.motion_vectors(random_fields(seed, t)), motion.motion_vectors(random_fields(seed + 1, s))
    by_vectors = motion.windows(x, k, FLOOR) @ motion.windows(y, k, FLOOR).T
    assert by_vectors.max() == pytest.approx(motion.window_score(x, y, k, FLOOR).score, abs=1e-5)


def test_window_vectors_of_moving_clips_are_unit_vectors() -> None:
    w = motion.windows(motion.motion_vectors(random_fields(4, 9)), 4, FLOOR)
    assert w.shape == (6, 4 * 2 * 36)
    assert np.linalg.norm(w, axis=1) == pytest.approx(np.ones(6), abs=1e-5)


def test_z_normalisation_known_by_hand() -> None:
    # transformed query null: mean .1, deviation .1 (n - 1); reference null: mean .3, deviation .1; score .5
    query, reference = np.tanh([0.0, 0.1, 0.2]), np.tanh([0.2, 0.3, 0.4])
    score = math.tanh(0.5)
    assert motion.z_normalise(score, query, reference, spread=0) == pytest.approx((4 + 2) / 2)
    assert motion.z_normalise(score, query, np.empty(0), spread=0) == pytest.approx(4)
    # a spread as large as the deviation divides both by the root of two
    assert motion.z_normalise(score, query, reference, spread=0.1) == pytest.approx((4 + 2) / 2 / math.sqrt(2))
    with pytest.raises(ValueError, match="no null scores"):
        motion.z_normalise(0.5, np.empty(0), np.array([0.1]))


def test_a_clip_that_resembles_nothing_does_not_make_a_middling_score_huge() -> None:
    nothing = np.zeros(50)
    assert motion.z_normalise(0.5, nothing, nothing, spread=0.1) == pytest.approx(math.atanh(0.5) / 0.1)


def test_an_exact_copy_has_a_finite_score() -> None:
    nothing = np.zeros(5)
    assert motion.z_normalise(1.0, nothing, nothing) == motion.z_normalise(0.999, nothing, nothing) < 1000


def test_windows_are_of_four_lengths() -> None:
    assert motion.window_lengths(7) == [7, 9, 14, 19]
    assert motion.window_lengths(1) == [1, 2]
    with pytest.raises(ValueError, match="no null scores"):
        motion.z_normalise(0.5, np.empty(0), np.array([0.1]))


def test_z_normalisation_takes_many_scores_at_once() -> None:
    rng = np.random.default_rng(0)
    scores, query, references = rng.random((3, 5)), rng.random((3, 1, 20)), rng.random((1, 5, 30))
    all_at_once = motion.z_normalise(scores, query, references)
    assert all_at_once.shape == (3, 5)
    assert all_at_once[1, 2] == pytest.approx(motion.z_normalise(scores[1, 2], query[1, 0], references[0, 2]))
