"""Two videos against each other: known answers, symmetry, shifts in time, and files that can't be compared."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from auditworld import FPS, clip
from mediafiles import all_black, drifting, text_named_video, without_index
from PIL import Image
from typer.testing import CliRunner

from vidmem import compare
from vidmem.cli import show
from vidmem.cli.app import app
from vidmem.cli.canvas import FRAMES, WIDTH, Video
from vidmem.cli.errors import Failure
from vidmem.cli.extract import default_settings, extract
from vidmem.cli.picture import draw
from vidmem.media import write_video
from vidmem.report.strips import MARKS
from vidmem.search.library import load_library

LEAD = 8  # frames, a second, that stand before the clip in the delayed video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`a.mp4`; `late.mp4`, the same a second later; `moves.mp4`, another content with its motion; `other.mp4`."""
    root = tmp_path_factory.mktemp("pairs")
    a = clip("rug", "orbit")
    made = {
        "a": a,
        "late": np.concatenate([clip("marble", "bounce")[:LEAD], a]),
        "moves": clip("hexagons", "orbit"),
        "other": clip("hexagons", "part", 3),
        "still": np.repeat(a[:1], 16, 0),
    }
    for name, frames in made.items():
        write_video(root / f"{name}.mp4", frames, fps=FPS)
    Image.fromarray(a[4]).save(root / "frame.png")
    return root


def test_a_video_against_itself_scores_one(folder: Path) -> None:
    found = compare(folder / "a.mp4", folder / "a.mp4")
    assert found.motion is not None and found.judged == [] and found.background == 0
    scores = (found.content.gsscd_max, found.content.vsscd, found.motion.ofs_residual, found.motion.ofs)
    assert scores == pytest.approx((1, 1, 1, 1), abs=1e-3)
    assert [score for _, score, _ in found.content_over_time] == pytest.approx([1] * 8, abs=1e-5)
    assert [score for _, score in found.motion_over_time] == pytest.approx([1] * 9, abs=1e-5)
    assert found.content.normalised is None and found.motion.normalised is None


def test_content_is_the_largest_product_of_two_frames(folder: Path) -> None:
    found = compare(folder / "a.mp4", folder / "moves.mp4")
    with tempfile.TemporaryDirectory() as aside:
        files = {"x": folder / "a.mp4", "y": folder / "moves.mp4"}
        both = load_library(extract(files, default_settings(), Path(aside)).frames)
    x, y = (both.vectors[both.rows(n)].astype(float) for n in range(2))
    slow = {(i, j): sum(p * q for p, q in zip(x[i], y[j], strict=True)) for i in range(8) for j in range(8)}
    i, j = max(slow, key=lambda pair: slow[pair])
    assert found.content.gsscd_max == pytest.approx(slow[i, j])
    assert (found.content.a_time_s, found.content.b_time_s) == (i / 4, j / 4)


def test_the_same_movement_under_another_content_is_motion_alone(folder: Path) -> None:
    same, other = (compare(folder / "a.mp4", folder / f"{name}.mp4") for name in ("moves", "other"))
    assert same.motion is not None and other.motion is not None
    assert same.motion.ofs_residual > 0.8 > 0.5 > other.motion.ofs_residual
    assert max(same.content.gsscd_max, other.content.gsscd_max) < 0.5
    assert same.motion.natural is None


def test_what_matches_is_found_where_it_is_shown(folder: Path) -> None:
    found = compare(folder / "a.mp4", folder / "late.mp4")
    assert found.motion is not None
    assert found.content.gsscd_max > 0.9
    assert (found.content.b_start_s - found.content.a_start_s, found.content.a_end_s) == (LEAD / FPS, 2.0)
    assert found.motion.b_start_s - found.motion.a_start_s == LEAD / FPS
    assert all(there - here == LEAD / FPS for here, _, there in found.content_over_time)


def test_the_order_of_the_two_changes_no_score(folder: Path) -> None:
    one, two = (compare(folder / x, folder / y) for x, y in (("a.mp4", "late.mp4"), ("late.mp4", "a.mp4")))
    assert one.motion is not None and two.motion is not None
    assert (one.content.gsscd_max, one.content.a_time_s) == pytest.approx((two.content.gsscd_max, two.content.b_time_s))
    assert (one.content.a_fraction, one.content.b_fraction) == (two.content.b_fraction, two.content.a_fraction)
    assert one.motion.ofs_residual == pytest.approx(two.motion.ofs_residual)
    assert one.motion.a_start_s == two.motion.b_start_s


