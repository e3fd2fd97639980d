"""What differs between families of models, as data: one `Family` a module of this package.

A family is a set of diffusers pipelines that hand guidance to their denoiser in the same way. Config and plan
read these at parse time, so nothing heavy is imported here; a family's functions import inside themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

Arguments = Callable[[Any, Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Heard:
    """What is known at one call of `scheduler.step`.

    `outputs` are what the denoisers returned since the last sampling step, in order; `handed` is the model output
    that the scheduler was handed and `sample` x_t; `scales` are the guidance scales that may be in force (numbers,
    or tensors that broadcast with `handed`); `index` is the step's place in `scheduler.sigmas` (None where the
    scheduler keeps no such list); `arguments` are all arguments of `scheduler.step` by name, and
    `earlier` those of the calls since the last sampling step, oldest first;
    `denoiser` is the component that spoke last.
    """

    pipeline: Any
    outputs: list[torch.Tensor]
    handed: torch.Tensor
    sample: torch.Tensor
    scales: list[Any]
    index: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    earlier: Sequence[Mapping[str, Any]] = ()
    denoiser: str = ""


@dataclass(frozen=True)
class Family:
    """One family of pipelines.

    `name`: spelling in the registry, kebab-case. `title`: as people write it. `pipelines`: diffusers class names.
    `layout`: key of `layouts.LAYOUTS` in which the two predictions arrive; None where there is no unconditional
    one, and then `why` says so. `prediction`: what the denoiser predicts, in words. `condition`: what a video is
    asked for with.
    Valid numbers of frames are `frames_offset` + k `frames_multiple` (k >= 0) up to `frames_most`; width and height
    are multiples of `size_multiple` pixels.
    `frames_first`: the denoiser's 5-D tensors have frames in axis 1, (B, F, C, H, W), and not in axis 2.
    `denoisers`: the pipeline's component names. `learned_variance`: the denoiser's channels are twice the sample's.
    `at_once`: the most videos that one call can make, where that is limited.
    `copies`: the pipeline samples with copies of its scheduler, whose steps are the model's own.
    `image`: it makes images, which count as videos of one frame; the number of frames is ignored.
    `image_model`: the pipeline that a motion adapter makes the first of `pipelines` of; None where there is no such.
    `second_scale`: the pipeline takes `guidance_scale_2`, the scale of the later steps' transformer.
    `guarded`: the pipeline can't be called without NVIDIA's guardrail or what stands in for it.

    `setup(pipeline)`: what a loaded pipeline needs before it can be called.
    `arguments(pipeline, settings)`: more arguments of `pipeline.__call__`, which win over the common ones.
    `scale(heard)`: the guidance scale that is in force, where the pipeline has several.
    `prepare(heard)`: what was heard, brought to where the layout applies; None where this call of `scheduler.step`
    is no sampling step (its outputs are then kept for the next call).
    `rebuild(u, c, scale, heard)`: what the scheduler should have been handed, where that is not u + scale (c - u).
    `unpack(tensor, heard)`: a prediction as (videos, latent frames, ...), where the recorder's own rules don't fit.
    """

    name: str
    title: str
    pipelines: tuple[str, ...]
    layout: str | None
    prediction: str
    condition: Literal["text", "image", "class", "none"] = "text"
    why: str = ""
    frames_multiple: int = 1
    frames_offset: int = 1
    frames_most: int | None = None
    size_multiple: int = 8
    frames_first: bool = False
    denoisers: tuple[str, ...] = ("transformer",)
    learned_variance: bool = False
    at_once: int | None = None
    copies: bool = False
    image: bool = False
    image_model: str | None = None
    second_scale: bool = False
    guarded: bool = False
    setup: Callable[[Any], None] | None = None
    arguments: Arguments | None = None
    scale: Callable[[Heard], float] | None = None
    prepare: Callable[[Heard], Heard | None] | None = None
    rebuild: Callable[[torch.Tensor, torch.Tensor, Any, Heard], torch.Tensor] | None = None
    unpack: Callable[[torch.Tensor, Heard], torch.Tensor] | None = None

    def __post_init__(self) -> None:
        if self.layout is None and not self.why:
            raise ValueError(f"family {self.name}: without a layout it must say why")
        if self.frames_multiple < 1 or self.frames_offset < 1 or self.size_multiple < 1:
            raise ValueError(f"family {self.name}: frames and sizes are counted from 1")

    def fits(self, frames: int) -> bool:
        """Whether videos of `frames` frames can be made."""
        if self.image:
            return True
        if self.frames_most is not None and frames > self.frames_most:
            return False
        return frames >= self.frames_offset and (frames - self.frames_offset) % self.frames_multiple == 0

    def near(self, frames: int) -> tuple[int, ...]:
        """The valid numbers of frames next to `frames`: itself, or the ones below and above it."""
        if self.fits(frames):
            return (frames,)
        below = self.frames_offset + (frames - self.frames_offset) // self.frames_multiple * self.frames_multiple
        least, most = self.frames_offset, self.frames_most
        around = (max(below, least), max(below + self.frames_multiple, least))
        return tuple(sorted({n if most is None else min(n, most) for n in around}))
