"""What a denoiser was called with, and how to call it again with something else in it.

A remedy must ask a denoiser once more: at another noisy clip, or on another condition. Pipelines differ in how they
hand both over, so neither is looked for by name: the noisy clip is the argument that equals the scheduler's sample, and
the condition is whatever differs between the conditional and the unconditional part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

Path = tuple[Any, ...]  # keys and indices from ("args" | "kwargs") down to a tensor
Tensors = dict[Path, torch.Tensor]
# Of each layout (`layouts.LAYOUTS`): the number of the call that holds the conditional part, and in which half of its
# rows that is (None: all of them).
CONDITIONAL: dict[str, tuple[int, int | None]] = {
    "one batch, unconditional first": (0, 1),
    "one batch, conditional first": (0, 0),
    "two calls, conditional first": (0, None),
    "two calls, unconditional first": (1, None),
}
CLOSE = {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 1e-2, torch.float16: 1e-3}


@dataclass(frozen=True)
class Call:
    """One call of a denoiser."""

    module: torch.nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def tensors(self) -> Tensors:
        """Every tensor among the arguments, in lists, tuples and dicts too."""
        return {**_leaves(self.args, ("args",)), **_leaves(self.kwargs, ("kwargs",))}

    def replaced(self, new: Mapping[Path, torch.Tensor]) -> Call:
        """The same call with other tensors at these paths."""
        return replace(self, args=_put(self.args, ("args",), new), kwargs=_put(self.kwargs, ("kwargs",), new))

    def run(self) -> torch.Tensor:
        """The denoiser's prediction. Hooks don't hear it, for it is no call of the pipeline's."""
        output = self.module.forward(*self.args, **self.kwargs)
        tensor: torch.Tensor = output if isinstance(output, torch.Tensor) else output[0]
        return tensor


@dataclass(frozen=True)
class Place:
    """Where a call holds the noisy clip: the first channels, along `axis`, of the tensor at `path`.

    `scaled`: as `scheduler.scale_model_input` makes it, and not as the scheduler is handed it.
    """

    path: Path
    axis: int
    scaled: bool


def locate(call: Call, sample: torch.Tensor, scaled: torch.Tensor, videos: int) -> Place | None:
    """Where `call` holds the noisy clip of all its videos; None where it isn't as it is.

    `sample` is the scheduler's, `scaled` what it makes of it for the denoiser.
    """
    for is_scaled, x in ((False, sample), (True, scaled)):
        for path, tensor in call.tensors().items():
            axis = _axis(tensor, _shaped(x, tensor.ndim, videos)) if tensor.is_floating_point() else None
            if axis is not None:
                return Place(path, axis, is_scaled)
    return None


def put(call: Call, place: Place, x: torch.Tensor, videos: int) -> Call:
    """The call with another noisy clip in it. `x` is scaled as the place says."""
    tensor = call.tensors()[place.path]
    lead = _rows(_shaped(x, tensor.ndim, videos), tensor)
    rest = _rest(tensor, place.axis, lead.shape[place.axis])
    return call.replaced({place.path: lead if rest is None else torch.cat([lead, rest], place.axis)})


def conditions(calls: Sequence[Call], layout: str, place: Place, channels: int) -> Tensors:
    """What the conditional part has otherwise than the unconditional one: the conditional rows of those tensors.

    Of the tensor that holds the noisy clip (in `channels` channels) it is the channels beside it.
    """
    number, half = CONDITIONAL[layout]
    mine = parts_beside(calls[number], place, channels)
    other = mine if half is not None else parts_beside(calls[1 - number], place, channels)
    found = {}
    for path, tensor in mine.items():
        c, u = conditional(tensor, half), _unconditional(other.get(path), half)
        if c is not None and u is not None and (c.shape != u.shape or not torch.equal(c, u)):
            found[path] = c
    return found


def with_conditions(call: Call, layout: str, place: Place, channels: int, new: Mapping[Path, torch.Tensor]) -> Call:
    """The conditional call with other conditional rows, as `conditions` gave them."""
    half, parts, changed = CONDITIONAL[layout][1], parts_beside(call, place, channels), {}
    for path, rows in new.items():
        part = parts[path]
        rows = rows.to(part.dtype)
        if half is not None:
            u = _unconditional(part, half)
            assert u is not None
            rows = torch.cat([rows, u] if half == 0 else [u, rows])
        if path == place.path:
            whole = call.tensors()[path]
            rows = torch.cat([whole.narrow(place.axis, 0, channels), rows], place.axis)
        changed[path] = rows
    return call.replaced(changed)


def conditional(tensor: torch.Tensor, half: int | None) -> torch.Tensor | None:
    """The conditional rows of a tensor; None where its rows are no two halves."""
    if half is None:
        return tensor
    if tensor.ndim == 0 or tensor.shape[0] % 2:
        return None
    return tensor.chunk(2)[half]


def _unconditional(tensor: torch.Tensor | None, half: int | None) -> torch.Tensor | None:
    if tensor is None or half is None:
        return tensor
    return conditional(tensor, 1 - half)


def parts_beside(call: Call, place: Place, channels: int) -> Tensors:
    """The tensors of a call that may be a condition: all, but of the noisy clip's only the channels beside it."""
    found = call.tensors()
    rest = _rest(found.pop(place.path), place.axis, channels)
    return found if rest is None else {**found, place.path: rest}


def _rest(tensor: torch.Tensor, axis: int, channels: int) -> torch.Tensor | None:
    more = tensor.shape[axis] - channels
    return tensor.narrow(axis, channels, more) if more else None


def _shaped(x: torch.Tensor, ndim: int, videos: int) -> torch.Tensor:
    """The sample in as many dimensions as the denoiser has: frames in the batch may be an axis of their own there."""
    if x.ndim == 4 and ndim == 5 and x.shape[0] % videos == 0:
        return x.reshape(videos, -1, *x.shape[1:]).permute(0, 2, 1, 3, 4)
    return x


def _axis(tensor: torch.Tensor, x: torch.Tensor) -> int | None:
    """The axis along which `tensor` begins with `x` (which may be repeated in its rows); None where it doesn't."""
    if tensor.ndim != x.ndim or x.ndim < 2 or tensor.shape[0] % x.shape[0]:
        return None
    other = [axis for axis in range(1, x.ndim) if tensor.shape[axis] != x.shape[axis]]
    if len(other) > 1 or any(tensor.shape[axis] < x.shape[axis] for axis in other):
        return None
    axis = other[0] if other else 1
    lead, want = tensor.narrow(axis, 0, x.shape[axis]), _rows(x, tensor)
    allowed = CLOSE.get(tensor.dtype, 1e-6) * float(want.abs().max())
    return axis if float((lead - want).abs().max()) <= allowed else None


def _rows(x: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    times = tensor.shape[0] // x.shape[0]
    return x.repeat(times, *[1] * (x.ndim - 1)).to(tensor.dtype)


def _leaves(value: Any, path: Path) -> Tensors:
    if isinstance(value, torch.Tensor):
        return {path: value}
    found: Tensors = {}
    for key, inner in _inside(value):
        found |= _leaves(inner, (*path, key))
    return found


def _inside(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if type(value) in (list, tuple) else []


def _put(value: Any, path: Path, new: Mapping[Path, torch.Tensor]) -> Any:
    if path in new:
        return new[path]
    if isinstance(value, dict):
        return {key: _put(inner, (*path, key), new) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_put(inner, (*path, key), new) for key, inner in enumerate(value))
    return value
