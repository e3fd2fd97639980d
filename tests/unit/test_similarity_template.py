"""The part of the frame that comes back: known answers, invariances, and a slow independent implementation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.corpus.made.contents import CORPUS_CONTENTS, HELDOUT_CONTENTS
from vidmem.corpus.made.render import render_clip
from vidmem.similarity.template import (
    ALIKE,
    CELL,
    PAIRS,
    REACH,
    TEXTURE,
    closest_pairs,
    correlations,
    part_shares,
    template_match,
)

SIDE = 48
seeds = st.integers(0, 10_000)


def picture(rng: np.random.Generator, focus: float = 2.0) -> np.ndarray:
    """Smooth texture around mid-grey, so that brightness and contrast can be changed without clipping."""
    blurred = cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)), (0, 0), focus)
    return np.clip(np.rint(128 + 25 * blurred / blurred.std()), 40, 215).astype(np.uint8)


def rendered(content: str, side: int = 96) -> np.ndarray:
    """One grey frame of a rendered clip, at the size of a picture; first at `side`, as a small model would show it."""
    frame = render_clip(content, "orbit", "still", width=96, height=96, fps=1, seconds=1, seed=0)[0]
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_CUBIC)


def match(x: np.ndarray, y: np.ndarray):  # type: ignore[no-untyped-def]
    one = np.ones((1, 1), np.float32)
    return template_match(one, x[None], one, y[None])


def test_a_left_half_that_comes_back_is_seen_in_the_left_cells() -> None:
    rng = np.random.default_rng(0)
    x, other = picture(rng), picture(rng)
    x[:, SIDE // 2 :] = other[:, SIDE // 2 :]
    y = picture(np.random.default_rng(0))
    found = match(x, y)
    assert found.shift == (0, 0)
    assert found.cells.shape == (7, 7)
    assert found.cells[:, :3] == pytest.approx(np.ones((7, 3)), abs=1e-5), "cells within the left half"
    assert (found.cells[:, 4:] < ALIKE).mean() > 0.9, "cells within the right half"
    assert 3 / 7 - 1e-9 <= found.score <= 4 / 7 + 1e-9


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_a_picture_against_itself_comes_back_whole(seed: int) -> None:
    x = picture(np.random.default_rng(seed))
    found = match(x, x)
    assert found.score == 1 and found.shift == (0, 0)
    assert found.cells == pytest.approx(np.ones((7, 7)), abs=1e-5)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_of_unrelated_pictures_little_comes_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert match(picture(rng), picture(rng)).score < 0.15


@given(seeds, st.floats(0.6, 1.4), st.integers(-30, 30))
@settings(max_examples=30, deadline=None)
def test_brightness_and_contrast_change_nothing(seed: int, contrast: float, brightness: int) -> None:
    x = picture(np.random.default_rng(seed))
    changed = np.clip(np.rint((x - 128.0) * contrast + 128 + brightness), 0, 255).astype(np.uint8)
    assert match(x, changed).score > 0.95
    assert match(changed, x).score > 0.95


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (2, -1), (-2, 2)])
def test_a_shifted_picture_is_found_with_its_shift(dy: int, dx: int) -> None:
    wide = cv2.GaussianBlur(np.random.default_rng(1).normal(size=(64, 64)), (0, 0), 2.0)
    wide = np.clip(128 + 25 * wide / wide.std(), 0, 255).astype(np.uint8)
    x, y = wide[8 : 8 + SIDE, 8 : 8 + SIDE], wide[8 - dy : 8 - dy + SIDE, 8 - dx : 8 - dx + SIDE]
    found = match(x, y)
    assert found.shift == (dy, dx)
    inner = found.cells[1:-1, 1:-1]  # windows at the border leave the other picture
    assert inner == pytest.approx(np.ones((5, 5)), abs=1e-5)


def test_cells_without_texture_have_no_similarity_and_do_not_count() -> None:
    x = picture(np.random.default_rng(2))
    x[: SIDE // 2] = 90
    found = match(x, x)
    assert np.isnan(found.cells[:3]).all() and not np.isnan(found.cells[3:]).any()
    assert found.score == 1


def test_a_flat_frame_is_no_evidence() -> None:
    flat = np.full((SIDE, SIDE), 100, np.uint8)
    found = match(flat, flat)
    assert found.score == 0 and np.isnan(found.cells).all()


def test_noise_of_a_flat_reference_is_not_blown_up_to_a_match() -> None:
    x = picture(np.random.default_rng(3))
    faint = np.rint(100 + (x - 128.0) / 40).astype(np.uint8)  # the same picture at under a grey level
    assert faint.std() < 1
    assert match(x, faint).score == 0


def test_a_few_textured_cells_alone_are_no_large_part() -> None:
    x = np.full((SIDE, SIDE), 90, np.uint8)
    x[:CELL, :CELL] = picture(np.random.default_rng(4))[:CELL, :CELL]
    found = match(x, x)
    textured = int((~np.isnan(found.cells)).sum())
    assert textured <= 4
    assert found.score == pytest.approx(textured / (49 / 3))


def test_parts_are_connected_by_sides_within_one_map() -> None:
    maps = np.zeros((2, 4, 4))
    maps[0, 0, :3] = 1  # a part of three cells
    maps[0, 1, 3] = 1  # touches it by a corner only
    maps[0, 3, 0] = maps[1, 3, 0] = 1  # the same cell of two maps
    assert part_shares(maps, 0.5) == pytest.approx([3 / 16, 1 / 16])
    assert part_shares(np.zeros((1, 4, 4)), 0.5) == pytest.approx([0])


def test_of_two_videos_the_frames_that_are_most_alike_are_compared() -> None:
    rng = np.random.default_rng(5)
    theirs, ours = (np.stack([picture(rng) for _ in range(5)]) for _ in range(2))
    ours[3] = theirs[1]
    y = np.eye(5, dtype=np.float32)
    x = 0.1 * np.eye(5, dtype=np.float32)
    x[3] = y[1]
    found = template_match(x, ours, y, theirs)
    assert (found.score, found.i, found.j) == (1, 3, 1)
    i, j = closest_pairs(x, y, PAIRS)
    assert (i[0], j[0]) == (3, 1) and len(i) == len(set(i.tolist())) == PAIRS


def test_pictures_of_other_frames_are_refused() -> None:
    one, two = np.ones((1, 4), np.float32), np.zeros((2, SIDE, SIDE), np.uint8)
    with pytest.raises(ValueError, match="pictures of"):
        template_match(one, two, one, two[:1])


@pytest.mark.parametrize(
    ("x", "cell"),
    [(np.zeros((1, 48, 40), np.uint8), 12), (np.zeros((1, 48, 48)), 12), (np.zeros((1, 48, 48), np.uint8), 10)],
)
def test_pictures_that_cannot_be_cut_into_cells_are_refused(x: np.ndarray, cell: int) -> None:
    with pytest.raises(ValueError, match=r"expected two arrays|do not tile"):
        correlations(x, x, cell)


@given(seeds)
@settings(max_examples=5, deadline=None)
def test_correlations_agree_with_a_slow_independent_implementation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = picture(rng), picture(rng)
    x[:16, :16] = 80
    fast = correlations(x[None], y[None])[0]
    half, padded = CELL // 2, np.pad(y, REACH, mode="edge")
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            for r in range(7):
                for c in range(7):
                    a = x[r * half : r * half + CELL, c * half : c * half + CELL].astype(float)
                    top, left = r * half + dy + REACH, c * half + dx + REACH
                    value = fast[REACH + dy, REACH + dx, r, c]
                    if a.std() < TEXTURE:
                        assert np.isnan(value)
                    else:
                        b = padded[top : top + CELL, left : left + CELL].astype(float)
                        expected = ((a - a.mean()) * (b - b.mean())).mean() / a.std() / max(b.std(), TEXTURE)
                        assert value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("side", [96, 32])
def test_rendered_halves_stand_apart_from_chance_and_from_whole_copies(side: int) -> None:
    references = [rendered(content) for content in CORPUS_CONTENTS]
    others = [rendered(content, side) for content in HELDOUT_CONTENTS]
    unrelated = [match(x, y).score for x in others for y in references]
    halves, copies = [], []
    for n, content in enumerate(CORPUS_CONTENTS):
        copy = rendered(content, side)
        half = copy.copy()
        half[:, SIDE // 2 :] = others[n % len(others)][:, SIDE // 2 :]
        copies.append(match(copy, references[n]).score)
        halves.append(match(half, references[n]).score)
    assert max(unrelated) < min(halves) and max(halves) < min(copies)
    assert min(copies) > 0.95 and np.median(halves) == pytest.approx(0.45, abs=0.1)
