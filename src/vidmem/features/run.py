"""The features stage: every video and image to copy-detection vectors and motion fields, in three tables.

Each thread reads one video at a time (decodes it, and computes its flow); the frames wait in batches that are filled
across videos, and what is finished is written, so memory is bounded by the threads, the batch and what a table gathers
before it writes. The tables are the same bytes whatever the number of threads. A file that can't be used is a row with
the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.features.batches import Batches, Video
from vidmem.features.engines import frame_engine
from vidmem.features.flow import FlowEngine, flow_engine, velocity_fields, working_edge
from vidmem.features.gate import usable
from vidmem.features.preprocess import Frames, grey, resize, to_short_edge
from vidmem.features.sampling import READS, Plan, Sampled, sample_apart
from vidmem.features.workers import Workers
from vidmem.features.write import feature_tables
from vidmem.media import Aparts, Format, MediaError, MediaRef
from vidmem.progress import progress
from vidmem.similarity.motion import resample
from vidmem.userfiles import Roots, media_path

THUMBNAIL_SIDE = 16  # of the view that is embedded; for nearest-neighbour distances of pixels
NO_FRAMES = "no usable frame: all are blank, flat or fading"


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
    cv2.setNumThreads(1)
    frames, flow = settings["frames"], settings["flow"]
    if "status" in items.columns:
        items = items.filter(pl.col("status") == tables.OK)
    rows = items.select("video_id", _text_of(items, "corpus"), "path", "offset", "size", _text_of(items, "sha256"))
    made = {**(made_by or {}), "settings": dict(settings), "format": vars(fmt) if fmt else None}
    made |= {"opencv": cv2.__version__}
    with Aparts(READS, limits, threads) as apart:  # the first starts while the engines are loaded
        embedder, mover = frame_engine(frames, threads=1), flow_engine(flow, threads=1)
        read = partial(_read, root=root, settings=settings, apart=apart, mover=mover, fmt=fmt)
        with feature_tables(out_frames, out_flow, embedder, mover, flow, made) as finished:
            with Workers(threads, gpu=embedder.device != "cpu") as workers:
                batches = Batches(embedder, int(frames["batch_size"]), workers)
                for video, seen in progress(workers.in_order(read, rows.iter_rows()), len(rows), "features"):
                    if seen is not None:
                        batches.add(video, seen)
                    finished.add(video)
                batches.flush()
            finished.finish()
            found = finished.rows
            status, reasons = [r["status"] for r in found], [r["reason"] for r in found]
            tables.check_loss("features", status, reasons, settings["max_loss"])
    tables.write_table(out_items, found, tables.FEATURE_ITEMS, made)


def _text_of(items: pl.DataFrame, name: str) -> pl.Expr:
    """A column of texts, null where there is none: generated videos are from no corpus."""
    return pl.col(name) if name in items.columns else pl.lit(None, pl.String).alias(name)


def plan_of(settings: Mapping[str, Any]) -> Plan:
    """What `settings` takes of each video."""
    frames, flow = settings["frames"], settings["flow"]
    return Plan(
        frame_rate_hz=frames["rate_hz"],
        max_frames=frames["max_frames"],
        frame_edge=frames["short_edge"],
        flow_rate_hz=flow["rate_hz"],
        max_flows=flow["max_flows"],
        flow_edge=working_edge(flow),
        crop=settings["crop"],
        sampling=settings.get("sampling", "rate"),
    )


def _read(
    row: tuple[Any, ...],
    *,
    root: Roots,
    settings: Mapping[str, Any],
    apart: Aparts,
    mover: FlowEngine,
    fmt: Format | None,
) -> tuple[Video, Frames | None]:
    """One video, all but its vectors, and its frames as the network shall see them; None where there are none."""
    video_id, corpus, path, *rest = row
    video = Video(video_id)
    try:
        ref = MediaRef(media_path(root, corpus, path), *rest)
        sampled = sample_apart(apart, ref, plan_of(settings), fmt)
    except (MediaError, ValueError) as error:
        video.fail(tables.SKIPPED, str(error))
        return video, None
    good = usable(sampled.frames, settings["frames"]["min_std"])
    video.gated = int((~good).sum())
    if not good.any():
        video.fail(tables.SKIPPED, NO_FRAMES)
        return video, None
    video.samples = np.flatnonzero(good).tolist()
    video.times_s = sampled.times_s[good].tolist()
    video.fields = motion_fields(sampled, mover, settings["flow"])
    if not np.isfinite(video.fields).all():
        video.fail(tables.FAILED, "the optical flow is not finite")
        return video, None
    seen = to_short_edge(sampled.frames[good], settings["frames"]["short_edge"])
    video.thumbnails = [image.tobytes() for image in resize(seen, THUMBNAIL_SIDE, THUMBNAIL_SIDE)]
    video.pictures = [image.tobytes() for image in grey(resize(seen, tables.PICTURE_SIDE, tables.PICTURE_SIDE))]
    return video, seen


def motion_fields(sampled: Sampled, engine: FlowEngine, settings: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Velocity fields at the common rate, float32 (T, 2, grid, grid) in shares of the width per second."""
    fields = velocity_fields(engine, sampled.flow_frames, sampled.flow_times_s, settings["grid"])
    return resample(fields, sampled.flow_times_s, settings["rate_hz"], settings["max_flows"])
