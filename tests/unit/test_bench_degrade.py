"""The benchmarks' graded degradations do what their names say, and their real clips lose their look but no frame."""

from __future__ import annotations

import numpy as np
import pytest
from degrade import FILLER, GRADES, LISTED_ALONE, NONE, Grade, backwards, clip_of, degrade, of_rate, part
from hypothesis import given, settings
from hypothesis import strategies as st
from mediafiles import drifting, number_of, numbered
from real import BACKGROUNDS, FILMS, PAPER, RESTYLES, RealClip, laid_over, likeness, moving, real_clips, restyled

from vidmem.config.features import Frames as FrameSettings
from vidmem.corpus.made.contents import CORPUS_CONTENTS
from vidmem.features.engines import frame_engine
from vidmem.media import Clip

FPS = 12.0
BY_NAME = {grade.name: grade for grade in GRADES}


def textured(n: int = 24) -> Clip:
    return of_rate(drifting(n, 96, 128), FPS)


def counted(n: int = 24) -> Clip:
    """A clip whose frames say their number."""
    return of_rate(numbered(n, 48, 64), FPS)


def apply(name: str, clip: Clip, seed: int = 0) -> Clip:
    return degrade(clip, BY_NAME[name], seed)


def numbers(clip: Clip) -> list[int]:
    return [number_of(frame) for frame in clip.frames]


def psnr(one: Clip, two: Clip) -> float:
    error = np.mean((one.frames.astype(float) - two.frames.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("grade", [NONE, *GRADES], ids=lambda g: g.name)
def test_every_grade_gives_a_whole_clip_and_the_same_one_again(grade: Grade) -> None:
    before = textured()
    kept = before.frames.copy()
    one, two = degrade(before, grade, 3), degrade(before, grade, 3)
    np.testing.assert_array_equal(one.frames, two.frames)
    assert one.frames.dtype == np.uint8 and one.frames.flags.c_contiguous
    assert one.frames.shape == (one.info.frames, one.info.height, one.info.width, 3)
    assert len(one.times_s) == len(one.frames) and one.times_s[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(one.times_s) > 0).all() and one.times_s[-1] < one.info.duration_s
    assert one.info.fps == pytest.approx(len(one.frames) / one.info.duration_s)
    np.testing.assert_array_equal(before.frames, kept, "the original was changed")


def test_names_are_distinct_and_the_families_listed_alone_exist() -> None:
    assert len(BY_NAME) == len(GRADES)
    assert set(LISTED_ALONE) < {g.family for g in GRADES}
    assert FILLER[0] not in CORPUS_CONTENTS


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        ("scale 1/2", 48, 64),
        ("scale 1/4", 24, 32),
        ("scale 1/6", 16, 21),
        ("crop 90%", 86, 115),
        ("crop 80%", 77, 102),
        ("crop 65%", 62, 83),
        ("aspect x0.75", 96, 96),
        ("aspect x1.33", 96, 170),
        ("letterbox 8%", 112, 128),
        ("letterbox 16%", 126, 128),
        ("web re-upload", 38, 51),
        ("small 48px-8f", 48, 48),
    ],
)
def test_sizes(name: str, height: int, width: int) -> None:
    assert apply(name, textured()).frames.shape[1:3] == (height, width)


def test_a_crop_is_a_part_of_the_frame_and_its_place_depends_on_the_seed() -> None:
    clip = textured()
    crops = [apply("crop 65%", clip, seed) for seed in range(4)]
    assert len({c.frames.tobytes() for c in crops}) > 1
    height, width = crops[0].frames.shape[1:3]
    places = np.lib.stride_tricks.sliding_window_view(clip.frames[0], (height, width, 3))
    assert all((places == c.frames[0]).all(axis=(3, 4, 5)).any() for c in crops)


def test_letterbox_bars_are_black_and_the_picture_between_them_is_whole() -> None:
    clip = textured()
    boxed = apply("letterbox 8%", clip).frames
    assert not boxed[:, :8].any() and not boxed[:, -8:].any()
    np.testing.assert_array_equal(boxed[:, 8:-8], clip.frames)


def test_stronger_levels_are_further_from_the_original() -> None:
    clip = of_rate(np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), np.uint8), FPS)
    smooth = textured()
    for source, family, levels in (
        (smooth, "crf", ("18", "28", "36", "45")),
        (clip, "blur", ("0.5%", "1.0%", "2.0%")),
        (smooth, "noise", ("5", "12", "25")),
    ):
        quality = [psnr(source, apply(f"{family} {level}", source)) for level in levels]
        assert quality == sorted(quality, reverse=True) and quality[-1] < quality[0] - 1, (family, quality)


