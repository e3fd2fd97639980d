"""Records what the denoiser said while a pipeline samples: the raw material of detection.

Diffusers' own callbacks refuse noise tensors, and patched pipelines break at the next release. What holds is
a forward hook on the denoiser(s) and a wrapper of `scheduler.step`: between two steps the hook has seen u and
c, and the step is handed the guided output. See `families` for where each family's pair stands, `layouts` for
how it is checked, and `noise` for the conversion to epsilon.
"""

from __future__ import annotations

import functools
import inspect
import types
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

import diffusers
import torch

from vidmem.generate.families import Family, Heard, family_of
from vidmem.generate.guess import FirstGuess
from vidmem.generate.layouts import (
    LAYOUTS,
    Pair,
    Rebuild,
    Scale,
    find_layout,
    guidance_error,
    guided,
    like,
    tolerance,
)
from vidmem.generate.noise import (
    NoiseLevel,
    UnknownParameterisation,
    clean_sample,
    epsilon,
    epsilon_difference,
    noise_level,
)
from vidmem.generate.remedies.base import Intervention, Steered, Step
from vidmem.generate.remedies.calls import Call
from vidmem.tables import OK, SKIPPED

DENOISERS = ("unet", "transformer", "transformer_2")
# Denoisers of pipelines without a family whose 5-D tensors are (B, F, C, H, W); others have (B, C, F, H, W).
FRAMES_FIRST = (
    "CogVideoXTransformer3DModel",
    "ConsisIDTransformer3DModel",
    "UNetSpatioTemporalConditionModel",
)
Row = dict[str, Any]


class NoPair(ValueError):
    """The step has no conditional and unconditional output that rebuild what the scheduler was handed."""


class GuidanceMismatch(RuntimeError):
    """A family's declared guidance doesn't rebuild what the scheduler was handed: its signals would be wrong."""


class Stopped(Exception):
    """Raised out of the pipeline's call once `stop_after` steps were recorded. It is no failure."""


