"""How like two clips are in a model's latents: what guidance away from the copy steers by. Our definitions.

A clip is (frames, numbers). By frames: each frame less its mean. By motion: each frame less the one before. The
similarity is the cosine of the two clips laid over one another, at the shift in time at which it is largest:

    sigma(x, y) = max_d  sum_i <x_i, y_{i+d}> / sqrt(sum_i |x_i|^2  sum_i |y_{i+d}|^2)

over all shifts d at which at least half of the shorter clip's frames overlap.
"""

from __future__ import annotations

import torch

KINDS = ("frames", "motion")
TINY = 1e-12


def parts(clips: torch.Tensor, kind: str) -> torch.Tensor:
    """What is compared of clips (..., frames, numbers): frames less their mean, or differences (one frame fewer)."""
    if kind == "frames":
        return clips - clips.mean(-1, keepdim=True)
    return clips[..., 1:, :] - clips[..., :-1, :]


def shifts(frames: int, others: int) -> range:
    """Shifts d at which frames i and i + d of the other overlap in at least half of the shorter clip."""
    least = (min(frames, others) + 1) // 2
    return range(least - frames, others - least + 1)


def overlap(frames: int, others: int, shift: int) -> tuple[slice, slice]:
    """The frames of both sides that lie over one another at a shift."""
    start, stop = max(0, -shift), min(frames, others - shift)
    return slice(start, stop), slice(start + shift, stop + shift)


def aligned(x: torch.Tensor, y: torch.Tensor, shift: int) -> torch.Tensor:
    """Cosine of two clips' parts (frames, numbers) at one shift; differentiable, 0 for parts that are nothing."""
    mine, others = overlap(len(x), len(y), shift)
    a, b = x[mine], y[others]
    return (a * b).sum() / (a.square().sum() * b.square().sum()).clamp(min=TINY).sqrt()


def all_aligned(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """sigma of every pair of parts x (B, f, n) and y (R, g, n), and its shift: both (B, R)."""
    products = torch.einsum("bfn,rgn->brfg", x, y)
    squares_x, squares_y = x.square().sum(-1), y.square().sum(-1)  # (B, f), (R, g)
    best = torch.full(products.shape[:2], -torch.inf, dtype=x.dtype, device=x.device)
    where = torch.zeros(products.shape[:2], dtype=torch.long, device=x.device)
    for shift in shifts(x.shape[1], y.shape[1]):
        mine, others = overlap(x.shape[1], y.shape[1], shift)
        inner = products[:, :, mine, others].diagonal(dim1=2, dim2=3).sum(-1)
        norms = squares_x[:, None, mine].sum(-1) * squares_y[None, :, others].sum(-1)
        cosine = inner / norms.clamp(min=TINY).sqrt()
        better = cosine > best
        best, where = torch.where(better, cosine, best), torch.where(better, shift, where)
    return best, where
