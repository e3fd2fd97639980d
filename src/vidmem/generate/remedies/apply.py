"""A remedy made ready for one pipeline: refused by name where it can't act, before anything is sampled.

A remedy is tried on the first step of the first video: that the pipeline hands over what it needs, that its denoiser
says the same when it is asked again, and, where gradients are taken, that it lets them through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidmem.generate.families import Family, family_of
from vidmem.generate.guidance import NoPair
from vidmem.generate.layouts import tolerance
from vidmem.generate.load import after_stop, sample
from vidmem.generate.measure import Row
from vidmem.generate.noise import UnknownParameterisation, clean_sample
from vidmem.generate.recorder import DENOISERS, Recorder, Stopped, latent_frames
from vidmem.generate.remedies.amg import Amg
from vidmem.generate.remedies.base import Intervention, RemedyUnfit, Steered, Step, fine
from vidmem.generate.remedies.calls import Tensors
from vidmem.generate.remedies.embedding import Embedding
from vidmem.generate.remedies.late_guidance import LateGuidance
from vidmem.generate.remedies.listen import Heard, Listener, Where, differing, without_gradients
from vidmem.generate.remedies.neighbour import Neighbour, check_captions, kin_of
from vidmem.generate.remedies.noise_adjust import NoiseAdjust
from vidmem.generate.remedies.noise_choice import choose
from vidmem.generate.remedies.references import References, Sources, prepare
from vidmem.generate.tasks import Task
from vidmem.progress import progress
from vidmem.text import normalise_text

FirstStep = Callable[[list[int]], list[list[Row]]]  # of one seed a video: the rows of its first step
KINDS = ("amg", "neighbour", "embedding", "late-guidance", "noise-choice", "noise-adjust")
REFERRING = ("amg", "neighbour")  # those that look at corpus clips


class Remedy:
    """A remedy that is ready. `kind` is its name in tables.VIDEOS. As it stands it is no remedy."""

    kind: str | None = None

    def seeds(self, own: list[int], first_step: FirstStep) -> list[int]:
        """The seeds that the videos of one call are sampled with."""
        return own

    def intervention(self) -> Intervention | None:
        """What acts on one call of the pipeline; None where sampling itself is left as it is."""
        return None


class _Acting(Remedy):
    def __init__(self, kind: str, make: Callable[[], Intervention]) -> None:
        self.kind, self._make = kind, make

    def intervention(self) -> Intervention:
        return self._make()


class _Choosing(Remedy):
    def __init__(self, remedy: Mapping[str, Any]) -> None:
        self.kind, self._remedy = str(remedy["kind"]), remedy

    def seeds(self, own: list[int], first_step: FirstStep) -> list[int]:
        column = _column(self._remedy)

        def measure(seeds: list[int]) -> list[float]:
            return [float(rows[0][column]) for rows in first_step(seeds)]

        return choose(own, int(self._remedy["strength"]), measure)


def _column(remedy: Mapping[str, Any]) -> str:
    return f"{remedy['magnitude']}_magnitude"


def ready(
    pipeline: Any,
    settings: Mapping[str, Any],
    task: Task,
    references: Sources = (),
    kept: Path | None = None,
    mark: str = "",
) -> Remedy:
    """The remedy of `settings["remedy"]`, a dumped model of `config.remedies`, or None or strength 0 for none.

    `settings` as in `run.generate_chunk`; `task` is one of the videos to be made, on whose first step it is tried.
    `references`, and `kept` and `mark` as in `references.prepare`, are for those in `REFERRING`. Raises `RemedyUnfit`,
    whose message names the remedy and the pipeline.
    """
    remedy = settings.get("remedy")
    if not remedy or not remedy["strength"]:
        return Remedy()
    try:
        return _ready(pipeline, settings, remedy, task, references, kept, mark)
    except (RemedyUnfit, NoPair, UnknownParameterisation) as error:
        name = type(pipeline).__name__
        raise RemedyUnfit(f"remedy {remedy['kind']!r} can't be applied to {name}: {error}") from error


def _ready(
    pipeline: Any,
    settings: Mapping[str, Any],
    remedy: Mapping[str, Any],
    task: Task,
    references: Sources,
    kept: Path | None,
    mark: str,
) -> Remedy:
    kind, family = str(remedy["kind"]), family_of(type(pipeline).__name__)
    if kind not in KINDS:
        raise RemedyUnfit(f"it doesn't act while sampling; {', '.join(KINDS)} do")
    _check_family(kind, family)
    if kind == "noise-choice":
        return _choosing(pipeline, settings, remedy, task)
    without_gradients(getattr(pipeline, name, None) for name in (family.denoisers if family else DENOISERS))
    trial = _Trial(remedy)
    _first_step(pipeline, settings, task, trial)
    if kind in REFERRING:
        found = _prepared(pipeline, references, settings, kept, mark)
        assert trial.clean is not None
        found.nearest(trial.clean, "frames")  # that they are alike in shape
        captions = partial(_captions, pipeline, settings, task, found, trial)
        return (_amg if kind == "amg" else _neighbour)(remedy, found, trial, captions)
    makers: dict[str, Callable[[Mapping[str, Any]], Intervention]] = {
        "embedding": Embedding,
        "late-guidance": LateGuidance,
        "noise-adjust": NoiseAdjust,
    }
    return _Acting(kind, lambda: makers[kind](remedy))


def _choosing(pipeline: Any, settings: Mapping[str, Any], remedy: Mapping[str, Any], task: Task) -> Remedy:
    """Only the first step's signals are needed, in whatever way a family hands over its guidance."""
    recorder = _first_step(pipeline, settings, task)
    first, column = recorder.rows[0][0], _column(remedy)
    if first.get(column) is None:
        raise RemedyUnfit(first["reason"] or f"the first step has no {column.replace('_', ' ')}")
    return _Choosing(remedy)


