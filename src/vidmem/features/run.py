"""The features stage: every video and image to copy-detection vectors and motion fields, in three tables.

Videos are read one at a time; their frames wait in a batch that is filled across videos, so memory is bounded by the
batch and by the vectors of one shard. A file that can't be used is a row with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.features.engines import FrameEngine, frame_engine
from vidmem.features.flow import FlowEngine, flow_engine, velocity_fields
from vidmem.features.gate import usable
from vidmem.features.preprocess import Frames, grey, resize, to_short_edge
from vidmem.features.sampling import READS, Plan, Sampled, sample_apart
from vidmem.media import Apart, Format, MediaError, MediaRef
from vidmem.progress import progress
from vidmem.similarity.camera import magnitudes
from vidmem.similarity.motion import resample
from vidmem.userfiles import Roots, media_path

THUMBNAIL_SIDE = 16  # of the view that is embedded; for nearest-neighbour distances of pixels
NO_FRAMES = "no usable frame: all are blank, flat or fading"


@dataclass
class _Video:
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

    def fail(self, status: str, reason: str) -> None:
        """Nothing of this video is written but its row."""
        self.status, self.reason, self.fields = status, reason, None
        self.samples, self.times_s, self.thumbnails, self.pictures, self.vectors = [], [], [], [], []


class _Batch:
    """Frames of several videos that wait to be embedded, by shape."""

    def __init__(self, engine: FrameEngine, size: int) -> None:
        self._engine, self._size = engine, size
        self._waiting: dict[tuple[int, ...], list[tuple[_Video, Frames]]] = {}

    def add(self, video: _Video, frames: Frames) -> None:
        """Queue a video's frames; a full batch is embedded at once."""
        queue = self._waiting.setdefault(frames.shape[1:], [])
        queue += [(video, frame) for frame in frames]
        while len(queue) >= self._size:
            self._embed(queue[: self._size])
            del queue[: self._size]

    def flush(self) -> None:
        """Embed what is left."""
        for queue in self._waiting.values():
            if queue:
                self._embed(queue)
        self._waiting = {}

    def _embed(self, part: list[tuple[_Video, Frames]]) -> None:
        vectors = self._engine.embed(np.stack([frame for _, frame in part]))
        for (video, _), vector in zip(part, vectors, strict=True):
            if video.status == tables.OK and not np.isfinite(vector).all():
                video.fail(tables.FAILED, "the embedding of a frame is not finite")
            elif video.status == tables.OK:
                video.vectors.append(vector)


def extract_features(
    items: pl.DataFrame,
    root: Roots,
    settings: Mapping[str, Any],
    *,
    limits: Limits,
    threads: int,
    out_frames: Path,
    out_flow: Path,
    out_items: Path,
    made_by: Mapping[str, Any] | None = None,
    fmt: Format | None = None,
) -> None:
    """Write `tables.frames_schema`, `tables.flow_schema` and `tables.FEATURE_ITEMS` of `items`, in their order.

    `items` has the columns video_id, path (relative to `root`, or to the folder in `root` of the corpus that a column
    `corpus` names), offset, size and perhaps sha256 (see `tables.MANIFEST`); rows whose
    `status`, if there is such a column, is not ok are left to the stage that made them. `settings` is the dump of
    `config.features.Features`. With `fmt` each clip first passes through that output format of a model, so that a
    null distribution is measured on what the model could have put out.

    Raises `tables.TooManyLost` (after writing nothing) when more than `settings["max_loss"]` of the rows are not ok,
    `weights.WeightsError` when an engine's weights are missing or not the pinned ones.
    """
    cv2.setNumThreads(threads)
    frames, flow = settings["frames"], settings["flow"]
    if "status" in items.columns:
        items = items.filter(pl.col("status") == tables.OK)
    rows = items.select("video_id", _text_of(items, "corpus"), "path", "offset", "size", _text_of(items, "sha256"))
    with Apart(READS, limits) as apart:  # it starts while the engines are loaded
        embedder, mover = frame_engine(frames, threads), flow_engine(flow, threads)
        batch = _Batch(embedder, int(frames["batch_size"]))
        videos = [
            _extract(_Video(video_id), root, where, settings, apart, mover, batch, fmt)
            for video_id, *where in progress(rows.iter_rows(), len(rows), "features")
        ]
    batch.flush()
    tables.check_loss("features", [v.status for v in videos], [v.reason for v in videos], settings["max_loss"])
    made = {**(made_by or {}), "settings": dict(settings), "format": vars(fmt) if fmt else None}
    made |= {"opencv": cv2.__version__}
    _write_frames(out_frames, videos, embedder, made)
    _write_flow(out_flow, videos, mover, flow, made)
    _write_items(out_items, videos, made)


