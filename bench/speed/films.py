"""What the benchmarks of features are run on: films as a corpus has them, and a network of SSCD's shape."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torchvision.models import resnet50

from vidmem.config.media import Limits
from vidmem.corpus.made.footage import footage_files
from vidmem.media import MediaRef, read_clip, write_video

WIDTH, HEIGHT, FRAMES = 596, 336, 240  # WebVid-10M's usual size; nearly 10 s at 25 frames a second
SOURCE = "bikes.mp4"  # real traffic, of an installed package


def write_films(folder: Path, count: int) -> list[Path]:
    """H.264 films of one source at different beginnings, as a corpus on the web has them (crf 23)."""
    clip = read_clip(MediaRef(footage_files()[SOURCE]), rate_hz=None, max_frames=FRAMES, limits=Limits())
    frames = np.stack([cv2.resize(frame, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for frame in clip.frames])
    paths = [folder / f"{n:02d}.mp4" for n in range(count)]
    for n, path in enumerate(paths):
        write_video(path, np.roll(frames, -17 * n, axis=0), 25.0, crf=23)
    return paths


class SscdShaped(nn.Module):
    """ResNet-50, generalised-mean pooling of power 3, and a projection on 512 numbers, as SSCD has; random weights."""

    def __init__(self) -> None:
        super().__init__()
        trunk = resnet50(weights=None)
        self.trunk = nn.Sequential(*list(trunk.children())[:-2])
        self.project = nn.Linear(2048, 512)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (n, 3, h, w), normalised, to vectors (n, 512)."""
        pooled = self.trunk(x).clamp(min=1e-6).pow(3.0).mean(dim=(2, 3)).pow(1 / 3)
        return nn.functional.normalize(self.project(pooled))


def write_network(path: Path, width: int = 64) -> None:
    """The network as a TorchScript file, as SSCD is given out. `width` is there for tests: images are `width` wide."""
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):  # of TorchScript's future
        torch.jit.save(torch.jit.trace(SscdShaped().eval(), torch.zeros(2, 3, width, width)), str(path))
