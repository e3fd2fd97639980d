"""Passes of the denoiser for detectors that sample no video: magnitudes of pure noise, the curvature, and drafts.

Jeon et al. (arXiv 2412.04140) score a prompt by ||H_delta s_delta||^2 at the first step, with s_delta the difference of
the conditional and the unconditional score and H_delta that of their Jacobians, the Hessians of the log densities.
With s = -eps / sigma that is ||J_delta delta||^2 / sigma^4, J_delta being the Jacobian of delta(x) = eps(x,c) -
eps(x,null).
At one step sigma is the same for all, and a square keeps the order; so what is kept is (our definition)

    curvature = ||J_delta delta||_2 / sqrt(numel)
    J_delta delta = ||delta|| (delta(x + h v) - delta(x)) / (h ||v||),    v = delta / ||delta|| sqrt(numel)

with v of the size of unit noise and h a finite step: one guided pair more. A product with the Jacobian by autograd
would need the graph, which a pipeline's call doesn't keep, and its memory. Every pass is a call of the whole pipeline
that is stopped after its first step, so that each family's own conditioning applies; the moved noise goes in as its
`latents`, and that it arrived is checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from vidmem.generate.draft import draft
from vidmem.generate.families import Heard
from vidmem.generate.guidance import GuidanceMismatch
from vidmem.generate.layouts import Pair
from vidmem.generate.load import load_pipeline
from vidmem.generate.measure import Row
from vidmem.generate.noise import NoiseLevel, epsilon_difference
from vidmem.generate.recorder import Recorder
from vidmem.generate.run import LOADING
from vidmem.generate.short import short_call
from vidmem.progress import progress
from vidmem.tables import FAILED, OK, PASSES, SKIPPED, check_loss, write_table

STEPS = {torch.float64: 1e-4, torch.float32: 3e-3}  # of the finite difference, relative to unit noise
COARSE_STEP = 1e-1  # for half precision, whose rounding a smaller one would drown in
SAME = {
    torch.float16: 2e-3,
    torch.bfloat16: 2e-2,
}  # relative error of a noise that is scaled and scaled back; else 1e-3
Entry = Callable[[torch.Tensor], torch.Tensor]  # from the scheduler's sample to what the pipeline takes as `latents`
Noise = tuple[str, str, int]  # prompt_id, text, seed


class NoEntry(ValueError):
    """The pipeline can't be started from a noise that it is given."""


class FirstStep(Recorder):
    """A recorder of one step that keeps x_T and delta, both in the shape of the scheduler's sample, float32.

    `kind` is the number type of the predictions and `noise_kind` that of x_T, which pipelines keep finer or not.
    """

    sample: torch.Tensor | None = None
    delta: torch.Tensor | None = None
    scale = 1.0
    kind = noise_kind = torch.float32

    def _signals(self, pair: Pair, heard: Heard, level: NoiseLevel) -> list[Row]:
        difference = epsilon_difference(pair[1].float() - pair[0].float(), level)
        if difference.shape == heard.sample.shape:
            self.sample, self.delta = heard.sample.float().clone(), difference
        self.scale, self.kind, self.noise_kind = level.scale, pair[0].dtype, heard.sample.dtype
        return super()._signals(pair, heard, level)


def first_step(
    pipeline: Any, noises: Sequence[Noise], settings: Mapping[str, Any], latents: torch.Tensor | None = None
) -> FirstStep:
    """What the denoiser says at the first step of these prompts and seeds, or of the noise `latents`."""
    texts, seeds = [text for _, text, _ in noises], [seed for *_, seed in noises]
    return short_call(FirstStep, pipeline, texts, seeds, settings, stop_after=1, latents=latents)


