"""Part of the way to the nearest other caption, and no more of it than takes the copy away. Our definition.

With c the prompt's embedding, r the reference that the predicted clean clip is most like by frames (sigma, as in
`similarity`), and c_N the embedding of the caption that in words is nearest to r's own among those of other clips, the
video is sampled on

    c' = c + s (c_N - c)

with the least share s, of none up to `strength`, at which sigma lies under a threshold. Captions that say much the same
stand for clips of much the same content, so the way to one of them leads away from the clip and not from what was
asked for; and half of a way to a second clip is a copy of neither. Every step looks. On
the first one on which sigma is not under the threshold the share is found by bisection, which for a model that copies
is mostly the first step of all; on later ones it is raised by as much as the bisection tells apart, and it never falls.
A video that is like no reference is left as it is, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from vidmem.generate.noise import clean_sample
from vidmem.generate.remedies.base import Intervention, RemedyUnfit, Steered, Step, changed
from vidmem.generate.remedies.calls import CONDITIONAL, Call, Path, Tensors, conditional, parts_beside, with_conditions
from vidmem.generate.remedies.listen import Where
from vidmem.generate.remedies.references import References
from vidmem.sentences import embed_texts

KIN = 2  # other captions that are kept of each: the nearest may be the prompt itself
Kin = Mapping[str, Sequence[str]]  # of each caption the nearest others, the nearest first


class Neighbour(Intervention):
    """`remedy` is a dumped `config.remedies.Neighbour`; `captions` has of each caption the rows of one video."""

    def __init__(
        self, remedy: Mapping[str, Any], references: References, captions: Mapping[str, Tensors], kin: Kin
    ) -> None:
        self._remedy, self._references, self._captions, self._kin = remedy, references, captions, kin
        self._where: Where | None = None
        self._own: Tensors = {}  # the prompts' rows, and those that each video is led to
        self._other: Tensors = {}
        self._shares = torch.zeros(0)  # a video

    def before(self, call: Call, number: int) -> Call:
        """The conditional call part of the way to the neighbour, for the videos that were led there."""
        where = self._where
        if where is None or number != CONDITIONAL[where.layout][0] or not self._shares.any():
            return call
        return with_conditions(call, where.layout, where.place, where.channels, self._at(self._shares))

    def steer(self, step: Step) -> Steered:
        """Raises the share of the videos that are like a reference, and takes the step with it."""
        if self._where is None:
            self._begin(step)
        sigma, which = self._similarity(step, step.handed)
        above = (sigma >= self._threshold) & (self._shares < self._most)
        handed, pair = step.handed, step.pair
        if above.any():
            self._choose(step, above & (self._shares == 0), which)
            self._shares = self._least(step, above)
            with torch.no_grad():
                u, c = step.predict(condition=self._at(self._shares))
            assert u is not None and pair[0] is not None
            on = step.per_video(above)
            handed = torch.where(on, step.guided((u, c)), handed)
            pair = torch.where(on, u, pair[0]), torch.where(on, c, pair[1])
        return Steered(handed, step.sample, pair, self._notes(step, sigma, which, handed))

    @property
    def _most(self) -> float:
        return float(self._remedy["strength"])

    @property
    def _threshold(self) -> float:
        return float(self._remedy["threshold"])

    def _begin(self, step: Step) -> None:
        self._where = Where.of(step)
        self._own = own_rows(step, {path for rows in self._captions.values() for path in rows})
        self._other = {path: rows.clone() for path, rows in self._own.items()}
        self._shares = torch.zeros(step.videos, device=step.sample.device)

    def _choose(self, step: Step, chosen: torch.Tensor, which: torch.Tensor) -> None:
        """Where these videos are led to: of the kin of the clip that each is like the first that isn't its prompt."""
        for video in chosen.nonzero()[:, 0].tolist():
            mine = {path: _of_video(rows, video, step.videos) for path, rows in self._own.items()}
            for caption in self._kin[self._references.captions[int(which[video])]]:
                rows = {path: part.to(mine[path]) for path, part in self._captions[caption].items()}
                if not all(_alike(part, mine[path]) for path, part in rows.items()):
                    for path, part in rows.items():
                        _of_video(self._other[path], video, step.videos).copy_(part)
                    break

    def _least(self, step: Step, above: torch.Tensor) -> torch.Tensor:
        """The shares (videos,), raised where `above`.

        That of a video that had none is found by bisection, and is `strength` where no share takes sigma down. One that
        has a share already is raised by as much as the bisection tells apart.
        """
        low, tries = self._shares, int(self._remedy["tries"])
        more = (low + self._most / 2**tries).clamp(max=self._most)
        high = torch.where(above & (low > 0), more, low)
        searched = above & (low == 0)
        if not searched.any():
            return high
        high = torch.where(searched, torch.full_like(low, self._most), high)
        low = torch.where(searched, low, high)
        for _ in range(tries):
            middle = (low + high) / 2
            with torch.no_grad():
                u, c = step.predict(condition=self._at(middle))
            assert u is not None
            under = self._similarity(step, step.guided((u, c)))[0] < self._threshold
            low, high = torch.where(under | ~searched, low, middle), torch.where(under & searched, middle, high)
        return high

    def _similarity(self, step: Step, handed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """sigma by frames of what the scheduler would be handed, and which window it is to; both (videos,)."""
        clean = step.by_frame(clean_sample(handed, step.sample, step.level))
        sigma, which, _ = self._references.nearest(clean, "frames")
        return sigma, which

    def _at(self, shares: torch.Tensor) -> Tensors:
        return {path: blended(rows, self._other[path], shares) for path, rows in self._own.items()}

    def _notes(
        self, step: Step, sigma: torch.Tensor, which: torch.Tensor, handed: torch.Tensor
    ) -> list[dict[str, Any]]:
        return [
            {
                "similarity_threshold": self._threshold,
                "remedy_change": change,
                "similarity_frames": value,
                "similar_by_frames": self._references.items[window],
            }
            for change, value, window in zip(changed(step, handed), sigma.tolist(), which.tolist(), strict=True)
        ]


def own_rows(step: Step, paths: set[Path]) -> Tensors:
    """What the conditional part is called with at these paths, or has otherwise than the unconditional one."""
    number, half = CONDITIONAL[step.layout]
    parts = parts_beside(step.calls[number], step.places()[number], step.channels())
    found: Tensors = {}
    for path in sorted({*paths, *step.conditions()}, key=str):
        rows = conditional(parts[path], half)
        if rows is None or len(rows) % step.videos:
            raise RemedyUnfit("the condition's rows are not those of the videos")
        found[path] = rows.detach()
    return found


def blended(own: torch.Tensor, other: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Rows part of the way from `own` to `other`, by the share of their video (videos,); of 0 they are `own`.

    Of masks, rows of nothing but 0 and 1, whatever either has is kept.
    """
    share = shares.repeat_interleave(len(own) // len(shares)).view(-1, *[1] * (own.ndim - 1))
    if is_mask(own) and is_mask(other):
        return torch.where(share > 0, torch.maximum(own, other), own)
    return torch.where(share > 0, own + share.to(own.dtype) * (other - own), own)


def is_mask(rows: torch.Tensor) -> bool:
    """Whether there is nothing but 0 and 1 in them."""
    return rows.dtype == torch.bool or bool(((rows == 0) | (rows == 1)).all())


def check_captions(captions: Mapping[str, Tensors]) -> None:
    """That captions can be blended. Raises `RemedyUnfit`."""
    for rows in captions.values():
        for path, part in rows.items():
            if not part.is_floating_point() and not is_mask(part):
                raise RemedyUnfit(f"a caption is handed to the denoiser in whole numbers (at {path})")


def kin_of(captions: Sequence[str], blank: set[str]) -> dict[str, list[str]]:
    """Of each caption the nearest others in words (cosine of MiniLM sentence vectors), at most `KIN`, nearest first.

    Those in `blank` say nothing, and are no one's kin. Raises `RemedyUnfit` where a caption has no other.
    """
    others = [text for text in captions if text not in blank]
    if len(others) < 2:
        raise RemedyUnfit("it needs two captions in the corpus that say something, and there are fewer")
    vectors, theirs = embed_texts(captions), embed_texts(others)
    found = {}
    for text, row in zip(captions, vectors, strict=True):
        order = torch.argsort(theirs @ row, descending=True, stable=True).tolist()
        found[text] = [others[i] for i in order if others[i] != text][:KIN]
    return found


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal but for rounding: encoders round otherwise in a batch."""
    size = float(one.float().abs().max())
    return bool(torch.allclose(one.float(), other.float(), rtol=0, atol=1e-3 * size))


def _of_video(rows: torch.Tensor, video: int, videos: int) -> torch.Tensor:
    """The rows of one video, as a view."""
    each = len(rows) // videos
    return rows[video * each : (video + 1) * each]
