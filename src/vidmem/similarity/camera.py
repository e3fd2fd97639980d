"""What a camera alone explains of a flow field: a robust affine fit, the residual motion, and natural motion.

A pan, a tilt, a zoom, a roll of the camera moves the whole frame by a field that is affine in position. Anyone's video
has such motion, so it is no evidence of memorisation: motion is scored on the residual, and clips whose motion is none
or the camera's alone are natural. The fit is robust (the moving object must not pull the camera along) and
deterministic: iteratively reweighted least squares with Geman-McClure weights (Black and Anandan 1996, "The robust
estimation of multiple motions"), started from a weighted fit that trusts the frame's border most.

Fields are float (T, 2, g, g): x then y component, in shares of the frame's width per second.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Fields = npt.NDArray[np.float32]
Model = Literal["none", "translation", "similarity", "affine"]

ITERATIONS = 12
MIN_SCALE = 0.005  # shares of the width per second: what an engine's own noise makes of a still scene


class Natural(NamedTuple):
    """How a clip moves, over all its fields.

    mean_flow: mean |F|; mean_residual: mean |F - camera| (both shares of the width per second);
    explained: share of the flow's energy that the camera explains, 0..1; reason: None, "still" or "camera".
    """

    mean_flow: float
    mean_residual: float
    explained: float
    reason: str | None

    @property
    def natural(self) -> bool:
        """Whether the motion is no evidence: still, or the camera's alone."""
        return self.reason is not None


def camera_field(fields: Fields, model: Model = "affine") -> Fields:
    """The camera's part of each field, same shape: a robust fit of `model` to the fields, each by itself.

    "affine" has 6 parameters, "similarity" 4 (translation, zoom, roll), "translation" 2, "none" 0.
    """
    fields = _checked(fields)
    if model == "none" or not len(fields):
        return np.zeros_like(fields, np.float32)
    count, _, g, _ = fields.shape
    basis = _basis(g, model)  # (P, 2, parameters)
    target = fields.reshape(count, 2, g * g).transpose(0, 2, 1).astype(np.float64)  # (T, P, 2)
    weights = np.broadcast_to(_border_weights(g), (count, g * g))
    fit = np.zeros_like(target)
    scale = np.full(count, np.inf)
    for _ in range(ITERATIONS):
        fit = _weighted_fit(basis, target, weights)
        distance = np.linalg.norm(target - fit, axis=2)
        # 1.4826 * median turns the median deviation into a standard deviation; it only ever shrinks, so that
        # the weights settle (graduated non-convexity)
        scale = np.minimum(scale, np.maximum(1.4826 * np.median(distance, axis=1), MIN_SCALE))
        weights = (1.0 + (distance / scale[:, None]) ** 2) ** -2
    return np.ascontiguousarray(fit.transpose(0, 2, 1), np.float32).reshape(fields.shape)


def residual(fields: Fields, model: Model = "affine") -> Fields:
    """Flow minus the camera's part: what moves in the scene. Same shape and units."""
    return np.asarray(fields - camera_field(fields, model), np.float32)


def explained_share(fields: Fields, rest: Fields) -> float:
    """Share of the energy of `fields` that is gone in the residual `rest`, clipped to 0..1; 0 for no motion at all."""
    energy = float(np.square(fields, dtype=np.float64).sum())
    if energy <= 0.0:
        return 0.0
    return float(np.clip(1.0 - float(np.square(rest, dtype=np.float64).sum()) / energy, 0.0, 1.0))


def magnitudes(fields: Fields) -> npt.NDArray[np.float32]:
    """Mean |F| over the grid, one number a field, shape (T,), shares of the width per second."""
    return np.asarray(np.hypot(fields[:, 0], fields[:, 1]).mean(axis=(1, 2)), np.float32)


def classify(fields: Fields, *, still_floor: float, camera_explained: float, model: Model = "affine") -> Natural:
    """Whether a clip's (or window's) motion is natural: `still`, `camera`, or neither.

    A clip is still when its mean |F| is under `still_floor`. It is the camera's when the camera explains at least
    `camera_explained` of its energy, or when what the camera leaves is itself still.
    """
    if not len(fields):
        return Natural(0.0, 0.0, 0.0, "still")
    rest = residual(fields, model)
    mean_flow, mean_rest = float(magnitudes(fields).mean()), float(magnitudes(rest).mean())
    share = explained_share(fields, rest)
    reason = None
    if mean_flow < still_floor:
        reason = "still"
    elif share >= camera_explained or mean_rest < still_floor:
        reason = "camera"
    return Natural(mean_flow, mean_rest, share, reason)


def _checked(fields: Fields) -> Fields:
    if fields.ndim != 4 or fields.shape[1] != 2 or fields.shape[2] != fields.shape[3]:
        raise ValueError(f"expected flow fields of shape (T, 2, g, g), not {fields.shape}")
    return fields


def _basis(g: int, model: Model) -> npt.NDArray[np.float64]:
    axis = (np.arange(g) + 0.5) / g - 0.5
    y, x = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    one, zero = np.ones_like(x), np.zeros_like(x)
    rows: dict[str, list[list[npt.NDArray[np.float64]]]] = {
        "translation": [[one, zero], [zero, one]],
        "similarity": [[one, zero], [zero, one], [x, y], [-y, x]],
        "affine": [[one, zero], [zero, one], [x, zero], [zero, x], [y, zero], [zero, y]],
    }
    return np.asarray(rows[model]).transpose(2, 1, 0)


def _border_weights(g: int) -> npt.NDArray[np.float64]:
    axis = np.abs((np.arange(g) + 0.5) / g - 0.5) * 2
    return np.asarray(np.maximum(axis[:, None], axis[None, :]).ravel() ** 2, np.float64)


def _weighted_fit(
    basis: npt.NDArray[np.float64], target: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    points, _, size = basis.shape
    outer = np.einsum("pca,pcb->pab", basis, basis).reshape(points, size * size)
    normal = (weights @ outer).reshape(-1, size, size)
    normal += 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(size)
    right = np.einsum("pca,tp,tpc->ta", basis, weights, target, optimize=True)
    parameters = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    fit: npt.NDArray[np.float64] = np.einsum("pca,ta->tpc", basis, parameters)
    return fit
