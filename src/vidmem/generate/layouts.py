"""How a pipeline hands classifier-free guidance to its denoiser, found by an identity rather than by name.

The guided output that the scheduler is handed is u + s (c - u), with u the unconditional and c the conditional
output. Pipelines differ in where u and c stand. Each known layout is tried on what the denoiser really
said; the one under which the identity holds is the pipeline's. Where none holds, no signal is given: a
guess would look like a measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

Pair = tuple[torch.Tensor, torch.Tensor]  # (u, c)
Scale = float | torch.Tensor  # a number, or one number a video and frame
Rebuild = Callable[[torch.Tensor, torch.Tensor, Scale], torch.Tensor]


def _one_batch(outputs: Sequence[torch.Tensor]) -> Pair | None:
    if len(outputs) != 1 or outputs[0].shape[0] % 2:
        return None
    u, c = outputs[0].chunk(2)
    return u, c


def _one_batch_conditional_first(outputs: Sequence[torch.Tensor]) -> Pair | None:
    pair = _one_batch(outputs)
    return pair and (pair[1], pair[0])


def _two_calls_conditional_first(outputs: Sequence[torch.Tensor]) -> Pair | None:
    return (outputs[1], outputs[0]) if len(outputs) == 2 and outputs[0].shape == outputs[1].shape else None


def _two_calls_unconditional_first(outputs: Sequence[torch.Tensor]) -> Pair | None:
    return (outputs[0], outputs[1]) if len(outputs) == 2 and outputs[0].shape == outputs[1].shape else None


LAYOUTS: dict[str, Callable[[Sequence[torch.Tensor]], Pair | None]] = {
    "one batch, unconditional first": _one_batch,
    "two calls, conditional first": _two_calls_conditional_first,
    "two calls, unconditional first": _two_calls_unconditional_first,
    "one batch, conditional first": _one_batch_conditional_first,
}

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 4e-3}


def like(output: torch.Tensor, shape: torch.Size) -> torch.Tensor | None:
    """A denoiser output brought to the shape that the scheduler is handed, or None if that can't be done.

    Known differences: frames flattened into the batch ((B, C, F, H, W) to (B F, C, H, W), ModelScope), and
    learned variances in the second half of the channels, which are cut off (Latte).
    """
    for candidate in (output, _flattened(output)):
        if candidate is None:
            continue
        if candidate.shape == shape:
            return candidate
        for axis in (1, 2):
            if candidate.ndim == len(shape) and candidate.ndim > axis and candidate.shape[axis] == 2 * shape[axis]:
                half = candidate.chunk(2, dim=axis)[0]
                if half.shape == shape:
                    return half
    return None


def _flattened(output: torch.Tensor) -> torch.Tensor | None:
    if output.ndim != 5:
        return None
    b, c, f, h, w = output.shape
    return output.permute(0, 2, 1, 3, 4).reshape(b * f, c, h, w)


def guided(u: torch.Tensor, c: torch.Tensor, scale: Scale) -> torch.Tensor:
    """u + s (c - u), classifier-free guidance."""
    return u + scale * (c - u)


def guidance_error(pair: Pair, scale: Scale, handed: torch.Tensor, rebuild: Rebuild = guided) -> float:
    """Largest error of the identity u + s (c - u) == handed, relative to the largest entry of `handed`.

    It is computed in the outputs' own number type and in that of `handed`, for pipelines do either.
    """
    reference = handed.double()
    size = max(float(reference.abs().max()), 1e-12)
    errors = []
    for kind in {pair[0].dtype, handed.dtype}:
        u, c = pair[0].to(kind), pair[1].to(kind)
        errors.append(float((rebuild(u, c, scale).double() - reference).abs().max()) / size)
    return min(errors)


def tolerance(outputs: Sequence[torch.Tensor], handed: torch.Tensor) -> float:
    """Relative error that rounding explains, for the coarsest number type at hand."""
    return max(TOLERANCE.get(x.dtype, 1e-5) for x in (*outputs, handed))


def find_layout(
    outputs: Sequence[torch.Tensor],
    handed: torch.Tensor,
    scales: Sequence[Scale],
    names: Sequence[str],
    rebuild: Rebuild = guided,
) -> tuple[list[str], Pair | None, float]:
    """The layouts among `names` under which the identity holds, best first, and the first one's pair.

    `outputs` are what the denoiser returned since the last scheduler step, `handed` what the scheduler was
    handed, `scales` the guidance scales that may be in force. More than one layout holds where u and c
    agree; the magnitudes are then the same under each. `rebuild` stands for u + s (c - u) where a pipeline
    computes something else. The third value is the least error that was met (infinity where no layout fits
    the shapes).
    """
    least, found = float("inf"), []
    for name in names:
        pair = LAYOUTS[name](outputs)
        if pair is None:
            continue
        u, c = (like(x, handed.shape) for x in pair)
        if u is None or c is None:
            continue
        error = min(guidance_error((u, c), scale, handed, rebuild) for scale in scales)
        least = min(least, error)
        if error <= tolerance(outputs, handed):
            found.append((error, name, (u, c)))
    found.sort(key=lambda row: row[0])
    return [name for _, name, _ in found], (found[0][2] if found else None), least
