"""Both sides of a match as one film: in step, framed alike, hidden where asked; and how alike they are over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import FPS, FRAMES, World, centre

from vidmem.config.media import Limits
from vidmem.media import MediaRef, read_clip, write_video
from vidmem.report.build import build_report
from vidmem.report.clips import GAP, MOST_FRAMES, clip_count, compose, rate_of, withheld
from vidmem.report.findings import certainty, choose
from vidmem.report.likeness import Likeness, likeness, moving_cells, vectors_of
from vidmem.report.privacy import CELLS, WITHHELD, blurred, hide
from vidmem.report.sources import references

SETTINGS: dict[str, Any] = {"findings": 12, "strip_frames": 4, "strip_width": 64, "clip_width": 96}
noise = np.random.default_rng(0)


def shades(*levels: int, height: int = 20, width: int = 30) -> list[np.ndarray]:
    return [np.full((height, width, 3), level, np.uint8) for level in levels]


def test_a_film_has_frame_n_of_both_sides_in_one_picture() -> None:
    film = compose([[shades(10, 60, 110), shades(200, 210, 220)]], 60)
    assert film.shape == (3, 40, 2 * 60 + GAP, 3)
    assert film[:, 20, 30, 0].tolist() == [10, 60, 110]
    assert film[:, 20, 60 + GAP + 30, 0].tolist() == [200, 210, 220]


def test_an_image_stands_still_beside_a_film_and_another_shape_is_letterboxed() -> None:
    film = compose([[shades(10, 60), shades(250, height=40, width=10)], [shades(5, 6), shades(7, 8)]], 60)
    assert film.shape == (2, 40 + GAP + 40, 124, 3)
    right = film[:, :40, 64:, 0]
    assert (right[:, 20, 30] == 250).all() and (right[:, 20, 3] == 24).all()
    assert film[:, 70, 20, 0].tolist() == [5, 6]


@given(st.floats(0, 1e4), st.floats(1, 240))
def test_a_film_is_never_empty_and_never_long(span: float, fps: float) -> None:
    assert 1 <= clip_count(span, fps) <= MOST_FRAMES


def test_a_film_keeps_the_pace_of_the_video() -> None:
    assert clip_count(2.0, 12.0) == 24 and clip_count(1.0, None) == 24 and clip_count(100, 30) == MOST_FRAMES
    assert rate_of(np.linspace(0.5, 1.5, 13)) == pytest.approx(12.0)
    assert rate_of(np.zeros(1)) == 1.0


def test_blurring_leaves_a_layout_and_no_detail() -> None:
    frame = noise.integers(0, 255, (120, 160, 3)).astype(np.uint8)
    frame[:, :80] //= 4
    soft = blurred(frame)
    assert soft.shape == frame.shape
    assert soft[:, :60].mean() < 50 < 100 < soft[:, 100:].mean()
    fine = np.abs(np.diff(soft.astype(float), axis=1)).max()
    assert fine < 12 < np.abs(np.diff(frame.astype(float), axis=1)).max()
    assert len(np.unique(np.abs(np.fft.fft(soft[60, 100:, 0].astype(float)))[CELLS * 3 : 30].round(-2))) < 4


def test_two_pictures_of_one_layout_are_one_picture_when_blurred() -> None:
    plain = np.full((96, 96, 3), 120, np.uint8)
    checked = plain.copy()
    checked[::2, ::2], checked[1::2, 1::2] = 140, 140
    checked[::2, 1::2], checked[1::2, ::2] = 100, 100
    assert np.abs(blurred(plain).astype(int) - blurred(checked)).max() <= 1


def test_references_are_shown_blurred_or_left_out() -> None:
    frames = [noise.integers(0, 255, (48, 48, 3)).astype(np.uint8)]
    assert np.array_equal(hide(frames, "show")[0], frames[0])
    assert not np.array_equal(hide(frames, "blur")[0], frames[0])
    assert hide(frames, "omit") == WITHHELD
    assert withheld(frames[0]).shape == frames[0].shape


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Any]:
    made = World(tmp_path_factory.mktemp("world"), per_prompt=2)
    return made, made.inputs({"planted": made.model("planted", hits=6)})


def test_findings_are_sorted_by_certainty(world: tuple[World, Any]) -> None:
    found = choose(world[1], 12)
    keys = [certainty(f) for f in found]
    assert len(found) > 4 and keys == sorted(keys)
    sure = [min(m.p_value for m in f.matches if m.p_value is not None) for f in found]
    assert sure == [k[0] for k in keys]


def test_likeness_is_the_cosine_at_matched_moments(world: tuple[World, Any]) -> None:
    """Frame vectors of the world turn by 0.1 x number of the video a quarter second, so their angle is known."""
    inputs = world[1]
    finding = next(f for f in choose(inputs, 12) if f.row["video_id"] == "planted-00")
    match = finding.matches[0]
    refs = references(inputs, [match.ref_id])
    vectors = vectors_of(inputs, [finding], refs)
    gen, ref = np.array([0.25, 0.5]), np.array([0.5, 0.75])
    line = likeness(finding, match, refs[match.ref_id], vectors, (gen, ref))
    assert line is not None
    assert line.values == pytest.approx([1.0, 1.0])  # both are the first of their subject: neither turns
    other = next(f for f in choose(inputs, 12) if f.row["video_id"] == "planted-02")
    match = other.matches[0]
    refs = references(inputs, [match.ref_id])
    line = likeness(other, match, refs[match.ref_id], vectors_of(inputs, [other], refs), (gen, ref))
    assert line is not None and match.ref_id == "item2-0"
    angles = 0.1 * 2 * (np.array([2, 3]) - np.array([1, 2]))
    assert line.values == pytest.approx(np.cos(angles), abs=1e-6)


def test_the_movement_of_the_same_square_is_alike_and_of_another_is_not(world: tuple[World, Any]) -> None:
    inputs = world[1]
    finding = next(f for f in choose(inputs, 12) if any(m.kind == "motion" for m in f.matches))
    match = next(m for m in finding.matches if m.kind == "motion")
    vectors = vectors_of(inputs, [finding], references(inputs, [match.ref_id]))
    times = np.linspace(0.1, 0.7, 6)
    source = references(inputs, [match.ref_id])[match.ref_id]
    same = likeness(finding, match, source, vectors, (times, times))
    late = likeness(finding, match, source, vectors, (times, times[::-1].copy()))
    assert same is not None and late is not None
    assert same.values.min() > 0.99 > 0.7 > late.values.min()


def test_the_cells_that_move_alike_are_where_the_square_moves(world: tuple[World, Any]) -> None:
    inputs = world[1]
    finding = next(f for f in choose(inputs, 12) if any(m.kind == "motion" for m in f.matches))
    match = next(m for m in finding.matches if m.kind == "motion")
    refs = references(inputs, [match.ref_id])
    vectors = vectors_of(inputs, [finding], refs)
    times = np.linspace(0.1, 0.7, 8)
    cells = moving_cells(finding, match, refs[match.ref_id], vectors, (times, times))
    assert cells is not None and cells.shape == (8, 8)
    assert np.nanmin(cells) > 0.99 and np.isnan(cells).any()
    column, line = (int(8 * place) for place in centre(int(match.ref_id[4]), 0.4 / ((FRAMES - 1) / FPS)))
    assert cells[line, column] > 0.99
    content = next(m for f in choose(inputs, 12) for m in f.matches if m.kind == "content")
    assert moving_cells(finding, content, refs.get(content.ref_id), vectors, (times, times)) is None
    assert content.cells is not None and content.cells_at == 0.25


def test_moments_without_a_vector_are_left_out_and_one_is_no_line(world: tuple[World, Any]) -> None:
    inputs = world[1]
    finding = next(f for f in choose(inputs, 12) if f.matches[0].kind == "content")
    match = finding.matches[0]
    refs = references(inputs, [match.ref_id])
    vectors = vectors_of(inputs, [finding], refs)
    far = np.array([0.0, 0.5, 5.0])
    line = likeness(finding, match, refs[match.ref_id], vectors, (far, far))
    assert line is not None and line.times.tolist() == [0.0, 0.5]
    assert likeness(finding, match, refs[match.ref_id], vectors, (far[:1], far[:1])) is None


def test_the_line_is_drawn_from_edge_to_edge_and_the_match_is_marked() -> None:
    line = Likeness(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.5, -0.3]), (1.0, 3.0), (1.5, 2.0), "Likeness")
    assert line.path() == "M0.0 0.0L120.0 32.0L240.0 64.0"
    assert line.band() == (60.0, 60.0)
    assert "-0.30 to 1.00" in line.said()


@pytest.mark.parametrize("how", ["blur", "omit"])
def test_no_picture_of_the_corpus_is_in_a_report_that_hides_them(tmp_path: Path, how: str) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    inputs = world.inputs({"planted": world.model("planted", hits=4)})
    checker = np.kron(np.indices((24, 24)).sum(0) % 2, np.ones((2, 2)))[None, ..., None] * np.array([0, 255, 0])
    for content in range(4):  # references are green checks, which no generated video has
        film = np.repeat(checker.astype(np.uint8), FRAMES, axis=0)
        write_video(world.corpus / f"c{content}.mp4", film, FPS)
    build_report(inputs, SETTINGS | {"references": how}, tmp_path / "report")
    limits = Limits()
    for path in sorted((tmp_path / "report" / "media").glob("*.mp4")):
        frame = read_clip(MediaRef(path), rate_hz=None, max_frames=1, limits=limits).frames[0].astype(float)
        right = frame[: frame.shape[1] // 3, frame.shape[1] // 2 + 6 : -6]
        green = right[..., 1] - right[..., 0]
        assert green.std() < 12, path.name
    names = {p.name for p in (tmp_path / "report" / "media").iterdir()}
    assert bool([n for n in names if "-ref" in n]) == (how == "blur")
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert ("left out of this report" in page) == (how == "omit") and ("are blurred" in page) == (how == "blur")
    assert "0.900" in page  # scores stay
