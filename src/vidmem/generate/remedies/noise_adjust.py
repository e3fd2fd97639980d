"""Gradient adjustment of the initial noise to a lower first-step magnitude, at the norm that it had.

Between two noises of one norm no detector of noise could tell; what differs is how strongly the model answers the
prompt there. Noise that starts outside the prompt's basin of attraction is sampled to something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from vidmem.generate.remedies.base import Intervention, Steered, Step, changed, fine
from vidmem.generate.remedies.descent import descend


class NoiseAdjust(Intervention):
    """`remedy` is a dumped `config.remedies.NoiseAdjust`."""

    def __init__(self, remedy: Mapping[str, Any]) -> None:
        self._remedy = remedy

    def steer(self, step: Step) -> Steered:
        """The first step is taken from the adjusted noise."""
        if step.number:
            return Steered(step.handed, step.sample, step.pair, [{} for _ in range(step.videos)])
        x = self._adjusted(step).to(step.sample.dtype)
        with torch.no_grad():
            u, c = step.predict(x)
        assert u is not None
        handed = step.guided((u, c))
        return Steered(handed, x, (u, c), [{"remedy_change": change} for change in changed(step, handed)])

    def _adjusted(self, step: Step) -> torch.Tensor:
        x = fine(step.sample.detach()).clone().requires_grad_()
        rows = x.shape[0] // step.videos
        norms = x.detach().reshape(step.videos, -1).norm(dim=1)

        def magnitudes() -> torch.Tensor:
            u, c = step.predict(x)
            assert u is not None
            return step.magnitudes((u, c), str(self._remedy["magnitude"]))

        def at_its_norm() -> None:
            now = x.reshape(step.videos, -1).norm(dim=1)
            x.mul_((norms / now).repeat_interleave(rows).view(-1, *[1] * (x.ndim - 1)))

        descend([x], magnitudes, self._remedy, step.videos, at_its_norm)
        return x.detach()
