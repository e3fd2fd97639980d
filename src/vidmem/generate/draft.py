"""A draft: the pipeline samples in three steps and is stopped after two, to see whether its first guess holds.

With xh_T = E[x_0 | x_T, c] the guess of the clean video at the first step and yh_T the one without the prompt, the
second step looks at the same video at a middle noise level, where the sampler has put it, and guesses again, xh:

    departure = ||xh - yh_T||_2 / sqrt(numel)      moved = ||xh - xh_T||_2 / sqrt(numel)

and the same of differences of neighbouring latent frames (our definition; see `guess`). A model that knows the clip by
heart names it at once and stays with it. It takes four calls of the denoiser, however many steps the videos take, and
no video is made. Three steps, since samplers space theirs differently: with "leading" spacing two would start at half
of the noise and end at none. The level at which it looked is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vidmem.generate.measure import Row
from vidmem.generate.recorder import Recorder
from vidmem.generate.short import short_call
from vidmem.tables import SKIPPED

STEPS, LOOK = 3, 2  # of the draft, and after how many it is stopped
SIGNALS = ("departure", "moved", "departure_motion", "moved_motion")


def draft(pipeline: Any, texts: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any]) -> list[Row]:
    """What each video's second step says of its first: rows with `SIGNALS`, draft_sigma, status and reason.

    Raises `GuidanceMismatch` where the guidance is not what the family's is said to be.
    """
    recorder = short_call(Recorder, pipeline, texts, seeds, {**settings, "steps": STEPS}, stop_after=LOOK)
    return [_looked(rows) for rows in recorder.rows]


def _looked(rows: Sequence[Row]) -> Row:
    if len(rows) < LOOK:
        return {"status": SKIPPED, "reason": f"no draft: the pipeline took {len(rows)} steps of {STEPS}"}
    row = rows[LOOK - 1]
    return {name: row.get(name) for name in (*SIGNALS, "status", "reason")} | {"draft_sigma": row.get("sigma")}
