"""The similarity map of a template finding: which part it shows, where it lies on the frame, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vidmem.report.cells import MARK, describe, paint, part, square
from vidmem.similarity.template import ALIKE, correlations

UPPER_LEFT = np.full((7, 7), 0.1)
UPPER_LEFT[:3, :4] = 0.9
UPPER_LEFT[5, 5] = 0.99  # alike, but a part of its own
UPPER_LEFT[6] = np.nan
GREY = np.full((96, 96, 3), 100, np.uint8)


def test_a_row_of_the_table_becomes_a_square_from_the_top_left() -> None:
    made = square([0.0, 1.0, None, float("nan")])
    assert made is not None
    assert made[0].tolist() == [0.0, 1.0] and np.isnan(made[1]).all()
    assert square([0.1] * 5) is None and square([]) is None


def test_the_part_is_the_largest_connected_one() -> None:
    within = part(UPPER_LEFT)
    assert within[:3, :4].all() and within.sum() == 12
    assert not part(np.full((7, 7), np.nan)).any()


@given(arrays.arrays(np.float64, (7, 7), elements=st.sampled_from([0.2, ALIKE, 0.95, np.nan])))
def test_a_part_is_as_large_as_a_slow_search_finds(cells: np.ndarray) -> None:
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(cells >= ALIKE), strict=True)}
    largest = 0
    while left:
        reached = frontier = {left.pop()}
        while frontier:
            frontier = {(y + a, x + b) for y, x in frontier for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))} & left
            left -= frontier
            reached = reached | frontier
        largest = max(largest, len(reached))
    assert part(cells).sum() == largest


def test_what_comes_back_is_untouched_and_outlined_and_the_rest_is_pale() -> None:
    made = paint(GREY, UPPER_LEFT, centred=True)
    assert made.shape == GREY.shape
    assert made[20, 20].tolist() == [100, 100, 100]  # inside the part
    assert made[0, 20].tolist() == list(MARK) and made[20, 0].tolist() == list(MARK)
    assert int(made[70, 70, 0]) > 100 + 40
    assert (made[90] == 110).any() and not (made[70] == 110).any()  # hatched where there is no texture


def test_the_map_of_a_wide_frame_lies_on_its_centred_square_where_that_is_compared() -> None:
    wide = np.full((64, 128, 3), 100, np.uint8)
    everything = np.full((7, 7), 0.9)
    assert (paint(wide, everything, centred=True)[:, :32] != 100).all()  # beside the square: not compared
    assert (paint(wide, everything, centred=True)[10:50, 40:90] == 100).all()
    assert (paint(wide, everything, centred=False)[10:50, 10:118] == 100).all()


@pytest.mark.parametrize(("y", "x"), [(0, 0), (0, 32), (32, 32)])
def test_a_part_is_outlined_where_the_similarity_was_measured(y: int, x: int) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = (np.kron(rng.integers(0, 255, (2, 12, 12)), np.ones((1, 4, 4))).astype(np.uint8) for _ in range(2))
    theirs[0, y // 2 : y // 2 + 32, x // 2 : x // 2 + 32] = ours[0, y // 2 : y // 2 + 32, x // 2 : x // 2 + 32]
    cells = correlations(ours[:1], theirs[:1])[0, 2, 2]
    made = paint(np.full((48, 48, 3), 100, np.uint8), cells, centred=False, line=1)
    kept = np.argwhere((made == 100).all(axis=-1))
    assert np.abs(kept.mean(axis=0) - (y // 2 + 15.5, x // 2 + 15.5)).max() < 4


def test_the_part_is_put_into_words() -> None:
    assert describe(UPPER_LEFT) == "12 of 42 cells with texture come back, in the upper left of the frame"
    assert describe(np.full((7, 7), 0.9)).endswith("nearly the whole frame")
    assert describe(np.full((7, 7), 0.1)) == "no part of the frame comes back"
    middle = np.full((7, 7), 0.1)
    middle[3, 3] = 0.9
    assert describe(middle).endswith("in the middle of the frame")


def test_cells_that_lie_side_by_side_are_painted_side_by_side() -> None:
    frame = np.full((80, 80, 3), 90, np.uint8)
    map_ = np.zeros((8, 8))
    map_[2, 5] = 1.0
    painted = paint(frame, map_, centred=False, line=1, overlap=False)
    kept = (painted == 90).all(axis=-1)
    assert kept[21:29, 51:59].all() and kept.sum() == 64
    assert describe(map_, "that move") == "1 of 64 cells that move come back, in the upper right of the frame"