def find_entry(pipeline: Any, noises: Sequence[Noise], settings: Mapping[str, Any], first: FirstStep) -> Entry:
    """How this pipeline is started from a given noise, found by starting it from the noise that it had.

    Pipelines differ in the shape of `latents` (frames flattened into the batch or not), in whether they scale it to
    the first noise level themselves, and in whether they bring it to their own number type. Raises `NoEntry`.
    """
    name = type(pipeline).__name__
    if "latents" not in inspect.signature(type(pipeline).__call__).parameters:
        raise NoEntry(f"no curvature: {name} takes no `latents` to start from")
    if first.sample is None:
        raise NoEntry(f"no curvature: the predictions of {name} have another shape than the scheduler's sample")
    size = float(getattr(pipeline.scheduler, "init_noise_sigma", 1.0))
    close = SAME.get(first.noise_kind, 1e-3)
    for entry in _entries(len(noises), size, first.noise_kind):
        try:
            again = first_step(pipeline, noises, settings, entry(first.sample))
        except GuidanceMismatch:
            raise
        except (ValueError, RuntimeError, IndexError, TypeError):  # not the shape that it takes
            continue
        x = again.sample
        if x is not None and x.shape == first.sample.shape and torch.allclose(x, first.sample, close, close * size):
            return entry
    raise NoEntry(f"no curvature: {name} doesn't start from the `latents` that it is given")


def _entries(videos: int, size: float, kind: torch.dtype) -> Iterator[Entry]:
    """Ways from the scheduler's sample to `latents` of the type `kind`, the plainest first."""

    def apart(x: torch.Tensor) -> torch.Tensor:  # (B F, C, H, W) to (B, C, F, H, W)
        return x.reshape(videos, -1, *x.shape[1:]).movedim(2, 1)

    for shape in (lambda x: x, apart):
        for factor in dict.fromkeys((1.0, 1.0 / size)):
            yield lambda x, shape=shape, factor=factor: (shape(x) * factor).to(kind)  # type: ignore[misc]


def curvature(
    pipeline: Any, noises: Sequence[Noise], settings: Mapping[str, Any], first: FirstStep, entry: Entry
) -> tuple[list[float], float]:
    """Curvature of each video at its first step, and the finite step h that it was taken with."""
    assert first.sample is not None
    assert first.delta is not None
    step = STEPS.get(first.kind, COARSE_STEP)
    delta = first.delta.reshape(len(noises), -1)
    numbers = delta.shape[1]
    sizes = delta.norm(dim=1)
    direction = delta / sizes.clamp(min=1e-20)[:, None] * numbers**0.5
    moved = first.sample + (step / first.scale) * direction.reshape(first.sample.shape)
    again = first_step(pipeline, noises, settings, entry(moved))
    if again.delta is None:
        raise NoEntry("no curvature: the second pass gave no pair of predictions")
    change = (again.delta.reshape(len(noises), -1) - delta).norm(dim=1)
    return (change * sizes / (step * numbers)).tolist(), step


def make_passes(
    pipeline: Any, prompts: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], extra: Mapping[str, int]
) -> Iterator[Row]:
    """Rows of `tables.PASSES` for prompts (prompt_id, text), the seeds 0, 1, .. of each standing for its noises.

    `extra` is `detect.extra`. A batch that fails gives rows with the reason, and the others go on.
    """
    seeds = range(max(extra.values()))
    noises: list[Noise] = [(p["prompt_id"], p["text"] or "", seed) for p in prompts for seed in seeds]
    size, entries = max(int(settings.get("batch_size", 1)), 1), dict[int, Entry]()
    for asked, group in _alike(noises, extra).items():
        for start in range(0, len(group), size):
            batch = group[start : start + size]
            try:
                yield from _batch(pipeline, batch, settings, entries, asked)
            except GuidanceMismatch:
                raise  # true of every video of this model
            except Exception as error:  # whatever a foreign pipeline raises is the reason
                said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                yield from ({**_keys(n), "status": FAILED, "reason": said} for n in batch)


