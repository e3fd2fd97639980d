"""A comparison as one picture: frames of both videos where they match best, their flow, and similarity over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from vidmem.cli.compare import Comparison
from vidmem.cli.errors import Failure, one_line, plain
from vidmem.config.media import Limits
from vidmem.features.flow import DisFlow
from vidmem.features.preprocess import shrink
from vidmem.media import MediaError, MediaInfo, MediaRef, probe
from vidmem.media.decode import pictures
from vidmem.media.sample import shown
from vidmem.report import strips

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Part = Image.Image

SUFFIXES = (".png", ".webp", ".jpg", ".jpeg")
FRAMES = 6  # of a strip
WIDTH = 150  # of a frame, in pixels
MARGIN, LABEL, TEXT = 16, 22, 14
PLOT = 150  # height of the curve
FLOW_EDGE = 64  # short edge in pixels of a flow field, which is then drawn larger
STEP_S = 1 / 8  # between the two frames that flow is drawn of: the rate at which movements are compared
BEFORE_END_S = 1e-3  # more than times of containers are rounded by
INK, PALE = (32, 32, 32), (205, 205, 205)
CONTENT, MOTION = strips.MARKS["content"], strips.MARKS["motion"]


def draw(found: Comparison, out: str | Path) -> Path:
    """Write the picture of a comparison whose files are still there; the suffix of `out` says the format.

    From top to bottom: frames of a and b at the times around the best pair of frames; at the window that moves most
    alike, frames and flow of both (hue is the direction, saturation the speed, as the wheel shows); for each moment
    of a how similar the most similar frame of b is, and the window that begins there.
    Raises `Failure` for a format that isn't known and a file that can't be written.
    """
    path = Path(out).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        raise Failure(f"{out}: pictures are written as {', '.join(SUFFIXES)}")
    sides = [Video(found.a), Video(found.b)]
    parts = [_title(f"a: {plain(Path(found.a).name)}   b: {plain(Path(found.b).name)}"), *_content(found, sides)]
    parts += [*_motion(found, sides), _title("Similarity over the time of a"), _curves(found, sides[0].info)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _stack(parts).save(path)
    except OSError as error:
        raise Failure(f"{out}: can't be written ({error.strerror or error})") from None
    return path


class Video:
    """A video whose frames are asked for by time."""

    def __init__(self, path: str) -> None:
        self._ref = MediaRef(Path(path).expanduser().resolve())
        try:
            self.info: MediaInfo = probe(self._ref, Limits())
        except MediaError as error:
            raise Failure(f"{path}: {one_line(error)}") from None

    def at(self, times: Floats) -> list[Pixels]:
        """The frame on show at each of `times` (seconds), uint8 (H, W, 3); the last one after the end."""
        asked = np.clip(times, 0.0, max(self.info.duration_s - BEFORE_END_S, 0.0))
        stream = pictures(self._ref, Limits())
        found = shown(stream, np.unique(asked).tolist(), lambda: self.info.duration_s)
        frames = {time: shrink(picture.rgb()[None], 2 * WIDTH)[0] for time, picture in found}
        return [frames[time] for time in asked.tolist()]

    def flow(self, times: Floats) -> list[npt.NDArray[np.float32]]:
        """Flow from each of `times` to an eighth of a second later, (2, h, w) each, in shares of the width a second."""
        engine, frames = DisFlow(FLOW_EDGE, 1), self.at(np.concatenate([times, times + STEP_S]))
        pairs = (np.stack([frames[n], frames[n + len(times)]]) for n in range(len(times)))
        flows = [next(engine.flows(pair)) for pair in pairs]
        return [flow / (flow.shape[2] * STEP_S) for flow in flows]


def _content(found: Comparison, sides: Sequence[Video]) -> list[Part]:
    content = found.content
    lengths = (sides[0].info.duration_s, sides[1].info.duration_s)
    spans = (content.a_time_s, content.a_time_s), (content.b_time_s, content.b_time_s)
    a_times, b_times, inside = strips.aligned_times(*spans, lengths, FRAMES)
    said = f"Content {content.gsscd_max:.2f}: a at {content.a_time_s:.2f} s, b at {content.b_time_s:.2f} s"
    rows = [
        strips.strip(side.at(times), WIDTH, inside.tolist(), CONTENT)
        for side, times in zip(sides, (a_times, b_times), strict=True)
    ]
    return [_title(said, CONTENT), *(_labelled(name, row) for name, row in zip(("a", "b"), rows, strict=True))]


def _motion(found: Comparison, sides: Sequence[Video]) -> list[Part]:
    motion = found.motion
    if motion is None:
        return [_title(f"Motion: {found.motion_reason}", MOTION)]
    spans = (motion.a_start_s, motion.a_end_s), (motion.b_start_s, motion.b_end_s)
    times = [np.linspace(start, max(end - STEP_S, start), FRAMES) for start, end in spans]
    fields = [side.flow(t) for side, t in zip(sides, times, strict=True)]
    full = strips.full_magnitude(*(field.reshape(1, -1) for side in fields for field in side))
    outlined = [True] * FRAMES  # still fields are white, as the picture is
    flows = [
        strips.strip([strips.flow_to_colour(field, full) for field in side], WIDTH, outlined, PALE, line=1)
        for side in fields
    ]
    frames = [strips.strip(side.at(t), WIDTH) for side, t in zip(sides, times, strict=True)]
    said = (
        f"Motion {motion.ofs_residual:.2f}: a from {motion.a_start_s:.2f} to {motion.a_end_s:.2f} s, "
        f"b from {motion.b_start_s:.2f} to {motion.b_end_s:.2f} s"
    )
    rows = (("a", frames[0]), ("a flow", flows[0]), ("b flow", flows[1]), ("b", frames[1]))
    wheel = _labelled(f"full colour: {full:.2f} widths a second", strips.colour_wheel(56), 260)
    return [_title(said, MOTION), *(_labelled(name, row) for name, row in rows), wheel]


def _curves(found: Comparison, info: MediaInfo) -> Part:
    """Best similarity of each frame of a, and of each window that begins there, from 0 to 1 over the time of a."""
    width = FRAMES * (WIDTH + strips.GAP)
    image = Image.new("RGB", (MARGIN + 70 + width + MARGIN, PLOT + 3 * LABEL), "white")
    draw, left, top = ImageDraw.Draw(image), MARGIN + 70, 10
    length = max(info.duration_s, 1e-6)

    def at(time: float, score: float) -> tuple[float, float]:
        return left + width * min(time / length, 1.0), top + PLOT * (1 - min(max(score, 0.0), 1.0))

    for level in (0.0, 0.5, 1.0):
        draw.line([at(0, level), at(length, level)], fill=PALE)
        draw.text((left - 8, at(0, level)[1]), f"{level:.1f}", fill=INK, font=_font(), anchor="rm")
    for share, anchor in ((0.0, "la"), (0.5, "ma"), (1.0, "ra")):
        place = (at(share * length, 0)[0], top + PLOT + 6)
        draw.text(place, f"{share * length:.2f} s", fill=INK, font=_font(), anchor=anchor)
    curves = (
        (CONTENT, "content: best frame of b", [(t, s) for t, s, _ in found.content_over_time]),
        (MOTION, f"motion: best window of b, {found.window_s:.2f} s from here", found.motion_over_time),
    )
    for n, (colour, name, points) in enumerate(curves):
        _curve(draw, [at(*point) for point in points], colour)
        draw.text((left + n * width / 2, top + PLOT + 6 + LABEL), name, fill=colour, font=_font())
    return image


def _curve(draw: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: tuple[int, int, int]) -> None:
    if len(points) > 1:
        draw.line(list(points), fill=colour, width=2)
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT)


def _title(text: str, colour: tuple[int, int, int] = INK) -> Part:
    image = Image.new("RGB", (MARGIN + 70 + FRAMES * (WIDTH + strips.GAP) + MARGIN, LABEL + 10), "white")
    ImageDraw.Draw(image).text((MARGIN, LABEL - 6), text, fill=colour, font=_font(), anchor="lm")
    return image


def _labelled(name: str, pixels: Pixels, room: int = 70) -> Part:
    picture = Image.fromarray(pixels)
    image = Image.new("RGB", (MARGIN + room + picture.width + MARGIN, picture.height + 4), "white")
    ImageDraw.Draw(image).text((MARGIN, picture.height / 2), name, fill=INK, font=_font(), anchor="lm")
    image.paste(picture, (MARGIN + room, 2), picture if picture.mode == "RGBA" else None)
    return image


def _stack(parts: Sequence[Part]) -> Image.Image:
    canvas = Image.new("RGB", (max(p.width for p in parts), sum(p.height for p in parts) + MARGIN), "white")
    top = MARGIN // 2
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    return canvas
