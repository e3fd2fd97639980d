"""Frames of videos and items at wanted times, read within the audit's bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaRef, read_clip
from vidmem.report import strips
from vidmem.report.sources import Source

MOST_FRAMES_READ = 512
Floats = npt.NDArray[np.float64]
Frames = list[strips.Bytes] | str  # or why there are none


class Reader:
    """Reads frames, each at most `short_edge` pixels along its short side."""

    def __init__(self, config: Mapping[str, Any], short_edge: int) -> None:
        self._short_edge = short_edge
        # Files were bounded when their stage read them; here the wider of the two stages' bounds applies.
        bounds = [Limits(**((config.get(s) or {}).get("limits") or {})) for s in ("corpus", "generate")]
        self._limits = Limits(**{k: max(getattr(b, k) for b in bounds) for k in Limits.model_fields})

    def read(self, source: Source | None, times: Floats) -> Frames:
        """The frames on show at `times` (n,) in seconds, uint8 (H, W, 3) each, or why there are none."""
        if source is None or source.path is None:
            return f"No picture: {source.reason if source else 'not in the tables'}"
        last = max(float(times.max()), 0.0)
        rate = min(24.0, MOST_FRAMES_READ / max(last, 1.0))
        try:
            clip = read_clip(
                MediaRef(source.path, source.offset, source.size),
                rate_hz=rate,
                max_frames=int(last * rate) + 2,
                short_edge=self._short_edge,
                limits=self._limits,
                info=source.info,
            )
        except (MediaError, OSError) as error:
            return f"No picture: the file could not be read ({_reason(error)})"
        return [clip.frames[i] for i in strips.nearest(clip.times_s, times)]


def _reason(error: Exception) -> str:
    # An OSError's text holds an absolute path, which is nobody's business in a report that is passed on.
    return str(error) if isinstance(error, MediaError) else error.strerror or type(error).__name__  # type: ignore[attr-defined]
