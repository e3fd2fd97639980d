"""The stage's tables, written as videos are finished, so that a job holds few of them however many it has."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vidmem import tables
from vidmem.features.batches import Video
from vidmem.features.engines import FrameEngine
from vidmem.features.flow import FlowEngine
from vidmem.similarity.camera import magnitudes


class Finished:
    """Takes videos in their order, and writes each as soon as it and those before it are done.

    `rows` are those of `tables.FEATURE_ITEMS`.
    """

    def __init__(self, frames: Callable[[Any], None], flow: Callable[[Any], None], rate_hz: float) -> None:
        self.rows: list[dict[str, Any]] = []
        self._frames, self._flow, self._rate_hz = frames, flow, rate_hz
        self._waiting: deque[Video] = deque()

    def add(self, video: Video) -> None:
        """Take one video, whose vectors may be under way."""
        self._waiting.append(video)
        while self._waiting and self._waiting[0].done:
            self._write(self._waiting.popleft())

    def finish(self) -> None:
        """Write what is left, once all vectors are there."""
        while self._waiting:
            self._write(self._waiting.popleft())

    def _write(self, video: Video) -> None:
        if video.vectors:
            self._frames(frame_columns(video))
        if video.fields is not None and len(video.fields):
            self._flow(flow_columns(video, self._rate_hz))
        self.rows.append(
            {
                "video_id": video.video_id,
                "frames_used": len(video.vectors),
                "frames_gated": video.gated,
                "flows": 0 if video.fields is None else len(video.fields),
                "status": video.status,
                "reason": video.reason,
            }
        )


@contextmanager
def feature_tables(
    frames: Path,
    flow: Path,
    embedder: FrameEngine,
    mover: FlowEngine,
    settings: Mapping[str, Any],
    made: Mapping[str, Any],
) -> Iterator[Finished]:
    """Both tables of vectors, whole at the end or not there. `settings` are those of `flow`."""
    by = {**made, "engine": embedder.name, "weights_sha256": embedder.weights_sha256, "dim": embedder.dim}
    grid = int(settings["grid"])
    of = {**made, "engine": mover.name, "weights_sha256": mover.weights_sha256, "grid": grid}
    with (
        tables.table_writer(frames, tables.frames_schema(embedder.dim), by) as write_frames,
        tables.table_writer(flow, tables.flow_schema(grid), of) as write_flow,
    ):
        yield Finished(write_frames, write_flow, float(settings["rate_hz"]))


def frame_columns(video: Video) -> dict[str, Any]:
    """Rows of `tables.frames_schema` of one video."""
    return {
        "video_id": [video.video_id] * len(video.vectors),
        "frame": video.samples,
        "time_s": video.times_s,
        "thumbnail": video.thumbnails,
        "picture": video.pictures,
        "vector": np.stack(video.vectors),
    }


def flow_columns(video: Video, rate_hz: float) -> dict[str, Any]:
    """Rows of `tables.flow_schema` of one video."""
    fields = video.fields
    assert fields is not None
    return {
        "video_id": [video.video_id] * len(fields),
        "index": list(range(len(fields))),
        "time_s": [n / rate_hz for n in range(len(fields))],
        "magnitude": magnitudes(fields),
        "vector": fields,
    }
