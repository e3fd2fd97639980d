"""What is measured of each video, whoever made it. No measure looks at the other side of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaRef, read_clip
from vidmem.mitigate.corpus import Vectors, mean_vectors
from vidmem.progress import progress
from vidmem.userfiles import safe_join

KINDS = ("content", "template", "motion")
FIDELITY = ("content_fidelity", "text_fidelity")
QUALITY = ("usable", "sharpness", "consistency", "dynamics")
OF_PROMPTS = ("diversity",)  # a value a prompt, over its seeds
OF_GROUPS = ("frechet",)  # a value a group of videos
COSTS = ("denoiser_calls",)
MEASURES = (*KINDS, *FIDELITY, *QUALITY, *OF_PROMPTS, *OF_GROUPS, *COSTS)
MOST_FRAMES, MOST_EDGE = 64, 256  # read for sharpness

Values = dict[str, float | None]


@dataclass(frozen=True)
class Side:
    """The videos of a model or a branch: values by measure of each video, its mean vector if it shows something, which
    video answers which prompt and seed, and why videos were lost."""

    values: Mapping[str, Values]
    vectors: Mapping[str, Vectors]
    answers: Mapping[tuple[str, int], str]
    reasons: Sequence[str]


def read_side(files: Mapping[str, Any], ids: set[str] | None, limits: Mapping[str, Any], name: str) -> Side:
    """The videos `ids` (None: all) of the tables that the plan names for one model or branch.

    Values: the three rates' flags (0 or 1), usable (0 or 1), sharpness, consistency, dynamics, denoiser_calls. A video
    that could not be made, or shows nothing, is no copy and not usable; its other values are None.
    """
    metrics = tables.read_table(files["metrics"])
    videos = tables.read_table([Path(p) for p in files["videos"]])
    if ids is not None:
        metrics = metrics.filter(pl.col("video_id").is_in(sorted(ids)))
        videos = videos.filter(pl.col("video_id").is_in(sorted(ids)))
    frames = [Path(p) for p in files["frames"]]
    consistency, dynamics = _consistency(frames), _dynamics([Path(p) for p in files["flow"]])
    media = {row["video_id"]: row for row in videos.iter_rows(named=True)}
    values: dict[str, Values] = {}
    for row in progress(metrics.iter_rows(named=True), len(metrics), f"measuring {name}"):
        key, usable = row["video_id"], row["status"] == tables.OK
        values[key] = {kind: float(usable and bool(row[f"{kind}_memorised"])) for kind in KINDS}
        values[key] |= {
            "usable": float(usable),
            "sharpness": sharpness(media[key], Path(files["root"]), Limits(**limits)) if usable else None,
            "consistency": consistency.get(key) if usable else None,
            "dynamics": dynamics.get(key) if usable else None,
            "denoiser_calls": _number(media[key].get("denoiser_calls")),
        }
    lost = metrics.filter(pl.col("status") != tables.OK)["reason"]
    return Side(
        values,
        mean_vectors(frames, [key for key, value in values.items() if value["usable"]]),
        {(r["prompt_id"], r["seed"]): r["video_id"] for r in metrics.iter_rows(named=True)},
        sorted({str(reason) for reason in lost}),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def sharpness(video: Mapping[str, Any], root: Path, limits: Limits) -> float | None:
    """Variance of the Laplacian of the grey levels (0..255), mean over a video's first 64 frames.

    Blur lowers it and noise raises it. Sides above 256 pixels are reduced to that first. `video` is a row of
    `tables.VIDEOS`; None where its file can't be read any more.
    """
    edge = min(int(video["width"]), int(video["height"]), MOST_EDGE)
    try:
        ref = MediaRef(safe_join(root, video["path"]), video["offset"], video["size"])
        clip = read_clip(ref, rate_hz=None, max_frames=MOST_FRAMES, short_edge=edge, limits=limits)
    except (MediaError, ValueError, OSError):
        return None
    return float(np.mean([laplacian_variance(frame) for frame in clip.frames]))


def laplacian_variance(frame: npt.NDArray[np.uint8]) -> float:
    """Variance of the Laplacian (4 neighbours) of a frame's grey levels; uint8 RGB (H, W, 3)."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _consistency(frames: Sequence[Path]) -> dict[str, float]:
    """video_id -> mean cosine of the copy-detection vectors of neighbouring frames. One frame has none."""
    found = {}
    for path in frames:
        table, vectors = tables.read_vectors(path)
        names = table["video_id"].to_numpy()
        order = np.lexsort((table["frame"].to_numpy(), names))
        names, vectors = names[order], vectors[order].astype(np.float64)
        same = names[1:] == names[:-1]
        cosines = np.sum(vectors[1:] * vectors[:-1], 1)
        for name in np.unique(names[1:][same]):
            found[str(name)] = float(cosines[same & (names[1:] == name)].mean())
    return found


def _dynamics(flow: Sequence[Path]) -> dict[str, float]:
    """video_id -> mean optical flow, in shares of the frame's width per second."""
    table = tables.read_table(flow, ["video_id", "magnitude"])
    means = table.group_by("video_id").agg(pl.col("magnitude").cast(pl.Float64).mean()).sort("video_id")
    return {key: float(value) for key, value in means.iter_rows()}


def diversity(vectors: Sequence[Vectors]) -> float | None:
    """Mean cosine distance of the mean vectors of one prompt's videos, over all pairs of seeds; None for one video."""
    if len(vectors) < 2:
        return None
    rows = np.array(vectors)
    pairs = np.triu_indices(len(rows), 1)
    return float(1 - (rows @ rows.T)[pairs].mean())
