"""What is stored of a step: the signals of its pair of predictions, one row a video.

With D = eps(x_t, c) - eps(x_t, null) and D_f the difference of neighbouring latent frames, norms over sqrt(numel): the
content magnitude ||D|| (Wen et al., arXiv 2407.21720), the motion magnitude ||D_f D|| (our definition), the norm of the
unconditional prediction, its cosine with D, and ||D|| by latent frame. How far the guess has come is told in `guess`.
"""

from __future__ import annotations

from typing import Any

import torch

from vidmem.generate.families import Family, Heard
from vidmem.generate.guess import FirstGuess
from vidmem.generate.guidance import NoPair
from vidmem.generate.layouts import Pair, like
from vidmem.generate.noise import NoiseLevel, clean_sample, epsilon, epsilon_difference

# Denoisers of pipelines without a family whose 5-D tensors are (B, F, C, H, W); others have (B, C, F, H, W).
FRAMES_FIRST = (
    "CogVideoXTransformer3DModel",
    "ConsisIDTransformer3DModel",
    "UNetSpatioTemporalConditionModel",
)
Row = dict[str, Any]


class Measure:
    """Signals of the steps of one pipeline call, which makes `videos` videos of `latent_frames` latent frames.

    `latent_frames` is only needed for denoisers that work on a flat list of tokens, such as LTX's.
    """

    def __init__(self, family: Family | None, videos: int, latent_frames: int | None) -> None:
        self._family, self._videos, self._latent_frames = family, videos, latent_frames
        self._guess: FirstGuess | None = None

    def signals(self, pair: Pair, heard: Heard, level: NoiseLevel, first: bool) -> list[Row]:
        """Of each video, columns of `tables.SIGNALS`. Later guesses are held to those of the `first` step.

        Raises `NoPair` where the shapes don't hold the videos.
        """
        sample = like(heard.sample, pair[0].shape)
        if sample is None:
            raise NoPair("the scheduler's sample has another shape than the denoiser's output")
        u, c, x = (self.by_frame(t, heard) for t in (*pair, sample))
        delta, base = epsilon_difference(c - u, level), epsilon(u, x, level)
        guess = clean_sample(c, x, level)
        if first:
            self._guess = FirstGuess(clean_sample(u, x, level), guess)
        since: list[Row] = self._guess.signals(guess) if self._guess else [{}] * self._videos
        return [{**_magnitudes(delta[i], base[i]), **since[i]} for i in range(self._videos)]

    def forget(self) -> None:
        """Let go of the first step's guesses, when the call is over."""
        self._guess = None

    def by_frame(self, tensor: torch.Tensor, heard: Heard) -> torch.Tensor:
        """float32 (float64 stays as it is) of shape (videos, latent frames, numbers a frame). Raises `NoPair`."""
        x, family = tensor if tensor.dtype == torch.float64 else tensor.float(), self._family
        if family and family.unpack:
            x = family.unpack(x, heard)
        elif x.ndim == 5:
            x = x if _has_frames_first(family, heard) else x.movedim(2, 1)
        elif x.ndim == 4:  # frames flattened into the batch, or images
            x = x.reshape(self._videos, -1, *x.shape[1:])
        elif x.ndim == 3 and self._latent_frames and x.shape[1] % self._latent_frames == 0:  # tokens, frames outermost
            x = x.reshape(x.shape[0], self._latent_frames, -1)
        else:
            x = x.reshape(x.shape[0], 1, -1)
        if x.shape[0] != self._videos:
            raise NoPair(f"the denoiser's output {tuple(tensor.shape)} doesn't hold {self._videos} videos")
        return x.reshape(self._videos, x.shape[1], -1)


def _has_frames_first(family: Family | None, heard: Heard) -> bool:
    if family is not None:
        return family.frames_first
    return type(getattr(heard.pipeline, heard.denoiser, None)).__name__ in FRAMES_FIRST


def _magnitudes(delta: torch.Tensor, base: torch.Tensor) -> Row:
    """Sizes and angle of one video's difference at one step, of float32 tensors of shape (latent frames, numbers)."""
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