def test_an_image_is_compared_by_content_and_a_still_scene_is_no_evidence(folder: Path) -> None:
    image = compare(folder / "frame.png", folder / "a.mp4")
    assert image.content.gsscd_max > 0.9 and image.content.b_time_s == 0.5 and image.motion is None
    assert image.motion_reason == "too short to compare movements: a window has 7 flow fields, a has 0"
    still = compare(folder / "still.mp4", folder / "a.mp4")
    assert still.motion is not None and still.motion.natural == "still" and still.motion.ofs_residual < 0.1
    assert "natural motion (still), no evidence" in show.comparison(still)


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("gone.mp4", lambda path: path, "file not found"),
        ("text.mp4", text_named_video, "not a video or image"),
        ("cut.mp4", without_index, "truncated: "),
        ("black.mp4", all_black, "no usable frame: all are blank, flat or fading"),
    ],
)
def test_a_file_that_cannot_be_compared_is_named_in_one_line(
    folder: Path, tmp_path: Path, name: str, make: Callable[[Path], object], reason: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(Failure, match=f"^{tmp_path / name}: {reason}") as raised:
        compare(folder / "a.mp4", tmp_path / name)
    assert "\n" not in str(raised.value)


def test_the_picture_shows_both_videos_and_is_the_same_twice(folder: Path, tmp_path: Path) -> None:
    found = compare(folder / "a.mp4", folder / "late.mp4")
    one, two = (draw(found, tmp_path / name) for name in ("one.png", "sub/two.png"))
    assert one.read_bytes() == two.read_bytes()
    image = Image.open(one).convert("RGB")
    assert image.width > FRAMES * WIDTH and image.height > 5 * WIDTH
    shown = {colour for _, colour in image.getcolors(1 << 24) or ()}
    assert set(MARKS.values()) <= shown  # titles, outlines and curves of both kinds
    assert draw(compare(folder / "frame.png", folder / "a.mp4"), tmp_path / "image.webp").stat().st_size > 1000


def test_frames_of_a_long_video_are_those_of_their_times(tmp_path: Path) -> None:
    frames = np.stack([np.full((32, 32, 3), n % 250, np.uint8) for n in range(30 * 8)])
    write_video(tmp_path / "long.mp4", frames, fps=8, crf=1)
    shown = Video.of_file(str(tmp_path / "long.mp4")).at(np.array([29.0, 3.5, 3.625, 99.0]))
    assert [round(float(frame.mean())) for frame in shown] == pytest.approx([232, 28, 29, 239], abs=2)


def test_a_picture_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    found = compare(folder / "frame.png", folder / "frame.png")
    with pytest.raises(Failure, match=r"pictures are written as \.png"):
        draw(found, tmp_path / "pair.txt")
    with pytest.raises(Failure, match="can't be written"):
        draw(found, folder / "a.mp4" / "pair.png")


def test_the_name_of_a_file_can_break_neither_picture_nor_terminal(folder: Path, tmp_path: Path) -> None:
    odd = tmp_path / "two\nlines\x1b[31m [bold]é 🎬.mp4"
    write_video(odd.with_name("plain.mp4"), drifting(20, 64, 64), 8)
    odd.with_name("plain.mp4").rename(odd)
    done = CliRunner().invoke(app, ["compare", str(odd), str(folder / "a.mp4"), "--picture", str(tmp_path / "p.png")])
    assert done.exit_code == 0 and "\x1b" not in done.stdout and "two lines [31m [bold]é" in done.stdout
    done = CliRunner().invoke(app, ["compare", str(odd), str(folder / "a.mp4"), "--json"])
    assert json.loads(done.stdout)["a"] == str(odd)


def test_a_model_is_one_of_an_audit(folder: Path) -> None:
    done = CliRunner().invoke(app, ["compare", str(folder / "a.mp4"), str(folder / "a.mp4"), "--model", "wan"])
    assert done.exit_code == 2 and "--audit" in done.stderr


def test_the_front_door_loads_nothing_heavy() -> None:
    code = (
        "import sys, vidmem; from vidmem.cli import app; assert not {'torch', 'numpy', 'av'} & set(sys.modules); "
        "from vidmem import compare, find, check; assert 'torch' not in sys.modules and callable(compare)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    import vidmem

    with pytest.raises(AttributeError, match="no attribute 'compar'"):
        vidmem.compar  # noqa: B018
    assert set(vidmem.__all__) == {"__version__", "check", "compare", "find"}
