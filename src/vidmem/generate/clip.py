"""What is kept of one sampled video: its mp4 and its record, or the reason why there is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from vidmem.generate.load import Frames
from vidmem.media import encode_video
from vidmem.tables import FAILED, OK, SKIPPED

FIRST_STEP_ONLY = "first step only: signals without a video"
NO_STEP = "the pipeline never called its scheduler's step"

Record = dict[str, Any]  # `video`: columns of tables.VIDEOS; `signals`: a list of rows with columns of tables.SIGNALS
Made = tuple[bytes | None, Record]  # the mp4's bytes, None where there is no video


def finish(frames: Frames, signals: list[Record], fps: float, crf: int) -> Made:
    """Encode uint8 frames (N, H, W, 3); a video that shows nothing is a failed one."""
    reason = shows_nothing(frames)
    if reason:
        return failed(reason)
    count, height, width = frames.shape[:3]
    video = {
        "kind": "video",
        "fps": fps,
        "frames": count,
        "width": width + width % 2,  # encoding makes odd sides even
        "height": height + height % 2,
        "duration_s": count / fps,
        "status": OK,
        "reason": None,
    }
    return encode_video(frames, fps, crf), {"video": video, "signals": signals or _silent()}


def without_video(signals: list[Record]) -> Made:
    """The record of a video whose sampling was stopped on purpose after the first step."""
    video = {"kind": "video", "status": SKIPPED, "reason": FIRST_STEP_ONLY}
    return None, {"video": video, "signals": signals or _silent()}


def failed(reason: str) -> Made:
    """The record of a video that could not be made."""
    video = {"kind": "video", "status": FAILED, "reason": reason}
    return None, {"video": video, "signals": [{"step": 0, "status": FAILED, "reason": "the video failed: " + reason}]}


def is_finished(record: Record, first_step_only: bool) -> bool:
    """Whether a kept record is what this run would make. A failed one never is: a rerun tries again."""
    status, reason = record["video"]["status"], record["video"]["reason"]
    return (status, reason) == (SKIPPED, FIRST_STEP_ONLY) if first_step_only else bool(status == OK)


def shows_nothing(frames: Frames) -> str | None:
    """Why uint8 frames (N, H, W, 3) are no picture at all: black, or each of one colour. None where they are."""
    if not frames.max():
        return "all frames are black: a safety checker may have blanked them, or numbers overflowed (try dtype float32)"
    if frames.max() == frames.min():
        return f"all pixels of all frames have the value {int(frames.max())}"
    if not np.ptp(frames, axis=(1, 2)).any():
        return "every frame is of one colour"
    return None


def _silent() -> list[Record]:
    return [{"step": 0, "status": SKIPPED, "reason": NO_STEP}]
