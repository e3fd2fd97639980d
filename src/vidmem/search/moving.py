"""Flow libraries as what motion is searched by: camera-free vectors, and windows of them that are narrow enough.

A motion window of k fields is too wide to be looked up by (k D numbers): every field is projected on the principal
components of the clips at hand, as many as leave a window `MOTION_SIZE` numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidmem.search.library import Library, Vectors
from vidmem.similarity.motion import at_speed, motion_vectors, window_norms

BATCH = 4096  # fields whose cameras are fitted at once
MOTION_SIZE = 256  # numbers of a projected motion window
PCA_ROWS = 2**16  # fields that the principal components are taken of

Indices = npt.NDArray[np.int64]


def motion_vectors_of(library: Library, grid: int, speed: float = 1.0, rate_hz: float = 1.0) -> list[Vectors]:
    """Camera-free, compressed motion vectors (T, D) of each video of a flow library, as if played at 1 / `speed`."""
    fields = library.vectors.reshape(-1, 2, grid, grid)
    clips = [at_speed(fields[library.rows(n)], speed, rate_hz) for n in range(len(library))]
    stacked = np.concatenate([*clips, fields[:0]])
    vectors = [motion_vectors(stacked[n : n + BATCH]) for n in range(0, len(stacked), BATCH)]  # cameras at once
    ends = np.cumsum([len(clip) for clip in clips])[:-1]
    return np.split(np.concatenate(vectors), ends) if vectors else [motion_vectors(clip) for clip in clips]


def principal_basis(clips: Sequence[Vectors], window: int) -> Vectors:
    """Orthonormal principal components of motion vectors (about 0), (D, m) with m window <= `MOTION_SIZE`.

    (0, 0) where there are no clips.
    """
    if not clips:
        return np.empty((0, 0), np.float32)
    rows = np.concatenate(clips)
    sample = rows[:: max(1, -(-len(rows) // PCA_ROWS))].astype(np.float64)
    _, components = np.linalg.eigh(sample.T @ sample)
    return np.ascontiguousarray(components[:, ::-1][:, : max(1, MOTION_SIZE // window)], np.float32)


def window_rows(
    clips: Sequence[Vectors], basis: Vectors, window: int, floor: float, power: float = 0.5
) -> tuple[Vectors, Indices]:
    """Projected, normalised windows of all clips (rows, window m), and each one's clip. Short clips have none."""
    rows, owner = [np.empty((0, window * basis.shape[1]), np.float32)], []
    for n, clip in enumerate(clips):
        count = len(clip) - window + 1
        if count > 0:
            small = clip @ basis
            stacked = np.concatenate([small[r : r + count] for r in range(window)], axis=1)
            rows.append(np.asarray(stacked / window_norms(clip, window, floor, power)[:, None], np.float32))
            owner += [n] * count
    return np.concatenate(rows), np.array(owner, np.int64)
