"""Graded ways in which a copy differs from its original: the families and levels that the benchmarks report.

Each takes a clip in memory and gives another, with times and header that fit. Sizes are shares of the frame, so that
a level means the same at any resolution. The same clip, grade and seed give the same copy.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vidmem.config.media import Limits
from vidmem.corpus.made.render import render_clip
from vidmem.media import Clip, Format, MediaInfo, MediaRef, read_clip, sample_times, shown_at, to_format, write_video

Frames = npt.NDArray[np.uint8]
Times = npt.NDArray[np.float64]
Apply = Callable[[Clip, np.random.Generator], Clip]

LISTED_ALONE = ("mirror", "speed", "reversed")  # families that are never pooled with the others
FILLER = ("skyline", "shuttle", "still")  # content, motion, camera of the clip that `cut` splices in: held out
_FRACTION_BITS = 4  # of a drawn coordinate, so that marks lie to a sixteenth of a pixel


@dataclass(frozen=True)
class Grade:
    """One level of one family. `apply` maps a clip to its degraded copy; what is random in it is drawn from `rng`."""

    family: str
    level: str
    apply: Apply

    @property
    def name(self) -> str:
        return f"{self.family} {self.level}"


def degrade(clip: Clip, grade: Grade, seed: int) -> Clip:
    """The degraded copy of a clip. Raises `ValueError` for a clip too short to be shifted so far."""
    return grade.apply(clip, np.random.default_rng([zlib.crc32(grade.name.encode()), seed]))


def clip_of(frames: Frames, times_s: Times, duration_s: float) -> Clip:
    """A clip of uint8 RGB frames (N, H, W, 3) that are shown from `times_s` (N,), the last one to `duration_s`."""
    n, height, width = frames.shape[:3]
    info = MediaInfo("video", n / duration_s, n, width, height, duration_s)
    return Clip(np.ascontiguousarray(frames), np.asarray(times_s, np.float64), info)


def of_rate(frames: Frames, fps: float) -> Clip:
    """A clip of frames at a constant rate."""
    return clip_of(frames, np.arange(len(frames)) / fps, len(frames) / fps)


def _each(clip: Clip, change: Callable[[Frames], npt.NDArray[np.generic]]) -> Clip:
    """Every frame changed by itself; values are rounded and held in 0..255."""
    frames = np.stack([np.clip(np.rint(change(f)), 0, 255).astype(np.uint8) for f in clip.frames])
    return clip_of(frames, clip.times_s, clip.info.duration_s)


def _resized(clip: Clip, width: float, height: float) -> Clip:
    size = max(round(width), 2), max(round(height), 2)
    how = cv2.INTER_AREA if size[0] * size[1] < clip.info.width * clip.info.height else cv2.INTER_LINEAR
    return _each(clip, lambda f: cv2.resize(f, size, interpolation=how))


def scale(clip: Clip, rng: np.random.Generator, *, by: float) -> Clip:
    """Both sides times `by`."""
    return _resized(clip, clip.info.width * by, clip.info.height * by)


def crop(clip: Clip, rng: np.random.Generator, *, side: float) -> Clip:
    """A part of `side` of both sides, at a random place that stays the same over the clip."""
    height, width = clip.frames.shape[1:3]
    new_h, new_w = round(height * side), round(width * side)
    y, x = (int(rng.integers(0, n + 1)) for n in (height - new_h, width - new_w))
    return clip_of(clip.frames[:, y : y + new_h, x : x + new_w], clip.times_s, clip.info.duration_s)


def aspect(clip: Clip, rng: np.random.Generator, *, width: float) -> Clip:
    """The width alone times `width`: 4:3 shown as 1:1, or as 16:9."""
    return _resized(clip, clip.info.width * width, clip.info.height)


def compress(clip: Clip, rng: np.random.Generator, *, crf: int) -> Clip:
    """Encoded as H.264 at this constant rate factor, and decoded. Odd sides are padded for it and cut back."""
    height, width = clip.frames.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_video(path, clip.frames, clip.info.fps or 1.0, crf)
        seen = read_clip(MediaRef(path), rate_hz=None, max_frames=len(clip.frames), limits=Limits())
    return clip_of(seen.frames[:, :height, :width], clip.times_s, clip.info.duration_s)


def blur(clip: Clip, rng: np.random.Generator, *, share: float) -> Clip:
    """A Gaussian whose standard deviation is `share` of the width."""
    return _each(clip, lambda f: cv2.GaussianBlur(f, (0, 0), clip.info.width * share))


def noise(clip: Clip, rng: np.random.Generator, *, sd: float) -> Clip:
    """Independent Gaussian noise of standard deviation `sd` (of 255) on every value."""
    return _each(clip, lambda f: f + rng.normal(0, sd, f.shape))


def balance(clip: Clip, rng: np.random.Generator) -> Clip:
    """Another white balance: each channel times 0.75 to 1.25."""
    gain = rng.uniform(0.75, 1.25, 3)
    return _each(clip, lambda f: f * gain)


def contrast(clip: Clip, rng: np.random.Generator, *, gain: float, lift: float) -> Clip:
    """Grey levels times `gain` about 128, plus `lift`."""
    return _each(clip, lambda f: (f.astype(np.float64) - 128) * gain + 128 + lift)


def saturation(clip: Clip, rng: np.random.Generator, *, kept: float) -> Clip:
    """Colour mixed with its luma (BT.601): `kept` 0 is grey."""
    luma = np.array([0.299, 0.587, 0.114])
    return _each(clip, lambda f: f * kept + (f @ luma)[..., None] * (1 - kept))


def mirror(clip: Clip, rng: np.random.Generator) -> Clip:
    """Left and right exchanged."""
    return clip_of(clip.frames[:, :, ::-1], clip.times_s, clip.info.duration_s)


def text(clip: Clip, rng: np.random.Generator) -> Clip:
    """Two lines of outlined text over the lower part."""
    height, width = clip.frames.shape[1:3]
    size = width / 320

    def write(frame: Frames) -> Frames:
        out = frame.copy()
        for line, y in (("WATCH UNTIL THE END", 0.78), ("link in description", 0.92)):
            at = round(width * 0.05), round(height * y)
            for tint, weight in (((0, 0, 0), 4), ((255, 255, 255), 1)):
                pen = max(round(size * weight), 1)
                cv2.putText(out, line, at, cv2.FONT_HERSHEY_DUPLEX, size * 0.8, tint, pen, cv2.LINE_AA)
        return out

    return _each(clip, write)


def logo(clip: Clip, rng: np.random.Generator) -> Clip:
    """An opaque round mark, a quarter of the short side wide, in a random corner."""
    height, width = clip.frames.shape[1:3]
    radius = min(height, width) / 8
    right, below = (bool(b) for b in rng.integers(0, 2, 2))
    x = width - 1.4 * radius if right else 1.4 * radius
    y = height - 1.4 * radius if below else 1.4 * radius
    unit = 1 << _FRACTION_BITS

    def stamp(frame: Frames) -> Frames:
        out = frame.copy()
        for share, tint in ((1.0, (250, 250, 250)), (0.85, (200, 20, 60)), (0.4, (250, 220, 40))):
            at = round(x * unit), round(y * unit)
            cv2.circle(out, at, round(radius * share * unit), tint, -1, cv2.LINE_AA, _FRACTION_BITS)
        return out

    return _each(clip, stamp)


def letterbox(clip: Clip, rng: np.random.Generator, *, bar: float) -> Clip:
    """Black bars of `bar` of the height, above and below the frame."""
    rows = round(clip.info.height * bar)
    padded = np.pad(clip.frames, ((0, 0), (rows, rows), (0, 0), (0, 0)))
    return clip_of(padded, clip.times_s, clip.info.duration_s)


def frame_rate(clip: Clip, rng: np.random.Generator, *, fps: float) -> Clip:
    """Another frame rate at the same speed: what is shown at k / fps. A higher rate repeats frames."""
    times = sample_times(fps, clip.info.duration_s)
    return clip_of(clip.frames[shown_at(clip.times_s, times)], times, clip.info.duration_s)


def speed(clip: Clip, rng: np.random.Generator, *, by: float) -> Clip:
    """The same frames shown `by` times as fast."""
    return clip_of(clip.frames, clip.times_s / by, clip.info.duration_s / by)


def backwards(clip: Clip, rng: np.random.Generator) -> Clip:
    """Played backwards, each frame shown as long as before."""
    ends = np.append(clip.times_s[1:], clip.info.duration_s)
    return clip_of(clip.frames[::-1], clip.info.duration_s - ends[::-1], clip.info.duration_s)


def part(clip: Clip, start_s: float, end_s: float) -> Clip:
    """What is shown from `start_s` to `end_s`, times from its start. Raises `ValueError` where that is nothing."""
    end_s = min(end_s, clip.info.duration_s)
    if start_s >= end_s:
        raise ValueError(f"a clip of {clip.info.duration_s:g} s shows nothing from {start_s:g} to {end_s:g} s")
    first = int(shown_at(clip.times_s, np.array([start_s]))[0])
    last = int(np.searchsorted(clip.times_s, end_s - 1e-9))
    times = np.maximum(clip.times_s[first:last] - start_s, 0.0)
    return clip_of(clip.frames[first:last], times, end_s - start_s)


def shift(clip: Clip, rng: np.random.Generator, *, by_s: float) -> Clip:
    """The first `by_s` seconds are missing."""
    return part(clip, by_s, clip.info.duration_s)


def trim(clip: Clip, rng: np.random.Generator, *, start: float, end: float) -> Clip:
    """The part from `start` to `end`, in shares of the duration."""
    return part(clip, start * clip.info.duration_s, end * clip.info.duration_s)


def loop(clip: Clip, rng: np.random.Generator, *, times: int) -> Clip:
    """The middle 1 / `times` of the clip, shown `times` times over."""
    length = clip.info.duration_s / times
    start = (clip.info.duration_s - length) / 2
    return joined([part(clip, start, start + length)] * times)


def cut(clip: Clip, rng: np.random.Generator, *, start: float, end: float) -> Clip:
    """The part from `start` to `end` (shares of the duration) inside another clip, at the times it had."""
    total = clip.info.duration_s
    other = _filler(clip.info.width, clip.info.height, clip.info.fps or 1.0, total, int(rng.integers(0, 8)))
    bounds = [(other, 0.0, start), (clip, start, end), (other, end, 1.0)]
    return joined([part(source, a * total, b * total) for source, a, b in bounds if b > a])


@lru_cache(maxsize=32)
def _filler(width: int, height: int, fps: float, seconds: float, seed: int) -> Clip:
    frames = render_clip(*FILLER, width=width, height=height, fps=fps, seconds=seconds, seed=seed)
    return clip_of(frames, np.arange(len(frames)) / fps, seconds)


def joined(clips: list[Clip]) -> Clip:
    """The clips one after the other."""
    starts = np.cumsum([0.0, *(c.info.duration_s for c in clips)])
    times = np.concatenate([c.times_s + start for c, start in zip(clips, starts, strict=False)])
    return clip_of(np.concatenate([c.frames for c in clips]), times, float(starts[-1]))


def web(clip: Clip, rng: np.random.Generator, *, side: float, by: float, crf: int) -> Clip:
    """Cropped, scaled down and compressed: what a re-upload looks like."""
    return compress(scale(crop(clip, rng, side=side), rng, by=by), rng, crf=crf)


def small(clip: Clip, rng: np.random.Generator, *, side: int, frames: int, fps: float) -> Clip:
    """In the square output format of a small model: the centre, few pixels, few frames."""
    return to_format(clip, Format(side, side, frames, fps))


def _grades() -> Iterator[Grade]:
    for level, by in (("1/2", 1 / 2), ("1/4", 1 / 4), ("1/6", 1 / 6)):
        yield Grade("scale", level, partial(scale, by=by))
    for side in (0.9, 0.8, 0.65):
        yield Grade("crop", f"{side:.0%}", partial(crop, side=side))
    for width in (0.75, 1.33):
        yield Grade("aspect", f"x{width}", partial(aspect, width=width))
    for crf in (18, 28, 36, 45):
        yield Grade("crf", str(crf), partial(compress, crf=crf))
    for share in (0.005, 0.01, 0.02):
        yield Grade("blur", f"{share:.1%}", partial(blur, share=share))
    for sd in (5, 12, 25):
        yield Grade("noise", str(sd), partial(noise, sd=sd))
    yield from _colours()
    yield Grade("mirror", "horizontal", mirror)
    yield Grade("overlay", "text", text)
    yield Grade("overlay", "logo", logo)
    for bar in (0.08, 0.16):
        yield Grade("letterbox", f"{bar:.0%}", partial(letterbox, bar=bar))
    yield from _in_time()
    yield Grade("web", "re-upload", partial(web, side=0.8, by=0.5, crf=36))
    for side, frames, fps in ((32, 8, 8.0), (48, 8, 8.0), (64, 12, 8.0)):
        yield Grade("small", f"{side}px-{frames}f", partial(small, side=side, frames=frames, fps=fps))


def _colours() -> Iterator[Grade]:
    yield Grade("colour", "balance", balance)
    yield Grade("colour", "contrast", partial(contrast, gain=0.6, lift=0))
    yield Grade("colour", "brightness", partial(contrast, gain=1.0, lift=40))
    yield Grade("colour", "saturation", partial(saturation, kept=0.4))
    yield Grade("colour", "grey", partial(saturation, kept=0.0))


def _in_time() -> Iterator[Grade]:
    for fps in (8, 12, 30):
        yield Grade("frame_rate", f"{fps} fps", partial(frame_rate, fps=float(fps)))
    for by in (0.5, 0.71, 1.41, 2.0):
        yield Grade("speed", f"x{by:g}", partial(speed, by=by))
    yield Grade("reversed", "backwards", backwards)
    for by_s in (0.1, 0.25, 0.5):
        yield Grade("shift", f"{by_s:g} s", partial(shift, by_s=by_s))
    yield Grade("trim", "first third off", partial(trim, start=1 / 3, end=1.0))
    yield Grade("trim", "last third off", partial(trim, start=0.0, end=2 / 3))
    yield Grade("loop", "half, twice", partial(loop, times=2))
    yield Grade("cut", "second half replaced", partial(cut, start=0.0, end=0.5))
    yield Grade("cut", "middle half spliced in", partial(cut, start=0.25, end=0.75))


GRADES: list[Grade] = list(_grades())
NONE = Grade("none", "undegraded", lambda clip, rng: replace(clip))