def _alike(noises: Sequence[Noise], extra: Mapping[str, int]) -> dict[frozenset[str], list[Noise]]:
    """Noises by what is asked of them: those of one batch are asked the same."""
    found: dict[frozenset[str], list[Noise]] = {}
    for noise in noises:
        found.setdefault(frozenset(what for what, seeds in extra.items() if noise[2] < seeds), []).append(noise)
    return found


def _batch(
    pipeline: Any, batch: Sequence[Noise], settings: Mapping[str, Any], entries: dict[int, Entry], asked: frozenset[str]
) -> list[Row]:
    """Rows of one batch. `entries`: how a batch of a size is started from a noise, as far as it was found."""
    rows: list[Row] = [{**_keys(noise), "calls": 0} for noise in batch]
    if asked & {"noises", "curvature"}:
        rows = _first(pipeline, batch, settings, entries if "curvature" in asked else None)
    if "draft" in asked:
        drafts = draft(pipeline, [text for _, text, _ in batch], [seed for *_, seed in batch], settings)
        rows = [_both(row, drafted) for row, drafted in zip(rows, drafts, strict=True)]
    return rows


def _both(row: Row, drafted: Row) -> Row:
    """A row with its draft's signals; what is wrong with either is said."""
    worse = row if row.get("status", OK) != OK else drafted
    reason = row.get("reason") or drafted["reason"]
    return {**row, **drafted, "calls": row["calls"] + 4, "status": worse["status"], "reason": reason}


def _first(
    pipeline: Any, batch: Sequence[Noise], settings: Mapping[str, Any], entries: dict[int, Entry] | None
) -> list[Row]:
    """Rows of the first step; without `entries` no curvature is taken."""
    first = first_step(pipeline, batch, settings)
    rows: list[Row] = [{**_keys(n), **_measured(r), "calls": 2} for n, r in zip(batch, first.rows, strict=True)]
    if entries is None or rows[0]["status"] != OK:
        return rows
    try:
        if len(batch) not in entries:
            entries[len(batch)] = find_entry(pipeline, batch, settings, first)
        found, step = curvature(pipeline, batch, settings, first, entries[len(batch)])
    except NoEntry as error:
        return [{**row, "reason": str(error)} for row in rows]
    return [
        {**row, "curvature": value, "curvature_step": step, "calls": 4} for row, value in zip(rows, found, strict=True)
    ]


def _keys(noise: Noise) -> Row:
    return {"prompt_id": noise[0], "seed": noise[2]}


def _measured(rows: Sequence[Row]) -> Row:
    """What PASSES keeps of the first step's signals."""
    if not rows:
        return {"status": SKIPPED, "reason": "the pipeline never called its scheduler's step"}
    names = ("sigma", "content_magnitude", "motion_magnitude", "status", "reason")
    return {name: rows[0].get(name) for name in names}


def write_passes(
    prompts: Sequence[Mapping[str, Any]],
    model: str,
    settings: Mapping[str, Any],
    extra: Mapping[str, int],
    source: str | Path,
    out: Path,
    *,
    threads: int = 1,
    max_loss: float = 1.0,
    made_by: Mapping[str, Any] | None = None,
) -> None:
    """Load the pipeline at `source` and write `tables.PASSES` of a chunk's prompts. `settings`: the model's section.

    Raises `ModelError` if the model can't be loaded, and `TooManyLost` if more than `max_loss` of the passes failed.
    """
    torch.set_num_threads(threads)
    pipeline = load_pipeline(source, **{name: settings[name] for name in LOADING if name in settings})
    number = len(prompts) * max(extra.values())
    rows = list(progress(make_passes(pipeline, prompts, settings, extra), number, f"extra passes {model}"))
    rows.sort(key=lambda row: (row["prompt_id"], row["seed"]))
    lost = [OK if row["status"] == SKIPPED else row["status"] for row in rows]  # a model without guidance says so
    check_loss("generate", lost, [row["reason"] for row in rows], max_loss)
    write_table(out, rows, PASSES, dict(made_by or {}))