class Recorder:
    """Context manager that records the signals of one pipeline call.

        with Recorder(pipeline, videos=1, guidance_scale=7.5) as recorder:
            pipeline(...)
        rows = recorder.rows[0]  # of the first video: one dict a step, columns of tables.SIGNALS

    `videos` is the number of videos in the call, `latent_frames` the number of latent frames (only needed for
    denoisers that work on a flat list of tokens, such as LTX's). Rows lack the keys (video_id, prompt_id, seed).
    A step whose guidance can't be rebuilt is a row `skipped` with the reason, and a warning; on the first step of
    a family whose layout is declared it raises `GuidanceMismatch`. With `stop_after=n` the call ends with
    `Stopped` after n steps. `layout` and `error` are the first step's, when it is over. `predictions` counts what the
    denoiser was asked for, a video: a call on both conditions gives two.

    A `remedy` changes what the denoiser is called with and what the scheduler is handed; the rows are then those of
    the step as it was taken. It needs both predictions, and where there are none it raises `NoPair`.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        videos: int = 1,
        guidance_scale: float | None = None,
        latent_frames: int | None = None,
        stop_after: int | None = None,
        remedy: Intervention | None = None,
    ) -> None:
        self.rows: list[list[Row]] = [[] for _ in range(videos)]
        self.predictions = 0
        self.layout: str | None = None
        self.error: float | None = None
        self._pipeline, self._scheduler = pipeline, pipeline.scheduler
        self._family: Family | None = family_of(type(pipeline).__name__)
        self._videos, self._scale, self._latent_frames = videos, guidance_scale, latent_frames
        self._stop_after, self._remedy = stop_after, remedy
        self._calls: list[Call] = []  # as the outputs; only kept for a remedy
        self._names = [self._family.layout] if self._family and self._family.layout else list(LAYOUTS)
        self._outputs: list[torch.Tensor] = []
        self._earlier: list[Row] = []
        self._hooks: list[Any] = []
        self._component = self._denoiser = ""
        self._guess: FirstGuess | None = None
        self._warned = False

    def __enter__(self) -> Recorder:
        for name in self._family.denoisers if self._family else DENOISERS:
            module = getattr(self._pipeline, name, None)
            if isinstance(module, torch.nn.Module):
                self._hooks.append(module.register_forward_hook(functools.partial(self._heard, name)))
                if self._remedy is not None:
                    self._hooks.append(module.register_forward_pre_hook(self._before, with_kwargs=True))
        self._had_own_step = "step" in vars(self._scheduler)
        self._original = self._scheduler.step
        self._signature = inspect.signature(self._original)
        copies = self._family is not None and self._family.copies
        self._scheduler.step = _Step(self._scheduler, self._original, self._step, copies)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._had_own_step:
            self._scheduler.step = self._original
        else:
            del self._scheduler.step
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._outputs, self._earlier, self._calls, self._guess = [], [], [], [], None

    def _before(self, module: torch.nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
        assert self._remedy is not None
        call = self._remedy.before(Call(module, args, kwargs), len(self._calls))
        self._calls.append(call)
        return call.args, call.kwargs

    def _heard(self, name: str, module: torch.nn.Module, args: Any, output: Any) -> None:
        self._component, self._denoiser = name, type(module).__name__
        tensor = output if isinstance(output, torch.Tensor) else output[0]
        self._outputs.append(tensor.detach())

    def _step(self, scheduler: Any, original: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        bound = self._signature.bind(*args, **kwargs)
        given = bound.arguments
        steered = None if self._remedy is None else self._steer(scheduler, given)
        result = original(*bound.args, **bound.kwargs)
        index = getattr(scheduler, "step_index", None)  # already moved on to the next step
        heard: Heard | None = Heard(
            self._pipeline,
            self._outputs,
            given["model_output"].detach(),
            given["sample"].detach(),
            self._scales(),
            None if index is None else index - 1,
            given,
            self._earlier,
            self._component,
        )
        if heard and self._family and self._family.prepare:
            heard = self._family.prepare(heard)
        if heard is None:
            # a copy of x_t, for the pipeline may write the step's result into it
            self._earlier.append({**given, "sample": given["sample"].clone()})
            return result
        self._outputs, self._earlier, self._calls = [], [], []
        self._record(scheduler, heard, _timestep(given), steered)
        both = self.layout is not None and self.layout.startswith("one batch")
        self.predictions += len(heard.outputs) * (2 if both else 1)
        if self._stop_after is not None and len(self.rows[0]) >= self._stop_after:
            raise Stopped(f"stopped after {self._stop_after} steps, as asked")
        return result

    def _steer(self, scheduler: Any, given: dict[str, Any]) -> Steered:
        """The step as the remedy has it; puts into `given` what the scheduler is to be handed."""
        assert self._remedy is not None
        timestep, handed, sample = _timestep(given), given["model_output"].detach(), given["sample"].detach()
        index = _upcoming(scheduler, given["timestep"])
        heard = Heard(self._pipeline, self._outputs, handed, sample, self._scales(), index, given, self._earlier)
        pair = self._pair(heard)
        assert self.layout is not None
        step = Step(
            self._calls, self.layout, pair, handed, sample, noise_level(scheduler, index, timestep),
            _in_force(pair, heard), self._videos, len(self.rows[0]), len(scheduler.timesteps),
            lambda tensor: self._by_frame(tensor, heard), lambda x: _scaled(scheduler, x, given["timestep"]),
        )  # fmt: skip
        steered = self._remedy.steer(step)
        self.predictions += step.predictions
        given["model_output"], given["sample"] = steered.handed, steered.sample
        return steered

    def _record(self, scheduler: Any, heard: Heard, timestep: float, steered: Steered | None = None) -> None:
        common: Row = {"step": len(self.rows[0]), "timestep": timestep}
        try:
            level = noise_level(scheduler, heard.index, timestep)
            common |= {"sigma": level.sigma, "alpha_bar": level.alpha_bar}
        except UnknownParameterisation as error:
            return self._skip(common, str(error))
        try:
            rows = self._signals(steered.pair if steered else self._pair(heard), heard, level)
        except NoPair as error:
            return self._skip(common, str(error))
        if steered:
            rows = [{**row, **note} for row, note in zip(rows, steered.notes, strict=True)]
        for mine, row in zip(self.rows, rows, strict=True):
            mine.append({**common, **row, "status": OK, "reason": None})
        return None

    def _scales(self) -> list[Scale]:
        """Guidance scales that may be in force: the given one, and what the pipeline says of itself now."""
        pipeline = self._pipeline
        default = inspect.signature(type(pipeline).__call__).parameters.get("guidance_scale")
        given = self._scale if self._scale is not None else (default.default if default else None)
        names = ("guidance_scale", "_guidance_scale", "_guidance_scale_2", "_true_cfg_scale")
        said = [getattr(pipeline, name, None) for name in names]
        said.append(getattr(getattr(pipeline, "guider", None), "guidance_scale", None))
        numbers = [float(s) for s in (given, *said) if isinstance(s, (int, float))]
        return [*dict.fromkeys(numbers), *[s for s in said[:1] if isinstance(s, torch.Tensor)]]

    def _pair(self, heard: Heard) -> Pair:
        outputs, handed, family, first = heard.outputs, heard.handed, self._family, not self.rows[0]
        declared = family is not None and family.layout is not None and len(outputs) > 1  # asked for both all the same
        off = not declared and all(isinstance(s, float) and s == 1 for s in heard.scales)
        if not outputs or off or _unguided(outputs, handed):
            raise NoPair(f"no classifier-free guidance pair: {family.why if family and family.why else _said(heard)}")
        names, pair, error = find_layout(outputs, handed, heard.scales, self._names, self._rebuild(heard))
        if first:
            self.error = error
        if pair is None:
            fits = error != float("inf")
            if first and fits and family and family.layout:
                raise GuidanceMismatch(_complaint(family, heard, error))
            found = f"relative error {error:.2g}" if fits else "no known layout fits"
            raise NoPair(
                "no classifier-free guidance pair: u + s(c - u) is not what the scheduler was handed "
                f"({found}; {_said(heard)})"
            )
        self._names, self.layout = names, names[0]
        return pair

    def _rebuild(self, heard: Heard) -> Rebuild:
        own = self._family.rebuild if self._family else None
        return guided if own is None else lambda u, c, scale: own(u, c, scale, heard)

    def _signals(self, pair: Pair, heard: Heard, level: NoiseLevel) -> list[Row]:
        sample = like(heard.sample, pair[0].shape)
        if sample is None:
            raise NoPair("the scheduler's sample has another shape than the denoiser's output")
        u, c, x = (self._by_frame(t, heard) for t in (*pair, sample))
        delta, base = epsilon_difference(c - u, level), epsilon(u, x, level)
        guess = clean_sample(c, x, level)
        if not self.rows[0]:
            self._guess = FirstGuess(clean_sample(u, x, level), guess)
        since: list[Row] = self._guess.signals(guess) if self._guess else [{}] * self._videos
        return [{**_measure(delta[i], base[i]), **since[i]} for i in range(self._videos)]

    def _by_frame(self, tensor: torch.Tensor, heard: Heard) -> torch.Tensor:
        """float32 (float64 stays as it is) of shape (videos, latent frames, numbers a frame)."""
        x, family = tensor if tensor.dtype == torch.float64 else tensor.float(), self._family
        if family and family.unpack:
            x = family.unpack(x, heard)
        elif x.ndim == 5:
            first = family.frames_first if family else self._denoiser in FRAMES_FIRST
            x = x if first else x.movedim(2, 1)
        elif x.ndim == 4:  # frames flattened into the batch, or images
            x = x.reshape(self._videos, -1, *x.shape[1:])
        elif x.ndim == 3 and self._latent_frames and x.shape[1] % self._latent_frames == 0:  # tokens, frames outermost
            x = x.reshape(x.shape[0], self._latent_frames, -1)
        else:
            x = x.reshape(x.shape[0], 1, -1)
        if x.shape[0] != self._videos:
            raise NoPair(f"the denoiser's output {tuple(tensor.shape)} doesn't hold {self._videos} videos")
        return x.reshape(self._videos, x.shape[1], -1)

    def _skip(self, common: Row, reason: str) -> None:
        for rows in self.rows:
            rows.append({**common, "status": SKIPPED, "reason": reason})
        if not self._warned:
            warnings.warn(f"signals skipped at step {common['step']}: {reason}", RuntimeWarning, stacklevel=5)
            self._warned = True


class _Step:
    """`scheduler.step` as the recorder's.

    Pipelines inspect its signature, and some copy the scheduler. The copies' steps are their own; they are recorded
    with `copies` (SkyReels' frames), and not without (LTX2's sound).
    """

    def __init__(self, scheduler: Any, original: Callable[..., Any], record: Callable[..., Any], copies: bool) -> None:
        functools.update_wrapper(self, original)
        self._scheduler, self._original, self._record, self._copies = scheduler, original, record, copies

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._record(self._scheduler, self._original, args, kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        copied = memo.get(id(self._scheduler))
        if copied is None:
            return self
        own = types.MethodType(type(copied).step, copied)
        return _Step(copied, own, self._record, True) if self._copies else own


def _timestep(given: dict[str, Any]) -> float:
    return float(torch.as_tensor(given["timestep"]).flatten()[0])


def _upcoming(scheduler: Any, timestep: Any) -> int | None:
    """The place in `scheduler.sigmas` of the step that is about to be taken, as diffusers' schedulers find it."""
    if not hasattr(scheduler, "step_index"):
        return None
    if scheduler.step_index is not None:
        return int(scheduler.step_index)
    begin = getattr(scheduler, "begin_index", None)
    return int(scheduler.index_for_timestep(timestep) if begin is None else begin)


