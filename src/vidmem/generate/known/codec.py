"""The latent space of the planted model: principal components of small patches, closed form, trained in a second.

A learned autoencoder would take longer to train than the model itself, and its errors would be one more
thing to explain. Each frame is cut into `patch` x `patch` x 3 blocks, which are projected on the first
`channels` principal components of the training clips' blocks and scaled to about unit variance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from diffusers import ModelMixin
from diffusers.configuration_utils import ConfigMixin, register_to_config

from vidmem.generate.known.pixels import to_unit


class PatchCodec(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Frames to latents and back: (B, F, 3, S, S) in [-1, 1] <-> (B, channels, F, S / patch, S / patch).

    The buffers are float32: `mean` (3 p p,), `components` (3 p p, channels) with orthonormal columns, and
    `scale` (channels,), each component's standard deviation over the training blocks, but no less than
    `floor` times the first one's (else components that hold noise would be blown up to unit variance). `frames` and
    `side` are kept with it: the format of the clips that it was made for.
    """

    mean: torch.Tensor
    components: torch.Tensor
    scale: torch.Tensor

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self, patch: int = 4, channels: int = 12, floor: float = 0.15, frames: int = 8, side: int = 48
    ) -> None:
        super().__init__()
        size = 3 * patch * patch
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("components", torch.zeros(size, channels))
        self.register_buffer("scale", torch.ones(channels))

    @classmethod
    def fit(cls, clips: npt.NDArray[np.uint8], patch: int = 4, channels: int = 12, floor: float = 0.15) -> PatchCodec:
        """The codec of `clips`, uint8 of shape (M, F, S, S, 3) with S a multiple of `patch`."""
        codec: PatchCodec = cls(patch=patch, channels=channels, floor=floor, frames=clips.shape[1], side=clips.shape[2])
        blocks = codec._blocks(to_unit(torch.from_numpy(clips))).reshape(-1, codec.mean.numel()).double()
        mean = blocks.mean(0)
        values, vectors = torch.linalg.eigh((blocks - mean).T @ (blocks - mean) / max(len(blocks), 1))
        vectors = vectors.flip(1)[:, :channels]
        # An eigenvector's sign is arbitrary: make the entry of largest size positive, so that reruns agree.
        largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
        deviations = values.flip(0)[:channels].clamp(min=0).sqrt()
        codec.mean.copy_(mean)
        codec.components.copy_(vectors * largest.sign())
        codec.scale.copy_(deviations.clamp(min=max(floor * float(deviations[0]), 1e-4)))
        return codec

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """(channels, F, S / patch, S / patch) of one clip's latents."""
        small = self.config.side // self.config.patch
        return self.config.channels, self.config.frames, small, small

    def _blocks(self, frames: torch.Tensor) -> torch.Tensor:
        p = self.config.patch
        b, f, c, h, w = frames.shape
        cut = frames.reshape(b, f, c, h // p, p, w // p, p)
        return cut.permute(0, 1, 3, 5, 2, 4, 6).reshape(b, f, h // p, w // p, c * p * p)

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        """Latents (B, channels, F, S / patch, S / patch) of frames (B, F, 3, S, S) in [-1, 1]."""
        latents = ((self._blocks(frames) - self.mean) @ self.components) / self.scale
        return latents.permute(0, 4, 1, 2, 3)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Frames (B, F, 3, S, S) in [-1, 1] of latents (B, channels, F, S / patch, S / patch)."""
        p = self.config.patch
        b, _, f, h, w = latents.shape
        blocks = (latents.permute(0, 2, 3, 4, 1) * self.scale) @ self.components.T + self.mean
        frames = blocks.reshape(b, f, h, w, 3, p, p).permute(0, 1, 4, 2, 5, 3, 6)
        return frames.reshape(b, f, 3, h * p, w * p).clamp(-1, 1)
