"""Which frames show too little to be compared.

Blank, flat, near-uniform and fading frames resemble each other whatever the video: they would match anything. They are
left out before embedding, and counted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidmem.features.preprocess import Frames, grey


def usable(frames: Frames, min_std: float) -> npt.NDArray[np.bool_]:
    """Which frames have a grey-level standard deviation (0..255) of at least `min_std`: bool (N,)."""
    return np.asarray(grey(frames).std(axis=(1, 2)) >= min_std, np.bool_)
