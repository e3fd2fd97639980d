"""One pass over a file that takes the frames for both uses: a few an interval to embed, more of them for flow.

Pictures come with the moments at which they are really shown, so that speed is right at any frame rate, and only
shrunk copies are kept, so that memory does not grow with the video's resolution or length. Where frames are chosen by
count or by shot there is a pass before it, for a video's length and cuts are known at its end.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.config.media import Limits
from vidmem.features.moments import Sampling, moments, watch_cuts
from vidmem.features.preprocess import Crop, Frames, crop, shrink
from vidmem.media import Apart, Aparts, Clip, Format, MediaInfo, MediaRef, read_clip, to_format
from vidmem.media.decode import Picture, pictures
from vidmem.media.probe import Survey
from vidmem.media.sample import shown

READS = "vidmem.features.sampling:told"
_FLOW, _FRAME = 0, 1


@dataclass(frozen=True)
class Plan:
    """What is taken of a video: frames a second, most frames and most of the short edge in pixels, of each use."""

    frame_rate_hz: float
    max_frames: int
    frame_edge: int
    flow_rate_hz: float
    max_flows: int
    flow_edge: int
    crop: Crop
    sampling: Sampling = "rate"


@dataclass(frozen=True)
class Sampled:
    """Frames to embed, at k / rate or at `moments`, and distinct pictures for flow with the times they are shown at."""

    frames: Frames
    times_s: npt.NDArray[np.float64]
    flow_frames: Frames
    flow_times_s: npt.NDArray[np.float64]


def sample(ref: MediaRef, plan: Plan, limits: Limits, fmt: Format | None = None) -> Sampled:
    """Take a file's frames by `plan`; with `fmt` of the clip as that model format would show it.

    Raises `vidmem.media.MediaError` for a file that can't be used, wherever in it the damage lies.
    """
    if fmt is not None:
        clip = read_clip(ref, rate_hz=fmt.fps, max_frames=fmt.frames, limits=limits)
        return sample_clip(to_format(clip, fmt), plan)
    chosen = None if plan.sampling == "rate" else _chosen(survey_of(ref, plan, limits), plan)
    survey = Survey()
    stream = survey.watch(pictures(ref, limits))
    taken = _take(shown(stream, _wanted(plan, chosen), survey.duration), plan, chosen)
    for _ in stream:  # to the end: only then is it known that the file is whole
        pass
    survey.info()
    return taken


def sample_apart(apart: Apart | Aparts, ref: MediaRef, plan: Plan, fmt: Format | None = None) -> Sampled:
    """`sample` by a process apart that reads with `READS`. Raises `MediaError` as `Apart.ask` does."""
    answer = apart.ask(ref, plan=asdict(plan), fmt=asdict(fmt) if fmt else None)
    return Sampled(**{name: answer[name] for name in Sampled.__dataclass_fields__})


def told(ref: MediaRef, limits: Limits, plan: dict[str, Any], fmt: dict[str, Any] | None) -> dict[str, Any]:
    """`sample` for a process apart (`vidmem.media.Apart`): the arrays of `Sampled`."""
    return vars(sample(ref, Plan(**plan), limits, Format(**fmt) if fmt else None))


def sample_clip(clip: Clip, plan: Plan) -> Sampled:
    """Take the frames of a clip in memory by `plan`."""

    def source() -> Iterator[Picture]:
        height, width = clip.frames.shape[1:3]
        for time, frame in zip(clip.times_s.tolist(), clip.frames, strict=True):
            yield Picture(time, 0.0, width, height, partial(_same, frame), False, None, None)

    chosen = None
    if plan.sampling != "rate":
        cuts: list[float] = []
        if plan.sampling == "shot":
            _exhaust(watch_cuts(zip(clip.times_s.tolist(), clip.frames, strict=True), clip.info.fps or 1.0, cuts))
        chosen = _chosen((clip.info, cuts), plan)
    return _take(shown(source(), _wanted(plan, chosen), lambda: clip.info.duration_s), plan, chosen)


def survey_of(ref: MediaRef, plan: Plan, limits: Limits) -> tuple[MediaInfo, list[float]]:
    """What a file holds, and where its shots begin in seconds, if frames are chosen by shot."""
    survey, cuts = Survey(), list[float]()
    stream = survey.watch(pictures(ref, limits))
    if plan.sampling == "shot":
        first = next(stream)
        _exhaust(
            watch_cuts(((p.time_s, p.rgb()) for p in itertools.chain([first], stream)), first.rate_hz or 25.0, cuts)
        )
    else:
        _exhaust(stream)
    return survey.info(), cuts


def _exhaust(stream: Iterator[object]) -> None:
    for _ in stream:
        pass


def _chosen(found: tuple[MediaInfo, list[float]], plan: Plan) -> list[float]:
    info, cuts = found
    return moments(plan.sampling, plan.max_frames, info.duration_s, info.frames, cuts)


def _same(frame: Frames) -> Frames:
    return frame


def _wanted(plan: Plan, chosen: Sequence[float] | None) -> Iterator[float]:
    flow = (k / plan.flow_rate_hz for k in range(plan.max_flows + 1))
    frames = (k / plan.frame_rate_hz for k in itertools.count()) if chosen is None else iter(chosen)
    return (time for time, _ in itertools.groupby(heapq.merge(flow, frames)))


def _take(pairs: Iterator[tuple[float, Picture]], plan: Plan, chosen: Sequence[float] | None) -> Sampled:
    at = None if chosen is None else frozenset(chosen)
    frames: list[tuple[float, Frames]] = []
    flows: list[tuple[float, Frames]] = []
    stride = 1
    last: _Shown | None = None
    for time, picture in pairs:
        flow_k, frame_k = time * plan.flow_rate_hz, time * plan.frame_rate_hz
        for_flow = _whole(flow_k) and round(flow_k) <= plan.max_flows
        for_frame = _whole(frame_k) and round(frame_k) % stride == 0 if at is None else time in at
        if not (for_flow or for_frame):
            continue
        if last is None or last.time_s != picture.time_s:
            last = _Shown(picture, plan.crop)
        if for_flow and (not flows or picture.time_s > flows[-1][0]):
            flows.append((picture.time_s, last.at(plan.flow_edge)))
        if for_frame:
            frames.append((time, last.at(plan.frame_edge)))
            if len(frames) > plan.max_frames:  # a long video: every second one, evenly over what has been seen
                frames, stride = frames[::2], stride * 2
    return Sampled(*_stacked(frames), *_stacked(flows))


class _Shown:
    """A picture that is wanted at some times: converted once, and shrunk once for each use."""

    def __init__(self, picture: Picture, part: Crop) -> None:
        self.time_s = picture.time_s
        self._whole = crop(picture.rgb()[None], part)
        self._small: dict[int, Frames] = {}

    def at(self, edge: int) -> Frames:
        """The picture, its short edge `edge` pixels at most."""
        if edge not in self._small:
            self._small[edge] = shrink(self._whole, edge)[0]
        return self._small[edge]


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6


def _stacked(parts: list[tuple[float, Frames]]) -> tuple[Frames, npt.NDArray[np.float64]]:
    return np.stack([frame for _, frame in parts]), np.array([time for time, _ in parts], np.float64)
