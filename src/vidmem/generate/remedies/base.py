"""What a remedy sees of a sampling step, and what it may change.

A remedy acts between the denoiser and the scheduler, through the recorder's own hooks (`generate/recorder.py`): it can
change what a denoiser is called with (`Intervention.before`), and what the scheduler is handed (`Intervention.steer`).
No pipeline is forked, and what is true of the signals' guidance (checked on the first step) holds here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from vidmem.generate.layouts import LAYOUTS, Pair, guided, like
from vidmem.generate.noise import NoiseLevel, epsilon_difference
from vidmem.generate.remedies.calls import CONDITIONAL, Call, Place, Tensors, conditions, locate, put, with_conditions

Note = dict[str, Any]  # columns of tables.SIGNALS


class RemedyUnfit(ValueError):
    """A remedy that can't be applied to this model; the message names both, and says why."""


@dataclass
class Step:
    """One sampling step, before the scheduler takes it.

    `calls` are the denoiser's since the last step, `layout` how the pair stands in their outputs. `pair` (u, c),
    `handed` and `sample` (x_t) are of one shape, videos outermost; `scale` is the guidance scale (a number, or a tensor
    that broadcasts). `number` counts steps from 0 up to `steps` - 1. `by_frame` brings such a tensor to (videos, latent
    frames, numbers), in float32 or finer. `scaled` is the scheduler's `scale_model_input` at this step. `predictions`
    counts the denoiser's predictions, a video, that were asked for here.
    """

    calls: list[Call]
    layout: str
    pair: Pair
    handed: torch.Tensor
    sample: torch.Tensor
    level: NoiseLevel
    scale: Any
    videos: int
    number: int
    steps: int
    by_frame: Callable[[torch.Tensor], torch.Tensor]
    scaled: Callable[[torch.Tensor], torch.Tensor]
    predictions: int = 0
    _places: list[Place] = field(default_factory=list)

    def places(self) -> list[Place]:
        """Where each call holds x_t. Raises `RemedyUnfit`."""
        if not self._places:
            scaled = self.scaled(self.sample)
            for call in self.calls:
                place = locate(call, self.sample, scaled, self.videos)
                if place is None:
                    name = type(call.module).__name__
                    raise RemedyUnfit(f"the noisy clip isn't found among what {name} is called with")
                self._places.append(place)
        return self._places

    def channels(self) -> int:
        """Channels that x_t takes of the tensor that holds it."""
        number = CONDITIONAL[self.layout][0]
        place = self.places()[number]
        tensor, x = self.calls[number].tensors()[place.path], self.sample
        unflattened = x.ndim == 4 and tensor.ndim == 5 and place.axis == 1
        return x.shape[1] if unflattened else x.shape[place.axis]

    def conditions(self) -> Tensors:
        """The conditional rows of whatever the condition is in, by its path; see `calls.conditions`."""
        number = CONDITIONAL[self.layout][0]
        return conditions(self.calls, self.layout, self.places()[number], self.channels())

    def predict(
        self, x: torch.Tensor | None = None, condition: Mapping[Any, torch.Tensor] | None = None, both: bool = True
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """u and c at another noisy clip or on another condition, shaped as `pair`; u is None without `both`."""
        conditional, half = CONDITIONAL[self.layout]
        outputs = []
        for number, call in enumerate(self.calls):
            if half is None and number != conditional and not both:
                continue
            place, at = self.places()[number], call
            if condition and number == conditional:
                at = with_conditions(at, self.layout, place, self.channels(), condition)
            if x is not None:
                at = put(at, place, self.scaled(x) if place.scaled else x, self.videos)
            outputs.append(at.run())
            self.predictions += 1 if half is None else 2
        u, c = LAYOUTS[self.layout](outputs) or (None, outputs[0])
        shape = self.handed.shape
        shaped = like(c, shape)
        assert shaped is not None  # the pipeline's own outputs were
        return (None if u is None else like(u, shape)), shaped

    def guided(self, pair: Pair, scale: Any = None) -> torch.Tensor:
        """What the scheduler is handed of a pair, in its own number type."""
        u, c = pair
        return guided(u, c, self.scale if scale is None else scale).to(self.handed.dtype)

    def magnitudes(self, pair: Pair, of: str) -> torch.Tensor:
        """First-step magnitudes (videos,) of a pair: `content` or `motion` of tables.SIGNALS."""
        delta = epsilon_difference(self.by_frame(pair[1]) - self.by_frame(pair[0]), self.level)
        if of == "motion":
            if delta.shape[1] < 2:
                raise RemedyUnfit("a video of one latent frame has no motion magnitude")
            delta = delta[:, 1:] - delta[:, :-1]
        return delta.flatten(1).square().mean(1).add(1e-24).sqrt()

    def per_video(self, values: torch.Tensor) -> torch.Tensor:
        """Numbers (videos,) so that they broadcast with `sample`."""
        rows = values.repeat_interleave(self.sample.shape[0] // self.videos)
        return rows.view(-1, *[1] * (self.sample.ndim - 1))


@dataclass(frozen=True)
class Steered:
    """What became of a step: what the scheduler is handed, x_t, the pair of x_t, and a note a video."""

    handed: torch.Tensor
    sample: torch.Tensor
    pair: Pair
    notes: Sequence[Note]


class Intervention:
    """A remedy at work on one call of a pipeline. As it stands it changes nothing."""

    def before(self, call: Call, number: int) -> Call:
        """What the denoiser is to be called with; `number` counts its calls since the last sampling step."""
        return call

    def steer(self, step: Step) -> Steered:
        """What the scheduler is to be handed."""
        return Steered(step.handed, step.sample, step.pair, [{} for _ in range(step.videos)])


def fine(x: torch.Tensor) -> torch.Tensor:
    """In float32, or float64 where it is: what differences, norms and gradients are taken in."""
    return x if x.dtype == torch.float64 else x.float()


def changed(step: Step, handed: torch.Tensor) -> list[float]:
    """By how much what the scheduler is handed was changed, a video, as a share of its norm."""
    before, after = step.by_frame(step.handed).flatten(1), step.by_frame(handed).flatten(1)
    return [float(n) for n in ((after - before).norm(dim=1) / before.norm(dim=1).clamp(min=1e-12)).tolist()]
