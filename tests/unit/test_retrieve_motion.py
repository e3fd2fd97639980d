"""Motion search: all lengths of window, other speeds, ranges in time, and clips that are too short."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vidmem.retrieve.background import Background
from vidmem.retrieve.motion import MotionSettings, motion_matches
from vidmem.search.library import Library
from vidmem.search.moving import motion_vectors_of
from vidmem.similarity.motion import at_speed, motion_vectors, window_score, z_normalise

GRID, RATE_HZ, FLOOR = 8, 8.0, 0.02
WINDOW = 4


def library(clips: dict[str, np.ndarray]) -> Library:
    lengths = [len(c) for c in clips.values()]
    vectors = np.concatenate([c.reshape(len(c), -1) for c in clips.values()])
    times = np.concatenate([np.arange(n) / RATE_HZ for n in lengths])
    nothing = np.empty((0, 0), np.uint8)
    return Library(list(clips), np.concatenate([[0], np.cumsum(lengths)]), times, vectors, nothing, nothing)


def movement(seed: int, count: int) -> np.ndarray:
    """A smooth random movement: neighbouring fields are alike, as those of real clips are."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.3, (count + 8, 2, GRID, GRID))
    kernel = np.hanning(7) / np.hanning(7).sum()
    smooth = np.apply_along_axis(np.convolve, 0, steps, kernel, "valid")
    return np.asarray(smooth[:count], np.float32)


CORPUS = {f"r{n}": movement(n, 16) for n in range(8)}
BACKGROUND = {f"b{n}": movement(100 + n, 12) for n in range(12)}


def search(videos: dict[str, np.ndarray], speeds: tuple[float, ...] = (1.0,), **more: Any) -> list[dict[str, Any]]:
    settings = MotionSettings(WINDOW, FLOOR, GRID, RATE_HZ, top_k=3, candidates=4, speeds=speeds)
    background = library(BACKGROUND)
    vectors = motion_vectors_of(background, GRID)
    related: dict[str, Any] = {"own": {}, "excluded": {}, "background_excluded": {}, **more}
    return motion_matches(library(videos), [library(CORPUS)], Background(background.ids, vectors), settings, **related)


def best(rows: list[dict[str, Any]], video: str) -> dict[str, Any]:
    (row,) = (r for r in rows if r["video_id"] == video and r["rank"] == 1)
    return row


def test_the_score_is_the_mean_over_the_lengths_of_window() -> None:
    video = movement(3, 12)[1:] + np.random.default_rng(0).normal(0, 0.05, (11, 2, GRID, GRID)).astype(np.float32)
    row = best(search({"v": video}), "v")
    assert row["ref_id"] == "r3"
    x, y = motion_vectors(video), motion_vectors(CORPUS["r3"])
    others = [motion_vectors(b) for b in BACKGROUND.values()]
    z = [
        z_normalise(
            window_score(x, y, k, FLOOR).score,
            [window_score(x, b, k, FLOOR).score for b in others],
            [window_score(y, b, k, FLOOR).score for b in others],
        )
        for k in (4, 5, 8, 11)
    ]
    assert row["score"] == pytest.approx(np.mean(z), rel=1e-3)
    assert row["ofs_residual"] == pytest.approx(window_score(x, y, WINDOW, FLOOR).score, abs=1e-5)


def test_the_longest_window_that_matches_is_a_range_on_both_sides() -> None:
    row = best(search({"v": CORPUS["r5"][3:13]}), "v")
    span = 8 / RATE_HZ  # of windows of 4, 5, 8 and 11 fields
    assert row["gen_end_s"] - row["gen_start_s"] == pytest.approx(span)
    assert row["ref_end_s"] - row["ref_start_s"] == pytest.approx(span)
    assert row["ref_start_s"] - row["gen_start_s"] == pytest.approx(3 / RATE_HZ)


def test_a_clip_with_one_length_alone_is_judged_by_that() -> None:
    row = best(search({"v": CORPUS["r2"][2 : 2 + WINDOW]}), "v")
    assert row["ref_id"] == "r2" and row["gen_end_s"] - row["gen_start_s"] == pytest.approx(WINDOW / RATE_HZ)


def test_clips_shorter_than_the_window_match_nothing() -> None:
    rows = search({"short": CORPUS["r1"][: WINDOW - 1], "long": CORPUS["r1"]})
    assert {r["video_id"] for r in rows} == {"long"}


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_movement_at_another_speed_is_found_and_its_times_are_the_videos_own(speed: float) -> None:
    video = at_speed(CORPUS["r6"], 1 / speed, RATE_HZ)  # plays r6 `speed` times as fast
    plain, asked = search({"v": video}), search({"v": video}, speeds=(0.5, 1.0, 2.0))
    row = best(asked, "v")
    assert row["ref_id"] == "r6" and row["speed"] == speed
    assert row["score"] > best(plain, "v")["score"]
    assert (row["ref_end_s"] - row["ref_start_s"]) == pytest.approx(speed * (row["gen_end_s"] - row["gen_start_s"]))
    assert row["gen_end_s"] <= len(video) / RATE_HZ + 1e-9


def test_cameras_fitted_together_are_those_fitted_one_by_one() -> None:
    together = motion_vectors_of(library(CORPUS), GRID)
    for name, vectors in zip(CORPUS, together, strict=True):
        assert vectors == pytest.approx(motion_vectors(CORPUS[name]), abs=1e-6)


def test_with_no_background_the_windows_own_cosine_is_what_is_left() -> None:
    everything = {"v": set(BACKGROUND)}
    row = best(search({"v": CORPUS["r4"]}, background_excluded=everything), "v")
    assert row["score"] == pytest.approx(1, abs=1e-5) and row["background"] == []
