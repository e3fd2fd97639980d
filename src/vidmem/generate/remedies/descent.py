"""Descent of first-step magnitudes: what the remedies on the prompt's embedding and on the initial noise share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

Magnitudes = Callable[[], torch.Tensor]  # (videos,), with a graph to the leaves


def descend(
    leaves: Sequence[torch.Tensor],
    magnitudes: Magnitudes,
    remedy: Mapping[str, Any],
    videos: int,
    project: Callable[[], None] = lambda: None,
) -> list[int]:
    """Move the leaves, in place, by Adam until each video's magnitude is at its target; iterations, a video.

    The target is own - strength (own - target), with own the magnitude at the start and `strength`, `target`,
    `learning_rate` and `iterations` of `remedy`. Rows of the leaves are videos' (as many each). What is minimised is
    the sum of squares, so that no video's gradient depends on another; one that is at its target stays as it is.
    `project` is called after each iteration. Raises `RuntimeError` where the denoiser lets no gradient through.
    """
    optimiser = torch.optim.Adam(list(leaves), lr=float(remedy["learning_rate"]))
    targets: torch.Tensor | None = None
    used = [0] * videos
    for _ in range(int(remedy["iterations"])):
        with torch.enable_grad():
            now = magnitudes()
            if targets is None:
                targets = target_of(now.detach(), remedy)
            active = now.detach() > targets
            if not active.any():
                break
            gradients = torch.autograd.grad(now.square().sum(), list(leaves))
        before = [leaf.detach().clone() for leaf in leaves]
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = gradient
        optimiser.step()
        with torch.no_grad():
            project()
            for leaf, old in zip(leaves, before, strict=True):
                keep = active.repeat_interleave(len(leaf) // videos).view(-1, *[1] * (leaf.ndim - 1))
                leaf.copy_(torch.where(keep, leaf, old))
        used = [n + int(on) for n, on in zip(used, active.tolist(), strict=True)]
    return used


def target_of(own: torch.Tensor, remedy: Mapping[str, Any]) -> torch.Tensor:
    """Magnitudes (videos,) that are aimed at: own - strength (own - target), where the target is the lower one."""
    aim = torch.full_like(own, float(remedy["target"]))
    return own - float(remedy["strength"]) * (own - aim).clamp(min=0)
