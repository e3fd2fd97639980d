"""How far the guess of the clean video has come from the first one: does the model make it up while sampling?

With xh_t = E[x_0 | x_t, c] the conditional guess at step t, and xh_T, yh_T the first conditional and unconditional one:

    departure_t = ||xh_t - yh_T||_2 / sqrt(numel)      moved_t = ||xh_t - xh_T||_2 / sqrt(numel)

and the same of differences of neighbouring latent frames, D_f (our definition). A model that knows the clip by heart
names it at the first step and stays with it: it departs far from what it would make of nothing, and hardly moves.
"""

from __future__ import annotations

import torch

Signals = dict[str, float | None]


class FirstGuess:
    """The first step's clean guesses, of float32 tensors (videos, latent frames, numbers a frame)."""

    def __init__(self, unconditional: torch.Tensor, conditional: torch.Tensor) -> None:
        self._from, self._first = unconditional, conditional

    def signals(self, guess: torch.Tensor) -> list[Signals]:
        """Of each video, from the conditional clean guess of a step; motion is None for one latent frame."""
        departed, moved = guess - self._from, guess - self._first
        found = torch.stack([_size(departed), _size(moved), _size(_motion(departed)), _size(_motion(moved))])
        several = guess.shape[1] > 1
        return [
            {
                "departure": departure,
                "moved": went,
                "departure_motion": departure_motion if several else None,
                "moved_motion": went_motion if several else None,
            }
            for departure, went, departure_motion, went_motion in found.T.tolist()
        ]


def _motion(frames: torch.Tensor) -> torch.Tensor:
    return frames[:, 1:] - frames[:, :-1]


def _size(tensor: torch.Tensor) -> torch.Tensor:
    flat = tensor.flatten(1)
    size: torch.Tensor = flat.norm(dim=1) / max(flat.shape[1], 1) ** 0.5
    return size
