"""Motion that is no evidence: what moves as anyone's video does, or for too short a time to be judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidmem import tables
from vidmem.metrics.thresholds import Calibration
from vidmem.similarity.camera import Natural, classify

Row = dict[str, Any]


def natural_motions(flow: Iterable[Path], best: Mapping[str, Row], settings: Mapping[str, Any]) -> dict[str, Natural]:
    """How the matched window of each video moves: still, the camera's motion alone, too short a clip, or neither.

    `best` holds the judged motion match by video; of a video without one all fields are looked at. A video with fewer
    fields than a window has matches of shorter windows at most, which are common by chance: it isn't judged.
    """
    grid = int(settings["grid"])
    found = {}
    for path in flow:
        frame, vectors = tables.read_vectors(path)
        fields = vectors.reshape(-1, 2, grid, grid)
        times = frame["time_s"].to_numpy()
        for key, rows in frame.with_row_index("row").group_by("video_id", maintain_order=True):
            video, members = str(key[0]), rows["row"].to_numpy()
            natural = classify(
                fields[_matched(members, times, best.get(video))],
                still_floor=float(settings["still_floor"]),
                camera_explained=float(settings["camera_explained"]),
            )
            short = _too_short(len(members), int(settings["window"]))
            found[video] = natural._replace(reason=short) if short else natural
    return found


def _matched(members: Any, times: Any, best: Row | None) -> Any:
    """Rows of the fields in the window that matched; all of them where there is none."""
    if best is None or best["gen_start_s"] is None:
        return members
    start, end = best["gen_start_s"], best["gen_end_s"]
    inside = (times[members] >= start - 1e-6) & (times[members] < end - 1e-6)
    return members[inside] if inside.any() else members


def _too_short(fields: int, window: int) -> str | None:
    return f"shorter than the window: {fields} of {window} fields" if fields < window else None


def common(background: Sequence[float] | None, calibration: Calibration, settings: Mapping[str, Any]) -> bool:
    """Whether more than `common_share` of unrelated clips match the video as well as a copy must.

    Asked only where a rate can be stated at all: a share of fewer than `min_null` clips says nothing.
    """
    if calibration.fpr is None or not background or len(background) < int(settings["min_null"]):
        return False
    share = float(np.mean(np.asarray(background) >= calibration.threshold))
    return share > float(settings["common_share"])
