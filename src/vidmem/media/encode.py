"""H.264 in mp4, the same bytes for the same frames."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

_BT601 = 6  # SMPTE 170M in FFmpeg's numbering: the matrix that the conversion uses, told to players
_TV_RANGE = 1


def encode_video(frames: npt.NDArray[np.uint8], fps: float, crf: int = 12, preset: str = "medium") -> bytes:
    """Encode uint8 RGB frames of shape (N, H, W, 3) as an mp4 file in memory.

    4:2:0 needs even sides: an odd one grows by a repeated row or column. Raises `ValueError` for other shapes.
    """
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or not frames.size:
        raise ValueError(f"frames must be uint8 of shape (N, H, W, 3), not {frames.dtype} {frames.shape}")
    odd_h, odd_w = frames.shape[1] % 2, frames.shape[2] % 2
    if odd_h or odd_w:
        frames = np.pad(frames, ((0, 0), (0, odd_h), (0, odd_w), (0, 0)), mode="edge")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4", options={"fflags": "+bitexact"}) as out:
        stream: Any = out.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        # x264 picks its assembly by CPU and memory layout, which changes bytes from run to run
        stream.options = {"crf": str(crf), "preset": preset, "x264-params": "cpu-independent=1"}
        stream.thread_count = 1  # more would cut the picture into slices: other bytes on other machines
        stream.codec_context.colorspace = _BT601
        stream.codec_context.color_range = _TV_RANGE
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture.pts = number
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return file.getvalue()


def write_video(path: Path, frames: npt.NDArray[np.uint8], fps: float, crf: int = 12) -> None:
    """Write frames as `encode_video` encodes them, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_bytes(encode_video(frames, fps, crf))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
