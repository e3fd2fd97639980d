"""Optimisation of the prompt's embedding until the first step's magnitude is low (Wen et al., arXiv 2407.21720).

The embedding is whatever the conditional part is called with otherwise than the unconditional one: hidden states of a
text encoder, pooled ones, or channels beside the latents. All of it is optimised together, at the first step, and
stays for all steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from vidmem.generate.remedies.base import Intervention, RemedyUnfit, Steered, Step, changed, fine
from vidmem.generate.remedies.calls import CONDITIONAL, Call, Place, Tensors, with_conditions
from vidmem.generate.remedies.descent import descend


class Embedding(Intervention):
    """`remedy` is a dumped `config.remedies.Embedding`."""

    def __init__(self, remedy: Mapping[str, Any]) -> None:
        self._remedy = remedy
        self._found: Tensors = {}
        self._where: tuple[str, Place, int] | None = None  # layout, place and channels of the first step

    def before(self, call: Call, number: int) -> Call:
        """The conditional call with the optimised embedding, once there is one."""
        if self._where is None or number != CONDITIONAL[self._where[0]][0]:
            return call
        return with_conditions(call, *self._where, self._found)

    def steer(self, step: Step) -> Steered:
        """The first step optimises, and is then taken with what was found."""
        if step.number:
            return Steered(step.handed, step.sample, step.pair, [{} for _ in range(step.videos)])
        self._found = self._optimised(step)
        number = CONDITIONAL[step.layout][0]
        self._where = (step.layout, step.places()[number], step.channels())
        with torch.no_grad():
            u, c = step.predict(condition=self._found)
        assert u is not None
        handed = step.guided((u, c))
        return Steered(handed, step.sample, (u, c), [{"remedy_change": change} for change in changed(step, handed)])

    def _optimised(self, step: Step) -> Tensors:
        start = {path: rows for path, rows in step.conditions().items() if rows.is_floating_point()}
        if any(len(rows) % step.videos for rows in start.values()):
            raise RemedyUnfit("the condition's rows are not those of the videos")
        leaves = {path: fine(rows.detach()).clone().requires_grad_() for path, rows in start.items()}

        def magnitudes() -> torch.Tensor:
            u, c = step.predict(condition=leaves)
            assert u is not None
            return step.magnitudes((u, c), str(self._remedy["magnitude"]))

        if leaves:  # prompts that are empty have no embedding of their own
            descend(list(leaves.values()), magnitudes, self._remedy, step.videos)
        return {path: leaf.detach() for path, leaf in leaves.items()}
