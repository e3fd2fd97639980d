"""The camera fit and what is called natural motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmem.similarity import camera

GRID = 16
CLASSIFY = {"still_floor": 0.02, "camera_explained": 0.9}


def affine(parameters: np.ndarray) -> camera.Fields:
    """Fields of parameters (T, 2, 3): constant, x and y part of each component, by loops."""
    fields = np.zeros((len(parameters), 2, GRID, GRID), np.float32)
    for t, p in enumerate(parameters):
        for row in range(GRID):
            for column in range(GRID):
                x, y = (column + 0.5) / GRID - 0.5, (row + 0.5) / GRID - 0.5
                fields[t, :, row, column] = p[:, 0] + p[:, 1] * x + p[:, 2] * y
    return fields


def zoom_and_roll(zoom: float, roll: float) -> camera.Fields:
    return affine(np.array([[[0.1, zoom, -roll], [-0.2, roll, zoom]]]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_an_affine_field_leaves_no_residual(seed: int) -> None:
    fields = affine(np.random.default_rng(seed).uniform(-1, 1, (3, 2, 3)))
    assert np.abs(camera.residual(fields)).max() < 1e-5


def test_each_model_explains_its_own_motion_and_no_more() -> None:
    roll = zoom_and_roll(0.5, 0.3)
    shear = affine(np.array([[[0.0, 0.6, 0.0], [0.0, 0.0, -0.6]]]))
    assert np.abs(camera.residual(roll, "similarity")).max() < 1e-5
    assert np.abs(camera.residual(roll, "translation")).max() > 0.1
    assert np.abs(camera.residual(shear, "similarity")).max() > 0.1
    assert np.array_equal(camera.residual(roll, "none"), roll)


@pytest.mark.parametrize("where", [(6, 6), (0, 0), (2, 9)])
def test_a_moving_object_does_not_pull_the_camera_along(where: tuple[int, int]) -> None:
    row, column = where
    still = np.zeros((1, 2, GRID, GRID), np.float32)
    still[:, 0, row : row + 7, column : column + 7] = 0.8  # a fifth of the frame
    for background in (np.zeros_like(still), zoom_and_roll(0.5, 0.2)):
        expected = still
        assert np.abs(camera.residual(background + still) - expected).max() < 0.05


def test_the_share_that_the_camera_explains() -> None:
    fields = np.ones((2, 2, GRID, GRID), np.float32)
    assert camera.explained_share(fields, fields * np.float32(0.5)) == pytest.approx(0.75)
    assert camera.explained_share(fields, fields * 0) == 1
    assert camera.explained_share(fields * 0, fields * 0) == 0
    assert camera.explained_share(fields, fields * 2) == 0


def test_still_pan_zoom_and_object_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=(6, 2, GRID, GRID)) * 0.004).astype(np.float32)
    thing = np.zeros_like(noise)
    thing[:, 1, 4:9, 4:9] = -0.6
    assert camera.classify(noise, **CLASSIFY).reason == "still"
    assert camera.classify(noise + np.float32(0.3), **CLASSIFY).reason == "camera"
    assert camera.classify(noise + zoom_and_roll(0.6, 0.0), **CLASSIFY).reason == "camera"
    assert camera.classify(noise + thing, **CLASSIFY).reason is None
    assert camera.classify(noise[:0], **CLASSIFY).natural


def test_magnitudes_are_mean_speeds() -> None:
    fields = np.zeros((1, 2, 4, 4), np.float32)
    fields[0, 0, :2], fields[0, 1, :2] = 3, 4
    assert camera.magnitudes(fields).tolist() == [2.5]


def test_fields_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="expected flow fields"):
        camera.residual(np.zeros((3, 16, 16), np.float32))


def test_fits_of_many_fields_are_those_of_each_by_itself() -> None:
    fields = np.random.default_rng(1).normal(size=(5, 2, GRID, GRID)).astype(np.float32)
    alone = np.concatenate([camera.camera_field(f[None]) for f in fields])
    assert camera.camera_field(fields) == pytest.approx(alone, abs=1e-6)
