"""Finished videos are written in their order and forgotten, and none before its vectors are there."""

from __future__ import annotations

from typing import Any

import numpy as np

from vidmem import tables
from vidmem.features.batches import Video
from vidmem.features.write import Finished


def video(name: str, frames: int) -> Video:
    return Video(
        name,
        samples=list(range(frames)),
        times_s=[n / 4 for n in range(frames)],
        thumbnails=[b"t"] * frames,
        pictures=[b"p"] * frames,
        fields=np.ones((2, 2, 4, 4), np.float32),
    )


def test_a_video_is_written_once_its_vectors_and_those_before_it_are_there() -> None:
    frames: list[dict[str, Any]] = []
    flow: list[dict[str, Any]] = []
    finished = Finished(frames.append, flow.append, rate_hz=8.0)
    first, second, third = video("a", 2), video("b", 1), video("c", 1)
    first.vectors = [np.zeros(3, np.float32)]
    second.vectors = [np.ones(3, np.float32)]
    finished.add(first)
    finished.add(second)
    assert not finished.rows
    first.vectors.append(np.ones(3, np.float32))
    third.fail(tables.FAILED, "the embedding of a frame is not finite")
    finished.add(third)
    assert [row["video_id"] for row in finished.rows] == ["a", "b", "c"]
    assert [columns["video_id"] for columns in frames] == [["a", "a"], ["b"]]
    assert [columns["time_s"] for columns in flow] == [[0, 1 / 8]] * 2
    assert finished.rows[2] == {
        "video_id": "c", "frames_used": 0, "frames_gated": 0, "flows": 0, "status": "failed",
        "reason": "the embedding of a frame is not finite",
    }  # fmt: skip