def test_compression_keeps_odd_sides_and_times() -> None:
    clip = clip_of(drifting(6, 47, 63), np.array([0, 0.1, 0.15, 0.4, 0.5, 0.6]), 0.7)
    seen = apply("crf 18", clip)
    assert seen.frames.shape == clip.frames.shape and psnr(clip, seen) > 30
    np.testing.assert_array_equal(seen.times_s, clip.times_s)


def test_noise_has_the_standard_deviation_that_it_names() -> None:
    flat = of_rate(np.full((4, 64, 64, 3), 128, np.uint8), FPS)
    assert apply("noise 12", flat).frames.std() == pytest.approx(12, rel=0.03)


def test_colour_known_answers() -> None:
    flat = of_rate(np.full((2, 4, 4, 3), (100, 150, 200), np.uint8), FPS)
    assert apply("colour contrast", flat).frames[0, 0, 0].tolist() == [111, 141, 171]
    assert apply("colour brightness", flat).frames[0, 0, 0].tolist() == [140, 190, 240]
    luma = round(0.299 * 100 + 0.587 * 150 + 0.114 * 200)
    assert apply("colour grey", flat).frames[0, 0, 0].tolist() == [luma] * 3
    gains = apply("colour balance", flat).frames[0, 0, 0] / [100, 150, 200]
    assert (gains >= 0.74).all() and (gains <= 1.28).all() and len(set(gains.round(3))) == 3


def test_overlays_cover_a_small_part_and_leave_the_rest() -> None:
    clip = textured()
    for name in ("overlay text", "overlay logo"):
        changed = (apply(name, clip).frames != clip.frames).any(axis=3)
        assert 0.01 < changed.mean() < 0.3, name
        assert (changed == changed[:1]).mean() > 0.97, "the mark moves"