def _in_force(pair: Pair, heard: Heard) -> Scale:
    """Which of the guidance scales that may be in force is."""
    scale: Scale = min(heard.scales, key=lambda scale: guidance_error(pair, scale, heard.handed))
    return scale


def _scaled(scheduler: Any, sample: torch.Tensor, timestep: Any) -> torch.Tensor:
    """The sample as the denoiser is to see it, where the scheduler has a say in it."""
    scale = getattr(scheduler, "scale_model_input", None)
    scaled: torch.Tensor = sample if scale is None else scale(sample, timestep)
    return scaled


def _said(heard: Heard) -> str:
    shape = f" with {tuple(heard.outputs[0].shape)} first" if heard.outputs else ""
    return f"the denoiser was called {len(heard.outputs)} times{shape}, guidance scale {heard.scales}"


def _complaint(family: Family, heard: Heard, error: float) -> str:
    allowed = tolerance(heard.outputs, heard.handed)
    return (
        f"family {family.name} ({type(heard.pipeline).__name__}): what the scheduler was handed on the first step is "
        f"not the guidance of its two predictions ({family.layout}): relative error {error:.2g}, allowed "
        f"{allowed:.2g}; {_said(heard)}. Its signals would be wrong. Options that change the guidance "
        "(guidance_rescale, PAG and the like) do this; if none is on, diffusers has changed: please report this "
        f"message with its version ({diffusers.__version__}) and the model"
    )


