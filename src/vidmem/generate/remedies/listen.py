"""What a denoiser is called with for other captions, heard from the pipeline itself, which is stopped at that call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from vidmem.generate.remedies.base import Intervention, RemedyUnfit, Steered, Step
from vidmem.generate.remedies.calls import CONDITIONAL, Call, Path, Place, Tensors, conditional, parts_beside


@dataclass(frozen=True)
class Where:
    """How a pipeline calls its denoiser: the layout of its pair, where x_t lies, and in how many channels."""

    layout: str
    place: Place
    channels: int

    @classmethod
    def of(cls, step: Step) -> Where:
        """As heard at a step."""
        return cls(step.layout, step.places()[CONDITIONAL[step.layout][0]], step.channels())


class Heard(Exception):
    """Raised out of the pipeline's call once it has been heard. It is no failure."""


class Listener(Intervention):
    """Takes down the conditional rows of the first step, and ends the pipeline's call there."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self.rows: Tensors = {}

    def before(self, call: Call, number: int) -> Call:
        """Ends the pipeline's call at the conditional one."""
        wanted, half = CONDITIONAL[self._where.layout]
        if number != wanted:
            return call
        found = parts_beside(call, self._where.place, self._where.channels)
        rows = {path: conditional(tensor, half) for path, tensor in found.items()}
        self.rows = {path: part.detach().to("cpu", copy=True) for path, part in rows.items() if part is not None}
        raise Heard

    def steer(self, step: Step) -> Steered:
        """Never comes to it."""
        raise RemedyUnfit("the denoiser was not called as on the first step before")


def differing(empty: Tensors, captions: Iterable[tuple[str, Tensors]]) -> dict[str, Tensors]:
    """Of each caption the rows that differ, for any of them, from those of the empty prompt.

    Raises `RemedyUnfit` where rows of two captions are of different shapes, and so can't stand for each other.
    """
    found: dict[str, Tensors] = {}
    paths: dict[Path, None] = {}
    for caption, rows in captions:
        for path, part in rows.items():
            if path not in empty or part.shape != empty[path].shape:
                raise RemedyUnfit(f"two captions are handed to the denoiser in different shapes (at {path})")
        found[caption] = {path: part for path, part in rows.items() if not torch.equal(part, empty[path])}
        paths |= dict.fromkeys(found[caption])
    return {caption: {path: rows.get(path, empty[path]) for path in paths} for caption, rows in found.items()}


def without_gradients(modules: Iterable[Any]) -> None:
    """Weights get no gradients: they would only take memory."""
    for module in modules:
        if isinstance(module, torch.nn.Module):
            module.requires_grad_(False)
