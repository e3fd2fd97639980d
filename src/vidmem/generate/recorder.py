"""Records what the denoiser said while a pipeline samples: the raw material of detection.

Diffusers' own callbacks refuse noise tensors, and patched pipelines break at the next release. What holds is
a forward hook on the denoiser(s) and a wrapper of `scheduler.step`: between two steps the hook has seen u and
c, and the step is handed the guided output. See `layouts` for how the pair is found and checked, and `noise`
for the conversion to epsilon.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch

from vidmem.generate.layouts import LAYOUTS, Pair, find_layout, like
from vidmem.generate.noise import NoiseLevel, UnknownParameterisation, epsilon, epsilon_difference, noise_level
from vidmem.tables import OK, SKIPPED

DENOISERS = ("unet", "transformer", "transformer_2")
# Denoisers whose 5-D tensors are (B, F, C, H, W); all others in diffusers have (B, C, F, H, W).
FRAMES_FIRST = (
    "CogVideoXTransformer3DModel",
    "ConsisIDTransformer3DModel",
    "UNetSpatioTemporalConditionModel",
)
Row = dict[str, Any]


class Recorder:
    """Context manager that records the signals of one pipeline call.

        with Recorder(pipeline, videos=1, guidance_scale=7.5) as recorder:
            pipeline(...)
        rows = recorder.rows[0]  # of the first video: one dict a step, columns of tables.SIGNALS

    `videos` is the number of videos in the call, `latent_frames` the number of latent frames (only needed for
    denoisers that work on a flat list of tokens, such as LTX's). Rows lack the keys (video_id, prompt_id, seed).
    A step whose guidance can't be rebuilt is a row `skipped` with the reason, and a warning.
    """

    def __init__(
        self, pipeline: Any, *, videos: int = 1, guidance_scale: float | None = None, latent_frames: int | None = None
    ) -> None:
        self.rows: list[list[Row]] = [[] for _ in range(videos)]
        self.layout: str | None = None
        self._pipeline, self._scheduler = pipeline, pipeline.scheduler
        self._videos, self._scale, self._latent_frames = videos, guidance_scale, latent_frames
        self._names = list(LAYOUTS)
        self._outputs: list[torch.Tensor] = []
        self._hooks: list[Any] = []
        self._denoiser = ""
        self._warned = False

    def __enter__(self) -> Recorder:
        for name in DENOISERS:
            module = getattr(self._pipeline, name, None)
            if isinstance(module, torch.nn.Module):
                self._hooks.append(module.register_forward_hook(self._heard))
        original = self._scheduler.step
        self._had_own_step = "step" in vars(self._scheduler)
        self._original = original

        @functools.wraps(original)  # pipelines inspect the signature of `step`
        def step(*args: Any, **kwargs: Any) -> Any:
            return self._step(original, args, kwargs)

        self._scheduler.step = step
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
        self._hooks, self._outputs = [], []

    def _heard(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        self._denoiser = type(module).__name__
        tensor = output if isinstance(output, torch.Tensor) else output[0]
        self._outputs.append(tensor.detach())

    def _step(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = inspect.signature(original).bind(*args, **kwargs).arguments
        handed, sample = given["model_output"].detach(), given["sample"].detach()
        result = original(*args, **kwargs)
        outputs, self._outputs = self._outputs, []
        timestep = float(given["timestep"])
        index = getattr(self._scheduler, "step_index", None)  # already moved on to the next step
        common: Row = {"step": len(self.rows[0]), "timestep": timestep}
        try:
            level = noise_level(self._scheduler, None if index is None else index - 1, timestep)
            common |= {"sigma": level.sigma, "alpha_bar": level.alpha_bar}
            pair = self._pair(outputs, handed)
            self._append(common, self._signals(pair, sample, level))
        except (NoPair, UnknownParameterisation) as error:
            self._skip(common, str(error))
        return result

    def _scales(self) -> list[float]:
        """Guidance scales that may be in force: the given one, and what the pipeline says of itself now."""
        scales = [self._scale]
        scales += [getattr(self._pipeline, name, None) for name in ("guidance_scale", "_guidance_scale_2")]
        numbers = [float(s) for s in scales if isinstance(s, (int, float))]
        return list(dict.fromkeys(numbers))

    def _pair(self, outputs: list[torch.Tensor], handed: torch.Tensor) -> Pair:
        scales = self._scales()
        said = f"the denoiser was called {len(outputs)} times" + (
            f" with {tuple(outputs[0].shape)} first" if outputs else ""
        )
        if not outputs or not scales or all(s == 1 for s in scales) or _unguided(outputs, handed):
            raise NoPair(f"no classifier-free guidance pair: {said}, guidance scale {scales}")
        names, pair, error = find_layout(outputs, handed, scales, self._names)
        if pair is None:
            found = "no known layout fits" if error == float("inf") else f"relative error {error:.2g}"
            raise NoPair(
                f"no classifier-free guidance pair: u + s(c - u) is not what the scheduler was handed ({found}; "
                f"{said}, guidance scale {scales})"
            )
        self._names, self.layout = names, names[0]
        return pair

    def _signals(self, pair: Pair, sample: torch.Tensor, level: NoiseLevel) -> list[Row]:
        u, c, x = (self._by_frame(t) for t in (*pair, like(sample, pair[0].shape)))
        delta, base = epsilon_difference(c - u, level), epsilon(u, x, level)
        return [_measure(delta[i], base[i]) for i in range(self._videos)]

    def _by_frame(self, tensor: torch.Tensor | None) -> torch.Tensor:
        """float32 of shape (videos, latent frames, numbers a frame)."""
        if tensor is None:
            raise NoPair("the scheduler's sample has another shape than the denoiser's output")
        x = tensor.float()
        if x.ndim == 5:
            x = x if self._denoiser in FRAMES_FIRST else x.movedim(2, 1)
        elif x.ndim == 4:  # frames flattened into the batch, or images
            x = x.reshape(self._videos, -1, *x.shape[1:])
        elif x.ndim == 3 and self._latent_frames and x.shape[1] % self._latent_frames == 0:  # tokens, frames outermost
            x = x.reshape(x.shape[0], self._latent_frames, -1)
        else:
            x = x.reshape(x.shape[0], 1, -1)
        if x.shape[0] != self._videos:
            raise NoPair(f"the denoiser's output {tuple(tensor.shape)} doesn't hold {self._videos} videos")
        return x.reshape(self._videos, x.shape[1], -1)

    def _append(self, common: Row, rows: list[Row]) -> None:
        for i, row in enumerate(rows):
            self.rows[i].append({**common, **row, "status": OK, "reason": None})

    def _skip(self, common: Row, reason: str) -> None:
        for rows in self.rows:
            rows.append({**common, "status": SKIPPED, "reason": reason})
        if not self._warned:
            warnings.warn(f"signals skipped at step {common['step']}: {reason}", RuntimeWarning, stacklevel=4)
            self._warned = True


class NoPair(ValueError):
    """The step has no conditional and unconditional output that rebuild what the scheduler was handed."""


def _unguided(outputs: list[torch.Tensor], handed: torch.Tensor) -> bool:
    if len(outputs) != 1:
        return False
    alone = like(outputs[0], handed.shape)
    return alone is not None and torch.equal(alone.to(handed.dtype), handed)


def _measure(delta: torch.Tensor, base: torch.Tensor) -> Row:
    """The signals of one video at one step, of float32 tensors of shape (latent frames, numbers)."""
    motion = delta[1:] - delta[:-1]
    norms = float(delta.norm()) * float(base.norm())
    return {
        "content_magnitude": float(delta.norm()) / delta.numel() ** 0.5,
        "motion_magnitude": float(motion.norm()) / motion.numel() ** 0.5 if motion.numel() else None,
        "uncond_norm": float(base.norm()) / base.numel() ** 0.5,
        "cosine": float((delta * base).sum()) / norms if norms > 0 else None,
    }


def latent_frames(pipeline: Any, frames: int | None) -> int | None:
    """Latent frames of a video of `frames` frames, from the pipeline's temporal compression; None if unknown."""
    for name in ("vae_temporal_compression_ratio", "vae_scale_factor_temporal"):
        ratio = getattr(pipeline, name, None)
        if frames and isinstance(ratio, int) and ratio > 0:
            return (frames - 1) // ratio + 1
    return None