def _unguided(outputs: list[torch.Tensor], handed: torch.Tensor) -> bool:
    if len(outputs) != 1:
        return False
    alone = like(outputs[0], handed.shape)
    return alone is not None and torch.equal(alone.to(handed.dtype), handed)


def _measure(delta: torch.Tensor, base: torch.Tensor) -> Row:
    """The signals of one video at one step, of float32 tensors of shape (latent frames, numbers)."""
    frames, numbers = delta.shape
    motion = delta[1:] - delta[:-1]
    found = torch.stack([delta.norm(), motion.norm(), base.norm(), (delta * base).sum(), *delta.norm(dim=1)])
    content, moved, plain, product, *profile = found.tolist()  # one transfer from the device
    norms = content * plain
    return {
        "content_magnitude": content / delta.numel() ** 0.5,
        "motion_magnitude": moved / motion.numel() ** 0.5 if frames > 1 else None,
        "uncond_norm": plain / base.numel() ** 0.5,
        "cosine": product / norms if norms > 0 else None,
        "profile": [norm / numbers**0.5 for norm in profile],
    }


def latent_frames(pipeline: Any, frames: int | None) -> int | None:
    """Latent frames of a video of `frames` frames, from the pipeline's temporal compression; None if unknown."""
    for name in ("vae_temporal_compression_ratio", "vae_scale_factor_temporal"):
        ratio = getattr(pipeline, name, None)
        if frames and isinstance(ratio, int) and ratio > 0:
            return (frames - 1) // ratio + 1
    return None