def _check_family(kind: str, family: Family | None) -> None:
    if family is None:
        return
    if family.layout is None:
        raise RemedyUnfit(f"it needs an unconditional prediction, and {family.why}")
    if kind != "noise-choice" and (family.prepare or family.rebuild or family.copies):
        raise RemedyUnfit(
            f"the family {family.name} doesn't hand its scheduler u + s (c - u), and it knows no other guidance"
        )


def _prepared(
    pipeline: Any, references: Sources, settings: Mapping[str, Any], kept: Path | None, mark: str
) -> References:
    if not references or kept is None:
        raise RemedyUnfit("it needs references, corpus clips to steer away from, and none are given")
    return prepare(pipeline, references, settings, kept, mark)


def _amg(
    remedy: Mapping[str, Any], references: References, trial: _Trial, ask: Callable[[], dict[str, Tensors]]
) -> Remedy:
    if not isinstance(trial.scale, float):
        raise RemedyUnfit("its guidance scale is not one number")
    captions: dict[str, Tensors] = {}
    if remedy["c2"] and trial.scale > 1:
        captions = ask()
    return _Acting("amg", lambda: Amg(remedy, references, captions))


def _neighbour(
    remedy: Mapping[str, Any], references: References, trial: _Trial, ask: Callable[[], dict[str, Tensors]]
) -> Remedy:
    every = sorted(set(references.captions))
    kin = kin_of(every, {text for text in every if not normalise_text(text)})
    captions = ask()
    check_captions(captions)
    return _Acting("neighbour", lambda: Neighbour(remedy, references, captions, kin))


def _captions(
    pipeline: Any, settings: Mapping[str, Any], task: Task, references: References, trial: _Trial
) -> dict[str, Tensors]:
    """How each reference's caption is handed to the denoiser."""
    where = trial.where
    assert where is not None

    def heard(caption: str) -> Tensors:
        listener = Listener(where)
        _first_step(pipeline, settings, task, listener, caption)
        return listener.rows

    every = sorted(set(references.captions))
    return differing(heard(""), progress(((text, heard(text)) for text in every), len(every), "embed captions"))


def _first_step(
    pipeline: Any, settings: Mapping[str, Any], task: Task, intervention: Intervention | None = None, text: str = ""
) -> Recorder:
    """Call the pipeline for one video until the intervention has heard enough, or the first step is over.

    The prompt is the task's, or with an intervention that listens, `text`.
    """
    images = [task.image] if isinstance(task.image, np.ndarray) else None
    labels = None if task.class_label is None else [task.class_label]
    prompt = text if isinstance(intervention, Listener) else task.text or ""
    with Recorder(
        pipeline,
        guidance_scale=settings.get("guidance_scale"),
        latent_frames=latent_frames(pipeline, settings.get("frames")),
        stop_after=1,
        remedy=intervention,
    ) as recorder:
        try:
            sample(pipeline, [prompt], [task.seed], settings, images, labels)
        except (Heard, Stopped):
            after_stop(pipeline)
    return recorder


class _Trial(Intervention):
    """Tries on the first step whatever the remedy will do, and keeps what is heard there."""

    def __init__(self, remedy: Mapping[str, Any]) -> None:
        self._remedy, self._kind = remedy, str(remedy["kind"])
        self.where: Where | None = None
        self.clean: torch.Tensor | None = None
        self.scale: Any = None

    def steer(self, step: Step) -> Steered:
        if self._kind in ("embedding", "noise-adjust", *REFERRING):
            self.where, self.scale = Where.of(step), step.scale
            _check_repeats(step)
        if self._kind in REFERRING:
            self.clean = step.by_frame(clean_sample(step.handed, step.sample, step.level))
        if self._kind in ("embedding", "noise-adjust") or self._remedy.get("gradient") == "denoiser":
            _check_gradient(step, self._kind)
        if self._remedy.get("magnitude") == "motion":
            step.magnitudes(step.pair, "motion")
        raise Heard


def _check_repeats(step: Step) -> None:
    """That the denoiser answers as before when it is asked once more: else nothing that it is asked can be trusted."""
    with torch.no_grad():
        again = step.predict(step.sample)
    for before, after in zip(step.pair, again, strict=True):
        assert after is not None
        size, error = float(before.abs().max()), float((after - before).abs().max())
        if error > 10 * tolerance([before], after) * max(size, 1e-12):
            raise RemedyUnfit(f"the denoiser answers otherwise when it is asked again (by {error:.2g} of {size:.2g})")


def _check_gradient(step: Step, kind: str) -> None:
    """One backward pass through the denoiser, to what the remedy will change."""
    leaves: Tensors = {}
    x = None
    if kind == "embedding":
        leaves = {p: fine(rows).clone().requires_grad_() for p, rows in step.conditions().items() if _real(rows)}
        wanted = list(leaves.values())
        if not wanted:
            return  # an empty prompt, which has no embedding of its own
    else:
        x = fine(step.sample).clone().requires_grad_()
        wanted = [x]
    try:
        with torch.enable_grad():
            u, c = step.predict(x, leaves or None)
            assert u is not None
            gradients = torch.autograd.grad((fine(c) - fine(u)).square().sum(), wanted, allow_unused=True)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:200]
        raise RemedyUnfit(f"no gradient comes through the denoiser ({said})") from error
    if any(gradient is None or not torch.isfinite(gradient).all() for gradient in gradients):
        raise RemedyUnfit("no finite gradient comes through the denoiser")


def _real(rows: torch.Tensor) -> bool:
    return rows.is_floating_point()
