"""Guidance away from the copy (AMG, Chen et al., arXiv 2404.00922), for video.

With s0 the guidance scale, sigma the similarity of the predicted clean clip to its nearest reference, and
Delta = eps(x_t, c) - eps(x_t, null), the noise that is handed on becomes eps(x_t, null) + s0 Delta + G with

    G = G_spe + G_dup + G_sim
    G_spe = -s1 Delta                                   s1 = clip(c1 sigma, 0, s0 - 1)
    G_dup = -s2 (eps(x_t, y_N) - eps(x_t, null))        s2 = clip(c2 sigma, 0, s0 - s1 - 1)
    G_sim = c3 sqrt(1 - abar_t) grad_{x_t} sigma

where sigma > lambda_t, and G = 0 elsewhere; y_N is the nearest reference's caption. For video sigma is taken by frames
and by motion (`similarity`), each with a nearest reference of its own: s1, s2 and y_N are those of the kind that lies
higher above lambda_t, and G_sim is summed over the kinds above it. On the straight path of flow matching
sqrt(1 - abar_t) grad is sigma_t grad in its own coordinates, which is the same vector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from vidmem.generate.noise import clean_sample, epsilon_difference, output_difference
from vidmem.generate.remedies.base import Intervention, Steered, Step, changed, fine
from vidmem.generate.remedies.calls import Tensors
from vidmem.generate.remedies.references import References
from vidmem.generate.remedies.similarity import KINDS, aligned, parts

Captions = Mapping[str, Tensors]  # of each caption: the conditional rows of one video, by their path


@dataclass(frozen=True)
class Near:
    """The nearest reference of each video by one kind: sigma, window and shift, all (videos,)."""

    kind: str
    sigma: torch.Tensor
    which: torch.Tensor
    shift: torch.Tensor


class Amg(Intervention):
    """`remedy` is a dumped `config.remedies.Amg`; `captions` may be empty where c2 is 0."""

    def __init__(self, remedy: Mapping[str, Any], references: References, captions: Captions) -> None:
        self._remedy, self._references, self._captions = remedy, references, captions
        self._kinds = KINDS if remedy["similarity"] == "both" else (str(remedy["similarity"]),)

    def steer(self, step: Step) -> Steered:
        """Steers the videos that are like a reference."""
        clean = step.by_frame(clean_sample(step.handed, step.sample, step.level))
        kinds = [kind for kind in self._kinds if kind == "frames" or clean.shape[1] > 1]
        near = [Near(kind, *self._references.nearest(clean, kind)) for kind in kinds]
        bound = threshold(self._remedy, step.number, step.steps)
        steered = step.number < round(float(self._remedy["until"]) * step.steps)
        active = torch.stack([(n.sigma > bound) & steered for n in near])  # (kinds, videos)
        handed = step.handed
        if active.any():
            change = self._guidance(step, near, active)
            handed = step.handed + output_difference(change, step.level).to(step.handed.dtype)
            handed = torch.where(step.per_video(active.any(0)), handed, step.handed)
        return Steered(handed, step.sample, step.pair, self._notes(step, near, bound, handed))

    def _guidance(self, step: Step, near: Sequence[Near], active: torch.Tensor) -> torch.Tensor:
        """G, shaped as x_t; that of a video that is no kind's is of no use."""
        remedy, factor = self._remedy, float(self._remedy["strength"])
        sigmas = torch.stack([n.sigma for n in near])
        most = sigmas.where(active, -torch.inf).argmax(0)  # the kind that leads, a video
        sigma = sigmas.gather(0, most[None])[0]
        s1, s2 = despecification(factor * remedy["c1"], factor * remedy["c2"], sigma, step.scale)
        u, c = step.pair
        change = -step.per_video(s1) * _delta(u, c, step)
        if bool((s2 > 0).any()) and self._captions:
            which = torch.stack([n.which for n in near]).gather(0, most[None])[0]
            change = change - step.per_video(s2) * self._of_captions(step, which.tolist())
        c3 = factor * float(remedy["c3"]) * step.by_frame(step.sample)[0].numel()
        if c3:
            change = change + self._dissimilarity(step, near, active, c3)
        return change

    @torch.no_grad()
    def _of_captions(self, step: Step, which: Sequence[int]) -> torch.Tensor:
        """eps(x_t, y_N) - eps(x_t, null) with the captions of these windows."""
        rows = [self._captions[self._references.captions[i]] for i in which]
        paths = {path: part for path, part in rows[0].items()}
        condition = {path: torch.cat([row[path].to(step.sample.device) for row in rows]) for path in paths}
        _, c = step.predict(condition=condition, both=False)
        return _delta(step.pair[0], c, step)

    def _dissimilarity(self, step: Step, near: Sequence[Near], active: torch.Tensor, c3: float) -> torch.Tensor:
        """G_sim, at most so large that it moves the predicted clean clip by `limit` of its norm."""
        gradient = self._gradient(step, near, active)
        level = step.level
        change = c3 * level.sigma * gradient
        moved = step.by_frame(change).flatten(1).norm(dim=1) * (level.sigma / max(level.signal, level.floor, 1e-6))
        clean = step.by_frame(clean_sample(step.handed, step.sample, level)).flatten(1).norm(dim=1)
        allowed = float(self._remedy["limit"]) * clean
        return change * step.per_video((allowed / moved.clamp(min=1e-12)).clamp(max=1))

    def _gradient(self, step: Step, near: Sequence[Near], active: torch.Tensor) -> torch.Tensor:
        """The sum over kinds of grad sigma with respect to x_t on its path, shaped as x_t."""
        level = step.level
        if self._remedy["gradient"] == "denoiser":
            with torch.enable_grad():
                x = fine(step.sample).clone().requires_grad_()
                u, c = step.predict(x)
                assert u is not None
                clean = step.by_frame(clean_sample(step.guided((u, c)), x, level))
                (gradient,) = torch.autograd.grad(self._sum(clean, near, active), x)
            return gradient / level.scale  # x_t lies at `scale` times the scheduler's sample
        with torch.enable_grad():
            leaf = fine(clean_sample(step.handed, step.sample, level)).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self._sum(step.by_frame(leaf), near, active), leaf)
        return gradient / max(level.signal, level.floor, 1e-6)

    def _sum(self, clean: torch.Tensor, near: Sequence[Near], active: torch.Tensor) -> torch.Tensor:
        total = clean.sum() * 0
        for n, on in zip(near, active, strict=True):
            mine = parts(clean, n.kind)
            for i in on.nonzero()[:, 0].tolist():
                reference = parts(self._references.latents[int(n.which[i])].to(clean), n.kind)
                total = total + aligned(mine[i], reference, int(n.shift[i]))
        return total

    def _notes(self, step: Step, near: Sequence[Near], bound: float, handed: torch.Tensor) -> list[dict[str, Any]]:
        notes: list[dict[str, Any]] = [
            {"similarity_threshold": bound, "remedy_change": change} for change in changed(step, handed)
        ]
        for n in near:
            for note, sigma, which in zip(notes, n.sigma.tolist(), n.which.tolist(), strict=True):
                note[f"similarity_{n.kind}"] = sigma
                note[f"similar_by_{n.kind}"] = self._references.items[which]
        return notes


def despecification(c1: float, c2: float, sigma: torch.Tensor, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """s1 = clip(c1 sigma, 0, s0 - 1) and s2 = clip(c2 sigma, 0, s0 - s1 - 1), with s0 the guidance scale."""
    room = max(scale - 1, 0.0)
    s1 = (c1 * sigma).clamp(0, room)
    return s1, torch.minimum((c2 * sigma).clamp(min=0), room - s1)


def threshold(remedy: Mapping[str, Any], number: int, steps: int) -> float:
    """lambda_t: from `threshold_first` at the first step along a parabola to `threshold` at the last."""
    last = float(remedy["threshold"])
    first = last if remedy["threshold_first"] is None else float(remedy["threshold_first"])
    left = 1 - number / max(steps - 1, 1)
    return last + (first - last) * left**2


def _delta(u: torch.Tensor, c: torch.Tensor, step: Step) -> torch.Tensor:
    return epsilon_difference(fine(c) - fine(u), step.level)
