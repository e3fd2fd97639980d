"""A comparison as one picture: frames of both videos where they match best, their flow, and similarity over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from vidmem.cli import canvas
from vidmem.cli.canvas import CONTENT, INK, LABEL, MARGIN, MOTION, PALE, ROOM, WIDTH, Part, Video
from vidmem.cli.compare import Comparison
from vidmem.cli.errors import plain
from vidmem.report import strips

PLOT = 150  # height of the curve


def draw(found: Comparison, out: str | Path) -> Path:
    """Write the picture of a comparison whose files are still there; the suffix of `out` says the format.

    From top to bottom: frames of a and b at the times around the best pair of frames; at the window that moves most
    alike, frames and flow of both (hue is the direction, saturation the speed, as the wheel shows); for each moment
    of a how similar the most similar frame of b is, and the window that begins there.
    Raises `Failure` for a format that isn't known and a file that can't be written.
    """
    path = canvas.check_suffix(out)
    sides = Video.of_file(found.a), Video.of_file(found.b)
    head = canvas.title(f"a: {plain(Path(found.a).name)}   b: {plain(Path(found.b).name)}")
    parts = [head, *_content(found, sides), *_motion(found, sides)]
    return canvas.save([*parts, canvas.title("Similarity over the time of a"), _curves(found, sides[0])], path)


def _content(found: Comparison, sides: tuple[Video, Video]) -> list[Part]:
    content = found.content
    spans = (content.a_time_s, content.a_time_s), (content.b_time_s, content.b_time_s)
    said = f"Content {content.gsscd_max:.2f}: a at {content.a_time_s:.2f} s, b at {content.b_time_s:.2f} s"
    return [canvas.title(said, CONTENT), *canvas.pair_rows(sides, spans, ("a", "b"), CONTENT)]


def _motion(found: Comparison, sides: tuple[Video, Video]) -> list[Part]:
    motion = found.motion
    if motion is None:
        return [canvas.title(f"Motion: {found.motion_reason}", MOTION)]
    spans = (motion.a_start_s, motion.a_end_s), (motion.b_start_s, motion.b_end_s)
    rows, full = canvas.flow_rows(sides, spans, ("a", "b"))
    said = (
        f"Motion {motion.ofs_residual:.2f}: a from {motion.a_start_s:.2f} to {motion.a_end_s:.2f} s, "
        f"b from {motion.b_start_s:.2f} to {motion.b_end_s:.2f} s"
    )
    return [canvas.title(said, MOTION), *rows, canvas.wheel(full)]


def _curves(found: Comparison, a: Video) -> Part:
    """Best similarity of each frame of a, and of each window that begins there, from 0 to 1 over the time of a."""
    width = canvas.FRAMES * (WIDTH + strips.GAP)
    image = Image.new("RGB", (MARGIN + ROOM + width + MARGIN, PLOT + 3 * LABEL), "white")
    draw, left, top = ImageDraw.Draw(image), MARGIN + ROOM, 10
    length = max(a.duration_s, 1e-6)

    def at(time: float, score: float) -> tuple[float, float]:
        return left + width * min(time / length, 1.0), top + PLOT * (1 - min(max(score, 0.0), 1.0))

    for level in (0.0, 0.5, 1.0):
        draw.line([at(0, level), at(length, level)], fill=PALE)
        draw.text((left - 8, at(0, level)[1]), f"{level:.1f}", fill=INK, font=canvas.font(), anchor="rm")
    for share, anchor in ((0.0, "la"), (0.5, "ma"), (1.0, "ra")):
        place = (at(share * length, 0)[0], top + PLOT + 6)
        draw.text(place, f"{share * length:.2f} s", fill=INK, font=canvas.font(), anchor=anchor)
    curves = (
        (CONTENT, "content: best frame of b", [(t, s) for t, s, _ in found.content_over_time]),
        (MOTION, f"motion: best window of b, {found.window_s:.2f} s from here", found.motion_over_time),
    )
    for n, (colour, name, points) in enumerate(curves):
        _curve(draw, [at(*point) for point in points], colour)
        draw.text((left + n * width / 2, top + PLOT + 6 + LABEL), name, fill=colour, font=canvas.font())
    return image


def _curve(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: tuple[int, int, int]) -> None:
    if len(points) > 1:
        draw.line(list(points), fill=colour, width=2)
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
