"""Which moments of a video are embedded, where that is not so many a second: evenly by count, or some of every shot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from vidmem.features.preprocess import Frames, shrink

Sampling = Literal["rate", "count", "shot"]
SHOT_FRAMES = 3  # of a shot: at a sixth, a half and five sixths of it, away from cuts and fades
MIN_SHOT_S = 0.5
DETECT_EDGE = 96  # short edge in pixels at which cuts are looked for
Picture = tuple[float, Frames]  # seconds from the first, uint8 RGB (H, W, 3)


def moments(sampling: Sampling, most: int, duration_s: float, frames: int, cuts_s: Iterable[float]) -> list[float]:
    """Times in seconds, ascending, of at most `most` frames of a video; our definition.

    `count`: so many, evenly over its length, and no more than it has frames. `shot`: `SHOT_FRAMES` of every shot
    between `cuts_s`; of more than `most` the ones that are spread evenly over the list.
    """
    if sampling == "count":
        count = max(min(most, frames), 1)
        return [float(t) for t in np.arange(count) * duration_s / count]
    bounds = np.array([0.0, *sorted(t for t in cuts_s if 0 < t < duration_s), duration_s])
    parts = (np.arange(SHOT_FRAMES) + 0.5) / SHOT_FRAMES
    times = (bounds[:-1, None] + np.diff(bounds)[:, None] * parts).ravel()
    times = times if frames > 1 else times[:1] * 0
    kept = np.linspace(0, len(times) - 1, min(most, len(times))).round().astype(int)
    return [float(t) for t in np.unique(times[kept])]


def watch_cuts(pictures: Iterable[Picture], rate_hz: float, cuts_s: list[float]) -> Iterator[Picture]:
    """Yield the pictures on, and add to `cuts_s` the times at which a shot begins, as PySceneDetect's adaptive detector
    finds them: a frame that differs from the one before by much more than its neighbours do.
    """
    from scenedetect import AdaptiveDetector, FrameTimecode  # a third of a reader's start, and seldom needed

    detector = AdaptiveDetector(min_scene_len=max(round(MIN_SHOT_S * rate_hz), 1))
    times: list[float] = []
    for number, (time_s, rgb) in enumerate(pictures):
        times.append(time_s)
        small: npt.NDArray[np.uint8] = np.ascontiguousarray(shrink(rgb[None], DETECT_EDGE)[0][:, :, ::-1])
        cuts_s += [times[cut.frame_num] for cut in detector.process_frame(FrameTimecode(number, rate_hz), small)]
        yield time_s, rgb
