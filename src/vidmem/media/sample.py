"""Frames of a file at a common rate, by the times at which they are shown."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

from vidmem.config.media import Limits
from vidmem.media.decode import Picture, Pixels, pictures
from vidmem.media.probe import Survey
from vidmem.media.ref import Clip, MediaError, MediaInfo, MediaRef

ROUNDING_S = 6e-4  # containers that keep times in milliseconds show a frame up to this much late
MAX_CLIP_BYTES = 2 * 1024**3


def read_clip(
    ref: MediaRef,
    *,
    rate_hz: float | None,
    max_frames: int,
    limits: Limits,
    short_edge: int | None = None,
    spread: bool = False,
    info: MediaInfo | None = None,
) -> Clip:
    """Decode the frames that are shown at 0, 1/rate_hz, 2/rate_hz, ... seconds; `rate_hz` None gives every frame.

    An image is one frame at 0. `short_edge` resizes (either way, aspect kept) to that many pixels. Where more than
    `max_frames` would come, the first ones are taken, or with `spread` that many evenly over the duration.
    `info`, from an earlier `probe`, saves decoding what lies behind the last frame wanted.
    Raises `MediaError` as `probe` does, and for clips of more than 2 GiB in memory.
    """
    if info is None:
        survey = Survey()
        stream = survey.watch(pictures(ref, limits))
        wanted = None if rate_hz is None else (k / rate_hz for k in itertools.count())
        clip_parts = _convert(shown(stream, wanted, survey.duration), max_frames, short_edge)
        for _ in stream:  # to the end: only then is it known what the file holds, and that it is whole
            pass
        info = survey.info()
        if not (spread and frame_count(rate_hz, info) > max_frames):
            return Clip(*clip_parts, info)
    times = _times(rate_hz, max_frames, spread, info)
    duration = info.duration_s
    return Clip(*_convert(shown(pictures(ref, limits), times, lambda: duration), max_frames, short_edge), info)


def sample_times(rate_hz: float, duration_s: float) -> npt.NDArray[np.float64]:
    """Times k / rate_hz, k = 0, 1, ..., that lie before the end; at least the first."""
    count = max(int(np.ceil((duration_s - ROUNDING_S) * rate_hz)), 1)
    return np.arange(count) / rate_hz


def frame_count(rate_hz: float | None, info: MediaInfo) -> int:
    """How many frames `read_clip` takes of a file if nothing bounds their number."""
    return info.frames if rate_hz is None else len(sample_times(rate_hz, info.duration_s))


def shown_at(times_s: npt.NDArray[np.float64], at_s: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Index of the frame that is shown at each of `at_s`, for frames that start at `times_s` (ascending)."""
    return np.maximum(np.searchsorted(times_s, at_s + ROUNDING_S, side="right") - 1, 0).astype(np.int64)


def shown(
    source: Iterator[Picture], wanted: Iterable[float] | None, duration: Callable[[], float]
) -> Iterator[tuple[float, Picture]]:
    """Pair each wanted time (ascending) with the picture shown then, until the duration, asked for at the end.

    `wanted` None pairs every picture with its own time. Reads no more of `source` than one picture ahead.
    """
    if wanted is None:
        yield from ((picture.time_s, picture) for picture in source)
        return
    held, following = next(source), next(source, None)
    for time in wanted:
        while following is not None and following.time_s <= time + ROUNDING_S:
            held, following = following, next(source, None)
        if following is None and time > 0 and time >= duration() - ROUNDING_S:
            return
        yield time, held


def resize(rgb: Pixels, width: int, height: int) -> Pixels:
    """Resize one frame (H, W, 3): area-averaged when it shrinks, bilinear when it grows."""
    if rgb.shape[:2] == (height, width):
        return rgb
    shrinks = width * height < rgb.shape[0] * rgb.shape[1]
    out = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return out.astype(np.uint8, copy=False)


def _times(rate_hz: float | None, max_frames: int, spread: bool, info: MediaInfo) -> Iterable[float] | None:
    count = frame_count(rate_hz, info)
    if spread and count > max_frames:
        times: list[float] = np.linspace(0, info.duration_s, max_frames, endpoint=False).tolist()
        return times
    return None if rate_hz is None else (k / rate_hz for k in range(count))


def _convert(
    pairs: Iterator[tuple[float, Picture]], max_frames: int, short_edge: int | None
) -> tuple[Pixels, npt.NDArray[np.float64]]:
    """Frames and times of the first `max_frames` pairs."""
    times: list[float] = []
    frames: list[Pixels] = []
    for time, picture in itertools.islice(pairs, max_frames):
        width, height = _fit(picture, short_edge)
        if (len(frames) + 1) * width * height * 3 > MAX_CLIP_BYTES:
            raise MediaError(f"its frames take more than {MAX_CLIP_BYTES // 1024**3} GiB of memory")
        frames.append(resize(picture.rgb(), width, height))
        times.append(time)
    return np.stack(frames), np.array(times)


def _fit(picture: Picture, short_edge: int | None) -> tuple[int, int]:
    if short_edge is None:
        return picture.width, picture.height
    scale = short_edge / min(picture.width, picture.height)
    return max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
