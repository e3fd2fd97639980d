"""No guidance before a transition step (Jain et al., arXiv 2411.16738).

Guidance pulls towards what was memorised while little else is decided. Before the transition the scheduler is handed
u + s' (c - u) with a scale s' of 0 (no prompt) or less (opposite guidance). The transition is a share of the steps, or
where a video's magnitude of guidance has passed its first minimum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from vidmem.generate.remedies.base import Intervention, Steered, Step, changed


class LateGuidance(Intervention):
    """`remedy` is a dumped `config.remedies.LateGuidance`."""

    def __init__(self, remedy: Mapping[str, Any]) -> None:
        self._remedy = remedy
        self._guided: list[bool] = []  # a video
        self._last: list[float] = []

    def steer(self, step: Step) -> Steered:
        """Guided where the transition is over, else at the early scale."""
        self._move_on(step)
        early = step.guided(step.pair, float(self._remedy["scale"]))
        on = torch.tensor(self._guided, device=step.handed.device)
        handed = torch.where(step.per_video(on), step.handed, early)
        notes = [{"remedy_change": change} for change in changed(step, handed)]
        return Steered(handed, step.sample, step.pair, notes)

    def _move_on(self, step: Step) -> None:
        over = step.number >= first_guided(float(self._remedy["strength"]), step.steps)
        now = step.magnitudes(step.pair, "content").tolist()
        last, before = self._last or [math.inf] * step.videos, self._guided or [False] * step.videos
        rising = [a > b for a, b in zip(now, last, strict=True)]
        by_magnitude = self._remedy["transition"] == "magnitude"
        self._guided = [b or over or (by_magnitude and r) for b, r in zip(before, rising, strict=True)]
        self._last = now


def first_guided(share: float, steps: int) -> int:
    """Number of the first step with guidance: that share of all steps, rounded half up, goes without."""
    return math.floor(share * steps + 0.5)
