"""What pictures are made of: frames of a video by time, strips with a name before them, titles, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from vidmem.cli.errors import Failure, one_line
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
MARGIN, LABEL, TEXT, ROOM = 16, 22, 14, 70
FLOW_EDGE = 64  # short edge in pixels of a flow field, which is then drawn larger
STEP_S = 1 / 8  # between the two frames that flow is drawn of: the rate at which movements are compared
BEFORE_END_S = 1e-3  # more than times of containers are rounded by
INK, PALE = (32, 32, 32), (205, 205, 205)
CONTENT, MOTION = strips.MARKS["content"], strips.MARKS["motion"]


class Shown(Protocol):
    """Something with frames by time."""

    duration_s: float

    def at(self, times: Floats) -> list[Pixels]:
        """The frame on show at each of `times` (seconds), uint8 (H, W, 3)."""


class Video:
    """A video file whose frames are asked for by time. Raises `Failure` under the `name` that it was given by."""

    def __init__(self, ref: MediaRef, name: str) -> None:
        self._ref = ref
        try:
            self.info: MediaInfo = probe(ref, Limits())
        except MediaError as error:
            raise Failure(f"{name}: {one_line(error)}") from None
        self.duration_s = self.info.duration_s

    @classmethod
    def of_file(cls, path: str) -> Video:
        """A file that the user named."""
        return cls(MediaRef(Path(path).expanduser().resolve()), path)

    def at(self, times: Floats) -> list[Pixels]:
        """The frame on show at each of `times` (seconds), uint8 (H, W, 3); the last one after the end."""
        asked = np.clip(times, 0.0, max(self.duration_s - BEFORE_END_S, 0.0))
        stream = pictures(self._ref, Limits())
        found = shown(stream, np.unique(asked).tolist(), lambda: self.duration_s)
        frames = {time: shrink(picture.rgb()[None], 2 * WIDTH)[0] for time, picture in found}
        return [frames[time] for time in asked.tolist()]

    def flow(self, times: Floats) -> list[npt.NDArray[np.float32]]:
        """Flow from each of `times` to an eighth of a second later, (2, h, w) each, in shares of the width a second."""
        engine, frames = DisFlow(FLOW_EDGE, 1), self.at(np.concatenate([times, times + STEP_S]))
        pairs = (np.stack([frames[n], frames[n + len(times)]]) for n in range(len(times)))
        flows = [next(engine.flows(pair)) for pair in pairs]
        return [flow / (flow.shape[2] * STEP_S) for flow in flows]


def check_suffix(out: str | Path) -> Path:
    """Where a picture goes. Raises `Failure` for a format that isn't known: before anything is worked out for it."""
    path = Path(out).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        raise Failure(f"{out}: pictures are written as {', '.join(SUFFIXES)}")
    return path


def save(parts: Sequence[Part], path: Path) -> Path:
    """Write the parts one below the other. Raises `Failure` for a file that can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stack(parts).save(path)
    except OSError as error:
        raise Failure(f"{path}: can't be written ({error.strerror or error})") from None
    return path


def pair_rows(
    sides: tuple[Shown, Shown], spans: Sequence[tuple[float, float]], names: tuple[str, str], mark: tuple[int, int, int]
) -> list[Part]:
    """Strips of two videos around what matched, (start, end) of each, column by column in time; it is outlined."""
    lengths = sides[0].duration_s, sides[1].duration_s
    one, other, inside = strips.aligned_times(spans[0], spans[1], lengths, FRAMES)
    pixels = [strips.strip(s.at(t), WIDTH, inside.tolist(), mark) for s, t in zip(sides, (one, other), strict=True)]
    return [labelled(name, row) for name, row in zip(names, pixels, strict=True)]


def flow_rows(
    sides: tuple[Video, Video], spans: Sequence[tuple[float, float]], names: tuple[str, str]
) -> tuple[list[Part], float]:
    """Frames of two videos over their windows with their flow between them; and the flow of full colour, widths/s."""
    times = [np.linspace(start, max(end - STEP_S, start), FRAMES) for start, end in spans]
    fields = [side.flow(t) for side, t in zip(sides, times, strict=True)]
    full = strips.full_magnitude(*(field.reshape(1, -1) for side in fields for field in side))
    outlined = [True] * FRAMES  # still fields are white, as the picture is
    flows = [
        strips.strip([strips.flow_to_colour(field, full) for field in side], WIDTH, outlined, PALE, line=1)
        for side in fields
    ]
    frames = [strips.strip(side.at(t), WIDTH) for side, t in zip(sides, times, strict=True)]
    one, other = names
    rows = ((one, frames[0]), (f"{one} flow", flows[0]), (f"{other} flow", flows[1]), (other, frames[1]))
    return [labelled(name, row) for name, row in rows], full


def wheel(full: float) -> Part:
    """The legend of flow in colours."""
    return labelled(f"full colour: {full:.2f} widths a second", strips.colour_wheel(56), 260)


def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The letters of all pictures."""
    return ImageFont.load_default(TEXT)


def title(text: str, colour: tuple[int, int, int] = INK) -> Part:
    """A line of text, shortened to the width of the picture."""
    width, letters = ROOM + FRAMES * (WIDTH + strips.GAP), font()
    image = Image.new("RGB", (MARGIN + width + MARGIN, LABEL + 10), "white")
    most = next((n for n in range(len(text), 0, -1) if letters.getlength(text[:n]) <= width), 0)
    said = text if most == len(text) else f"{text[: most - 2]}…"
    ImageDraw.Draw(image).text((MARGIN, LABEL - 6), said, fill=colour, font=letters, anchor="lm")
    return image


def labelled(name: str, pixels: Pixels, room: int = ROOM) -> Part:
    """Pixels, RGB or RGBA, with a name before them."""
    picture = Image.fromarray(pixels)
    image = Image.new("RGB", (MARGIN + room + picture.width + MARGIN, picture.height + 4), "white")
    ImageDraw.Draw(image).text((MARGIN, picture.height / 2), name, fill=INK, font=font(), anchor="lm")
    image.paste(picture, (MARGIN + room, 2), picture if picture.mode == "RGBA" else None)
    return image


def stack(parts: Sequence[Part]) -> Image.Image:
    """The parts one below the other."""
    canvas = Image.new("RGB", (max(p.width for p in parts), sum(p.height for p in parts) + MARGIN), "white")
    top = MARGIN // 2
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    return canvas
