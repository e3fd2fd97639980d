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
    `learning_rate` (in units of a leaf's root mean square, a video) and `iterations` of `remedy`. Rows of the leaves
    are videos' (as many each). What is minimised is the sum of (magnitude / own)^2: no video's gradient depends on
    another, and none is so small that Adam would take it for rounding. A video that has reached its target stays there,
    and one that never does is left where its magnitude was lowest. `project` is called after each iteration. Raises
    `RuntimeError` where the denoiser lets no gradient through.
    """
    optimiser = torch.optim.Adam(list(leaves), lr=float(remedy["learning_rate"]))
    best = [leaf.detach().clone() for leaf in leaves]
    scales = [_root_mean_square(leaf.detach(), videos) for leaf in leaves]
    now, loss = _measured(magnitudes)
    own, lowest, targets = now, now, target_of(now, remedy)
    used = [0] * videos
    for _ in range(int(remedy["iterations"])):
        active = lowest > targets
        if not active.any():
            break
        for leaf, gradient in zip(leaves, torch.autograd.grad(loss, list(leaves)), strict=True):
            leaf.grad = gradient
        before = [leaf.detach().clone() for leaf in leaves]
        optimiser.step()
        with torch.no_grad():
            for leaf, old, scale in zip(leaves, before, scales, strict=True):
                leaf.copy_(old + (leaf - old) * scale)
            project()
        now, loss = _measured(magnitudes, own)
        better = active & (now < lowest)
        lowest = torch.where(better, now, lowest)
        best = [_chosen(better, leaf.detach(), old) for leaf, old in zip(leaves, best, strict=True)]
        used = [n + int(on) for n, on in zip(used, active.tolist(), strict=True)]
    with torch.no_grad():
        for leaf, found in zip(leaves, best, strict=True):
            leaf.copy_(found)
    return used


def _measured(magnitudes: Magnitudes, own: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The magnitudes, and the sum of their squares relative to `own` (these, if left out), with its graph."""
    with torch.enable_grad():
        now = magnitudes()
        reference = (now.detach() if own is None else own).clamp(min=1e-12)
        return now.detach(), (now / reference).square().sum()


def _root_mean_square(leaf: torch.Tensor, videos: int) -> torch.Tensor:
    """Of each video's numbers, so that it broadcasts with the leaf."""
    return _by_row(leaf.reshape(videos, -1).square().mean(1).sqrt(), leaf)


def _chosen(videos: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
    """Rows of `yes` where they belong to one of `videos` (bool), else of `no`."""
    return torch.where(_by_row(videos, yes), yes, no)


def _by_row(values: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
    """Values (videos,) so that they broadcast with a leaf, whose rows are the videos'."""
    return values.repeat_interleave(len(leaf) // len(values)).view(-1, *[1] * (leaf.ndim - 1))


def target_of(own: torch.Tensor, remedy: Mapping[str, Any]) -> torch.Tensor:
    """Magnitudes (videos,) that are aimed at: own - strength (own - target), where the target is the lower one."""
    aim = torch.full_like(own, float(remedy["target"]))
    return own - float(remedy["strength"]) * (own - aim).clamp(min=0)
