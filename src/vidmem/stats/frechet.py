"""The Fréchet distance of two samples of feature vectors, with covariances that few vectors can give."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def frechet_distance(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> float | None:
    """‖m_x − m_y‖² + tr(C_x + C_y − 2 (C_x C_y)^½), of samples (n, d) and (m, d) (Dowson & Landau 1982).

    Covariances are shrunk (`shrunk_covariance`), since there are mostly fewer vectors than dimensions. Samples of
    different sizes are shrunk differently, so compare distances of equal n only. None for fewer than two vectors on
    either side.
    """
    if len(x) < 2 or len(y) < 2:
        return None
    c, d = shrunk_covariance(x), shrunk_covariance(y)
    root = _square_root(c)
    crossed = np.linalg.eigvalsh(root @ d @ root)
    apart = float(np.sum((x.mean(0, np.float64) - y.mean(0, np.float64)) ** 2))
    spread = float(np.trace(c) + np.trace(d) - 2 * np.sqrt(np.clip(crossed, 0, None)).sum())
    return apart + max(spread, 0.0)


def shrunk_covariance(x: npt.NDArray[Any]) -> Floats:
    """Covariance (d, d) of the rows of x (n, d), shrunk towards a multiple of I (Ledoit & Wolf 2004, lemma 3.3).

    S* = (b²/d²) m I + ((d² − b²)/d²) S, with m = tr(S)/p, d² = ‖S − mI‖², b² the estimated error of S, at most d².
    """
    n, p = x.shape
    centred = x.astype(np.float64) - x.mean(0, np.float64)
    sample: Floats = centred.T @ centred / n
    level = float(np.trace(sample)) / p
    off = float(np.sum((sample - level * np.eye(p)) ** 2))
    if off == 0:
        return sample
    # sum_k ||x_k x_k' - S||² = sum_k ||x_k||⁴ - n ||S||²
    fourth = float(np.sum(np.sum(centred**2, 1) ** 2))
    error = min((fourth / n - float(np.sum(sample**2))) / n, off)
    weight = error / off
    shrunk: Floats = weight * level * np.eye(p) + (1 - weight) * sample
    return shrunk


def _square_root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    root: Floats = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root