@given(n=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_mirror_and_reversal_undo_themselves(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.uniform(0.02, 0.4, n)
    times = np.cumsum(steps) - steps[0]
    clip = clip_of(rng.integers(0, 256, (n, 8, 10, 3), np.uint8), times, float(times[-1] + rng.uniform(0.02, 0.4)))
    mirrored = apply("mirror horizontal", apply("mirror horizontal", clip))
    np.testing.assert_array_equal(mirrored.frames, clip.frames)
    again = backwards(backwards(clip, rng), rng)
    np.testing.assert_array_equal(again.frames, clip.frames)
    np.testing.assert_allclose(again.times_s, clip.times_s, atol=1e-9)


def test_mirror_exchanges_left_and_right() -> None:
    frames = np.zeros((1, 2, 3, 3), np.uint8)
    frames[0, :, 0] = 255
    assert apply("mirror horizontal", of_rate(frames, FPS)).frames[0, 0, :, 0].tolist() == [0, 0, 255]


def test_a_reversed_clip_shows_each_frame_as_long_as_before() -> None:
    clip = clip_of(numbered(3), np.array([0.0, 0.5, 0.6]), 1.0)
    turned = backwards(clip, np.random.default_rng(0))
    assert numbers(turned) == [2, 1, 0]
    np.testing.assert_allclose(turned.times_s, [0, 0.4, 0.5])


@pytest.mark.parametrize(("level", "by"), [("x0.5", 0.5), ("x0.71", 0.71), ("x1.41", 1.41), ("x2", 2.0)])
def test_speed_changes_durations_and_no_frame(level: str, by: float) -> None:
    clip = counted()
    fast = apply(f"speed {level}", clip)
    assert fast.info.duration_s == pytest.approx(2.0 / by)
    np.testing.assert_array_equal(fast.frames, clip.frames)
    np.testing.assert_allclose(fast.times_s * by, clip.times_s)


def test_frame_rates_keep_the_speed() -> None:
    clip = counted()
    slow, fast = apply("frame_rate 8 fps", clip), apply("frame_rate 30 fps", clip)
    assert numbers(slow)[:6] == [0, 1, 3, 4, 6, 7], "what is shown at 0, 1/8, 2/8 ... seconds"
    assert numbers(fast)[:6] == [0, 0, 0, 1, 1, 2]
    assert (len(slow.frames), len(fast.frames)) == (16, 60)
    assert slow.info.duration_s == fast.info.duration_s == 2.0


def test_shift_trim_loop_take_the_frames_of_their_times() -> None:
    clip = counted()
    late = apply("shift 0.25 s", clip)
    assert numbers(late) == list(range(3, 24)) and late.info.duration_s == pytest.approx(1.75)
    odd = apply("shift 0.1 s", clip)  # frame 1 is on the screen then, for another two thirds of a tenth of a second
    assert numbers(odd)[:2] == [1, 2] and odd.times_s[1] == pytest.approx(2 / 12 - 0.1)
    assert numbers(apply("trim first third off", clip)) == list(range(8, 24))
    assert numbers(apply("trim last third off", clip)) == list(range(16))
    assert numbers(apply("loop half, twice", clip)) == [*range(6, 18), *range(6, 18)]


def test_cuts_show_the_clip_at_its_own_times_and_another_elsewhere() -> None:
    clip = counted()
    half, middle = apply("cut second half replaced", clip), apply("cut middle half spliced in", clip)
    assert numbers(half)[:12] == list(range(12)) and numbers(middle)[6:18] == list(range(6, 18))
    assert all(frame.std() > 10 for frame in (*half.frames[12:], *middle.frames[:6], *middle.frames[18:]))
    np.testing.assert_allclose(half.times_s, clip.times_s)
    np.testing.assert_allclose(middle.times_s, clip.times_s)


def test_a_clip_too_short_for_its_part_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a clip of 0\.25 s shows nothing from 0\.5 to 0\.25 s"):
        apply("shift 0.5 s", counted(3))
    with pytest.raises(ValueError, match="shows nothing"):
        part(counted(), 1.0, 1.0)


def a_moving_square() -> Clip:
    """A bright square that crosses a fixed texture, four pixels a frame."""
    frames = np.repeat(drifting(1, 96, 128, seed=4) // 2, 16, axis=0)
    for n, frame in enumerate(frames):
        frame[36:60, 20 + 4 * n : 44 + 4 * n] = (250, 240, 40)
    return of_rate(frames, FPS)


def test_real_clips_are_pieces_of_every_film() -> None:
    pieces = real_clips()
    assert {p.film for p in pieces} == set(FILMS) and len(pieces) >= 10
    assert len({(p.film, p.shot, p.start_s) for p in pieces}) == len(pieces)
    assert all(1.0 <= p.clip.info.duration_s <= 2.05 for p in pieces)
    assert {min(p.clip.frames.shape[1:3]) for p in pieces} == {144, 192}


@pytest.mark.parametrize("name", [*RESTYLES, *BACKGROUNDS])
def test_a_restyled_clip_keeps_its_frames_and_times_and_not_its_look(name: str) -> None:
    piece = next(p for p in real_clips() if p.film == "carphone_pristine.mp4")
    short = RealClip(piece.film, piece.shot, piece.start_s, part(piece.clip, 0, 0.4))
    one, two = restyled(short, name, 1), restyled(short, name, 1)
    assert one is not None and two is not None
    np.testing.assert_array_equal(one.frames, two.frames)
    assert one.frames.shape == short.clip.frames.shape and one.frames.dtype == np.uint8
    np.testing.assert_array_equal(one.times_s, short.clip.times_s)
    found = likeness(short, name, frame_engine(FrameSettings().model_dump(), threads=1), seed=1)
    assert found is not None and found < 0.85


def test_inversion_and_flat_drawings_by_hand() -> None:
    rng = np.random.default_rng(0)
    flat = of_rate(np.full((2, 16, 16, 3), (10, 100, 250), np.uint8), FPS)
    assert RESTYLES["invert"](flat, rng).frames[0, 0, 0].tolist() == [245, 155, 5]
    assert RESTYLES["edges"](flat, rng).frames[0, 0, 0].tolist() == PAPER.tolist()


def test_what_moves_is_found_and_laid_over_a_picture_that_pans() -> None:
    clip = a_moving_square()
    masks = moving(clip)
    assert masks[8, 48, 64] > 0.9, "the square's middle"
    assert masks[8, :20].mean() < 0.05 and masks[8, 80:].mean() < 0.05
    picture = np.tile(np.arange(0, 256, 2, dtype=np.uint8)[None, :, None], (96, 1, 3))
    over = laid_over(clip, np.zeros_like(masks), picture, pan=0.1)
    shift = over.frames[-1, 0, 40].astype(int) - over.frames[0, 0, 40]
    enlarged = 1 + 0.1 * clip.info.duration_s  # the picture grows by what the pan uncovers; two grey levels a pixel
    assert shift.mean() == pytest.approx(2 * 0.1 * clip.times_s[-1] * 128 / enlarged, abs=2)
    np.testing.assert_array_equal(laid_over(clip, np.ones_like(masks), picture, pan=0.0).frames, clip.frames)


def test_a_clip_in_which_nothing_moves_has_no_foreground() -> None:
    still = of_rate(np.repeat(drifting(1, 96, 128), 12, axis=0), FPS)
    assert moving(still).max() == 0
    assert restyled(RealClip("none.mp4", 0, 0.0, still), "background-still", 0) is None
