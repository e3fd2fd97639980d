"""Frames of several videos, embedded together: batches are filled across videos, in the order of the videos."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vidmem import tables
from vidmem.features.engines import FrameEngine, Vectors
from vidmem.features.preprocess import Frames
from vidmem.features.workers import Workers


@dataclass
class Video:
    """What is known of one video so far; `vectors` is filled when its batch is embedded."""

    video_id: str
    status: str = tables.OK
    reason: str | None = None
    gated: int = 0
    samples: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    thumbnails: list[bytes] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
    vectors: list[npt.NDArray[np.float32]] = field(default_factory=list)
    fields: npt.NDArray[np.float32] | None = None

    @property
    def done(self) -> bool:
        """Whether nothing of it is under way: it failed, or has a vector for each frame that is used."""
        return self.status != tables.OK or len(self.vectors) == len(self.samples)

    def fail(self, status: str, reason: str) -> None:
        """Nothing of this video is written but its row."""
        self.status, self.reason, self.fields = status, reason, None
        self.samples, self.times_s, self.thumbnails, self.pictures, self.vectors = [], [], [], [], []


class Batches:
    """Frames that wait to be embedded, by shape, and batches that are under way.

    Which frames share a batch depends on the videos alone, never on how fast a thread was.
    """

    def __init__(self, engine: FrameEngine, size: int, workers: Workers) -> None:
        self._engine, self._size, self._workers = engine, size, workers
        self._waiting: dict[tuple[int, ...], list[tuple[Video, Frames]]] = {}
        self._begun: deque[tuple[list[Video], Future[Vectors]]] = deque()

    def add(self, video: Video, frames: Frames) -> None:
        """Queue a video's frames; a full batch is begun at once."""
        queue = self._waiting.setdefault(frames.shape[1:], [])
        queue += [(video, frame) for frame in frames]
        while len(queue) >= self._size:
            self._begin(queue[: self._size])
            del queue[: self._size]

    def flush(self) -> None:
        """Embed what is left, and wait for all."""
        for queue in self._waiting.values():
            if queue:
                self._begin(queue)
        self._waiting = {}
        while self._begun:
            self._take()

    def _begin(self, part: list[tuple[Video, Frames]]) -> None:
        frames = np.stack([frame for _, frame in part])
        self._begun.append(([video for video, _ in part], self._workers.network(self._engine.embed, frames)))
        if len(self._begun) > self._workers.most_waiting:
            self._take()

    def _take(self) -> None:
        videos, vectors = self._begun.popleft()
        for video, vector in zip(videos, vectors.result(), strict=True):
            if video.status == tables.OK and not np.isfinite(vector).all():
                video.fail(tables.FAILED, "the embedding of a frame is not finite")
            elif video.status == tables.OK:
                video.vectors.append(vector)