def _text_of(items: pl.DataFrame, name: str) -> pl.Expr:
    """A column of texts, null where there is none: generated videos are from no corpus."""
    return pl.col(name) if name in items.columns else pl.lit(None, pl.String).alias(name)


def plan_of(settings: Mapping[str, Any]) -> Plan:
    """What `settings` takes of each video."""
    frames, flow = settings["frames"], settings["flow"]
    return Plan(
        frame_rate_hz=frames["rate_hz"],
        max_frames=frames["max_frames"],
        flow_rate_hz=flow["rate_hz"],
        max_flows=flow["max_flows"],
        keep_edge=max(frames["short_edge"], flow["size"]),
        crop=settings["crop"],
        sampling=settings.get("sampling", "rate"),
    )


def _extract(
    video: _Video,
    root: Roots,
    where: Sequence[Any],
    settings: Mapping[str, Any],
    apart: Apart,
    mover: FlowEngine,
    batch: _Batch,
    fmt: Format | None,
) -> _Video:
    corpus, path, *rest = where
    try:
        ref = MediaRef(media_path(root, corpus, path), *rest)
        sampled = sample_apart(apart, ref, plan_of(settings), fmt)
    except (MediaError, ValueError) as error:
        video.fail(tables.SKIPPED, str(error))
        return video
    good = usable(sampled.frames, settings["frames"]["min_std"])
    video.gated = int((~good).sum())
    if not good.any():
        video.fail(tables.SKIPPED, NO_FRAMES)
        return video
    video.samples = np.flatnonzero(good).tolist()
    video.times_s = sampled.times_s[good].tolist()
    video.fields = motion_fields(sampled, mover, settings["flow"])
    if not np.isfinite(video.fields).all():
        video.fail(tables.FAILED, "the optical flow is not finite")
        return video
    seen = to_short_edge(sampled.frames[good], settings["frames"]["short_edge"])
    video.thumbnails = [image.tobytes() for image in resize(seen, THUMBNAIL_SIDE, THUMBNAIL_SIDE)]
    video.pictures = [image.tobytes() for image in grey(resize(seen, tables.PICTURE_SIDE, tables.PICTURE_SIDE))]
    batch.add(video, seen)
    return video


def motion_fields(sampled: Sampled, engine: FlowEngine, settings: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Velocity fields at the common rate, float32 (T, 2, grid, grid) in shares of the width per second."""
    fields = velocity_fields(engine, sampled.flow_frames, sampled.flow_times_s, settings["grid"])
    return resample(fields, sampled.flow_times_s, settings["rate_hz"], settings["max_flows"])


def _write_frames(path: Path, videos: list[_Video], engine: FrameEngine, made: dict[str, Any]) -> None:
    vectors = [vector for v in videos for vector in v.vectors]
    columns = {
        "video_id": [v.video_id for v in videos for _ in v.vectors],
        "frame": [sample for v in videos for sample in v.samples],
        "time_s": [time for v in videos for time in v.times_s],
        "thumbnail": [image for v in videos for image in v.thumbnails],
        "picture": [image for v in videos for image in v.pictures],
        "vector": np.concatenate(vectors) if vectors else np.zeros(0, np.float32),
    }
    made = {**made, "engine": engine.name, "weights_sha256": engine.weights_sha256, "dim": engine.dim}
    tables.write_table(path, columns, tables.frames_schema(engine.dim), made)


def _write_flow(path: Path, videos: list[_Video], engine: FlowEngine, flow: Mapping[str, Any], made: Any) -> None:
    moving = [(v.video_id, v.fields) for v in videos if v.fields is not None and len(v.fields)]
    grid = int(flow["grid"])
    columns = {
        "video_id": [video_id for video_id, fields in moving for _ in fields],
        "index": [n for _, fields in moving for n in range(len(fields))],
        "time_s": [n / flow["rate_hz"] for _, fields in moving for n in range(len(fields))],
        "magnitude": np.concatenate([magnitudes(fields) for _, fields in moving]) if moving else [],
        "vector": np.concatenate([f for _, f in moving]) if moving else np.zeros(0, np.float32),
    }
    made = {**made, "engine": engine.name, "weights_sha256": engine.weights_sha256, "grid": grid}
    tables.write_table(path, columns, tables.flow_schema(grid), made)


def _write_items(path: Path, videos: list[_Video], made: dict[str, Any]) -> None:
    rows = [
        {
            "video_id": v.video_id,
            "frames_used": len(v.vectors),
            "frames_gated": v.gated,
            "flows": 0 if v.fields is None else len(v.fields),
            "status": v.status,
            "reason": v.reason,
        }
        for v in videos
    ]
    tables.write_table(path, rows, tables.FEATURE_ITEMS, made)
