"""One video against one clip: which times and which part of the frame match, and what unrelated clips take away."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
import pytest

from vidmem import tables
from vidmem.retrieve.content_row import Comparer, ContentSettings
from vidmem.search.library import Library
from vidmem.similarity.content import gsscd_k, gsscd_max, match_fractions, vsscd

DIM = 32
SETTINGS = ContentSettings(segment=2, match_from=0.6, rate_hz=4.0, top_k=3, background_k=2)


def unit(rng: np.random.Generator, rows: int) -> np.ndarray:
    v = rng.normal(size=(rows, DIM)).astype(np.float32)
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def pictures(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Blocks of 4 pixels in random grey levels, flattened."""
    levels = rng.integers(0, 256, (rows, 12, 12), np.uint8)
    return levels.repeat(4, axis=1).repeat(4, axis=2).reshape(rows, -1)


def library(
    clips: Mapping[str, np.ndarray], times: Mapping[str, list[float]] | None = None, shown: np.ndarray | None = None
) -> Library:
    lengths = [len(x) for x in clips.values()]
    seconds = [t for n, x in clips.items() for t in (times or {}).get(n, [i / 4 for i in range(len(x))])]
    empty = np.empty((0, tables.THUMBNAIL_BYTES), np.uint8)
    vectors = np.concatenate([np.empty((0, DIM), np.float32), *clips.values()])
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Library(list(clips), starts, np.array(seconds), vectors, empty, shown if shown is not None else empty)


NOTHING = library({})


def row(
    videos: Library, block: Library, background: Library = NOTHING, excluded: Mapping[str, Set[str]] | None = None
) -> dict[str, Any]:
    return Comparer(videos, background, excluded or {}, SETTINGS).row(0, block, 0)


def test_scores_are_those_of_the_equations() -> None:
    rng = np.random.default_rng(0)
    x, y = unit(rng, 4), unit(rng, 5)
    x[1] = y[3]
    found = row(library({"v": x}), library({"r": y}))
    best = gsscd_max(x, y)
    assert found["score"] == found["gsscd_max"] == best.score
    assert (found["gen_time_s"], found["ref_time_s"]) == (0.25, 0.75)
    assert found["gsscd_k"] == gsscd_k(x, y, 2).score and found["vsscd"] == vsscd(x, y)
    assert (found["gen_fraction"], found["ref_fraction"]) == match_fractions(x, y, 0.6) == (1 / 4, 1 / 5)


def test_the_segment_that_comes_back_is_a_range_on_both_sides() -> None:
    rng = np.random.default_rng(1)
    y = unit(rng, 8)
    x = np.concatenate([unit(rng, 2), y[4:7], unit(rng, 1)])
    found = row(library({"v": x}), library({"r": y}))
    assert (found["gen_start_s"], found["gen_end_s"]) == (0.5, 1.25)
    assert (found["ref_start_s"], found["ref_end_s"]) == (1.0, 1.75)


def test_a_gated_frame_shifts_no_times() -> None:
    rng = np.random.default_rng(2)
    y = unit(rng, 8)
    gated = library({"v": y[[1, 2, 4, 5]]}, {"v": [0.0, 0.25, 0.75, 1.0]})  # the frame at 0.5 s is missing
    found = row(gated, library({"r": y}))
    assert (found["gen_start_s"], found["gen_end_s"]) == (0.0, 1.25)
    assert (found["ref_start_s"], found["ref_end_s"]) == (0.25, 1.5)


def test_without_a_replicated_segment_the_most_alike_one_is_named() -> None:
    y = np.eye(DIM, dtype=np.float32)[:4]
    x = np.float32(0.4) * y[1:3] + np.float32(0.8) * np.eye(DIM, dtype=np.float32)[10:12]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    found = row(library({"v": x}), library({"r": y}))
    assert found["gsscd_max"] < SETTINGS.match_from and found["gen_fraction"] == 0
    assert (found["gen_start_s"], found["gen_end_s"]) == (0.0, 0.5)
    assert (found["ref_start_s"], found["ref_end_s"]) == (0.25, 0.75)


