"""Strips and flow colours: what the pictures of the gallery show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidmem.report.strips import (
    GAP,
    aligned_times,
    colour_wheel,
    flow_strip,
    flow_to_colour,
    full_magnitude,
    nearest,
    save,
    strip,
)


@pytest.mark.parametrize(
    ("x", "y", "colour"),
    [
        (1, 0, (255, 0, 0)),
        (0, 1, (128, 255, 0)),
        (-1, 0, (0, 255, 255)),
        (0, -1, (128, 0, 255)),
        (0, 0, (255, 255, 255)),
    ],
)
def test_hue_is_the_direction(x: float, y: float, colour: tuple[int, int, int]) -> None:
    field = np.array([x, y], float).reshape(2, 1, 1)
    assert np.abs(flow_to_colour(field, 1.0)[0, 0].astype(int) - colour).max() <= 1


def test_saturation_grows_with_the_magnitude_and_stops_at_full() -> None:
    field = np.zeros((2, 1, 4))
    field[0, 0] = [0, 0.5, 1, 7]
    colours = flow_to_colour(field, 1.0)[0].astype(int)
    assert colours[:, 1].tolist() == [255, 128, 0, 0]


def test_wheel_shows_right_as_red_and_is_clear_outside() -> None:
    wheel = colour_wheel(64)
    assert wheel.shape == (64, 64, 4)
    assert wheel[32, 62, 0] > 240 and wheel[32, 62, 1] < 30
    assert wheel[0, 0, 3] == 0 and wheel[32, 32, 3] == 255


def test_times_of_a_long_match_span_it_on_both_sides() -> None:
    gen, ref, inside = aligned_times((0.5, 2.5), (4.0, 5.0), (3.0, 9.0), 5)
    assert gen.tolist() == [0.5, 1.0, 1.5, 2.0, 2.5]
    assert ref.tolist() == [4.0, 4.25, 4.5, 4.75, 5.0]
    assert inside.all()


def test_a_match_of_one_frame_is_widened_alike_on_both_sides_and_marked() -> None:
    gen, ref, inside = aligned_times((0.5, 0.5), (3.0, 3.0), (2.0, 9.0), 7)
    assert np.allclose(ref - gen, 2.5)
    assert gen.min() >= 0 and gen.max() <= 2.0
    assert 1 <= inside.sum() < 7
    assert abs(gen[inside].mean() - 0.5) < 0.1


def test_times_stay_inside_both_videos_at_their_ends() -> None:
    gen, ref, _ = aligned_times((0.0, 0.0), (8.9, 8.9), (1.0, 9.0), 4)
    assert gen.min() >= 0 and ref.max() <= 9.0 + 1e-9
    only, _, inside = aligned_times((0.0, 0.0), (0.0, 0.0), (0.0, 0.0), 3)  # an image
    assert only.tolist() == [0, 0, 0] and inside.all()


def test_one_column_is_enough() -> None:
    gen, ref, inside = aligned_times((0.5, 1.5), (0.5, 1.5), (2.0, 2.0), 1)
    assert len(gen) == len(ref) == len(inside) == 1


def test_the_frame_on_show_is_the_last_that_began() -> None:
    assert nearest(np.array([0.0, 0.5, 1.0]), np.array([-1.0, 0.4, 0.5, 9.0])).tolist() == [0, 0, 1, 2]


def test_strip_keeps_the_aspect_leaves_clear_gaps_and_outlines_the_match() -> None:
    frames = [np.full((30, 60, 3), 40 * i, np.uint8) for i in range(3)]
    made = strip(frames, 40, [False, True, False], (255, 0, 0))
    assert made.shape == (20, 3 * 40 + 2 * GAP, 4)
    assert (made[:, 40 : 40 + GAP, 3] == 0).all()
    assert made[0, 40 + GAP + 5].tolist() == [255, 0, 0, 255]
    assert made[10, 20].tolist() == [0, 0, 0, 255]


def test_flow_strip_lays_out_x_then_y_row_major() -> None:
    grid = 4
    vectors = np.zeros((1, 2, grid, grid), np.float32)
    vectors[0, 0, 0, grid - 1] = 1.0  # rightward at the top right
    made = flow_strip(vectors.reshape(1, -1), 64, 1.0)
    assert made[3, 59, 0] > 200 and made[3, 59, 1] < 60
    assert made[59, 3, :3].min() > 240


def test_full_magnitude_is_shared_and_never_zero() -> None:
    fast, slow = np.full((2, 8), 3.0, np.float32), np.zeros((2, 8), np.float32)
    assert full_magnitude(fast, slow) == pytest.approx(np.hypot(3, 3))
    assert full_magnitude(slow) > 0


def test_pictures_carry_no_metadata_and_are_the_same_each_time(tmp_path: Path) -> None:
    pixels = colour_wheel(32)
    assert save(pixels, tmp_path / "a.webp") == (32, 32)
    save(pixels, tmp_path / "b.webp")
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()
    with Image.open(tmp_path / "a.webp") as picture:
        assert not picture.getexif() and picture.mode == "RGBA"