def test_an_image_is_a_segment_of_one_frame() -> None:
    y = unit(np.random.default_rng(3), 5)
    found = row(library({"image": y[2:3]}), library({"r": y}))
    assert (found["gen_start_s"], found["gen_end_s"], found["ref_start_s"], found["ref_end_s"]) == (0, 0.25, 0.5, 0.75)


def test_what_resembles_the_background_counts_less() -> None:
    e = np.eye(DIM, dtype=np.float32)
    x = np.stack([e[0], 0.8 * e[1] + 0.6 * e[2]])
    background = library({"a": np.stack([e[0], e[9]]), "b": e[[0]], "c": e[[2]], "d": e[[8]]})
    # to the two nearest clips: frame 0 has (1 + 1) / 2, frame 1 has (.6 + 0) / 2
    found = row(library({"v": x}), library({"r": e[[0, 1]]}), background)
    assert found["gsscd_max"] == pytest.approx(1)
    assert found["content_normalised"] == pytest.approx(max(1 - 1, 0.8 - 0.3))


@pytest.mark.parametrize(
    ("excluded", "left"), [({"v": {"a"}}, 1.0), ({"r": {"a"}}, 1.0), ({}, 0.5), ({"v": {"a", "b", "c"}}, None)]
)
def test_relatives_are_no_background(excluded: dict[str, set[str]], left: float | None) -> None:
    e = np.eye(DIM, dtype=np.float32)
    background = library({"a": e[[0]], "b": e[[5]], "c": e[[6]]})
    found = row(library({"v": e[[0]]}), library({"r": e[[0]]}), background, excluded)
    assert found["content_normalised"] == (None if left is None else pytest.approx(left))


def test_the_clip_itself_is_no_background_where_the_corpus_is_its_own_null() -> None:
    e = np.eye(DIM, dtype=np.float32)
    corpus = library({"r": e[[0]], "b": e[[5]]})
    assert row(library({"v": e[[0]]}), corpus, corpus)["content_normalised"] == pytest.approx(1)


def test_no_background_gives_no_normalised_score() -> None:
    x = unit(np.random.default_rng(4), 2)
    assert row(library({"v": x}), library({"r": x}))["content_normalised"] is None


def test_background_scores_are_those_of_the_video_asked_for() -> None:
    rng = np.random.default_rng(5)
    clips = {"v": unit(rng, 3), "w": unit(rng, 2)}
    reference, background = library({"r": unit(rng, 4)}), library({"a": unit(rng, 3), "b": unit(rng, 1)})
    one = Comparer(library(clips), background, {}, SETTINGS)
    found = [one.row(q, reference, 0)["content_normalised"] for q in (0, 1, 0)]
    alone = [row(library({name: clips[name]}), reference, background)["content_normalised"] for name in ("v", "w", "v")]
    assert found == alone


def test_a_part_of_the_frame_is_named_with_its_place_and_times() -> None:
    rng = np.random.default_rng(6)
    x, y = unit(rng, 3), unit(rng, 4)
    ours, theirs = pictures(rng, 3), pictures(rng, 4)
    x[2], half = y[1], 48 * 48 // 2
    ours[2, :half] = theirs[1, :half]  # the upper half
    found = row(library({"v": x}, shown=ours), library({"r": y}, shown=theirs))
    assert 3 / 7 - 1e-9 <= found["template"] <= 4 / 7 + 1e-9
    assert (found["template_gen_time_s"], found["template_ref_time_s"]) == (0.5, 0.25)
    cells = np.reshape(found["template_map"], (7, 7))
    assert cells[:3] == pytest.approx(np.ones((3, 7)), abs=1e-6) and (cells[4:] < 0.8).all()


def test_libraries_without_pictures_say_nothing_of_parts() -> None:
    x = unit(np.random.default_rng(7), 2)
    assert not {name for name in row(library({"v": x}), library({"r": x})) if name.startswith("template")}
