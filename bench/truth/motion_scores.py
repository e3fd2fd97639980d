"""Every motion score that was tried, as a table (queries, references) of a world.

All of them are inner products of a window of one clip with a window of another, the best window counts, and some are
then held against background clips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from worlds import World

from vidmem.config.analysis import Metrics
from vidmem.search.windows import Clip, Laid
from vidmem.similarity import camera, motion

Fields = camera.Fields
Table = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
FLOOR, RATE_HZ = Metrics().still_floor, 8.0
EPSILON = motion.EPSILON


@dataclass(frozen=True)
class Variant:
    """One score.

    `lengths` of window, whose scores are averaged (where a clip has fewer fields: the lengths that it has); `camera`:
    none | median | translation | similarity | affine; `unit`: what is a unit vector before the inner product: each
    field, each cell (pixel), or the window; `power` to which magnitudes are raised; `null`: none | mean | median, the
    background statistics that a score is held against, after `fisher`'s transformation or not, with a `spread` added to
    their deviation; `speeds` at which the query is tried.
    """

    name: str
    lengths: tuple[int, ...] = tuple(motion.window_lengths(7))
    camera: str = "affine"
    unit: str = "window"
    power: float = 0.5
    fit_grid: int = 16
    grid: int = 8
    null: str = "mean"
    spread: float = motion.SPREAD
    fisher: bool = True
    speeds: tuple[float, ...] = (1.0,)


DEFAULT = Variant("ours: residual, power .5, windows 7 to 19, null-normalised")
OFS3 = Variant("OFS-3 raw", (3,), "none", "field", 1.0, 16, 16, "none")


def variants() -> list[Variant]:
    """The table's rows."""
    rows = [DEFAULT, OFS3]
    rows += [Variant(f"OFS-{k} raw", (k,), "none", "field", 1.0, 16, 16, "none") for k in (1, 5, 8, 16)]
    rows += [Variant(f"OFS-{k} median-subtracted", (k,), "median", "field", 1.0, 16, 16, "none") for k in (3, 8)]
    rows += [
        Variant(f"OFS-{k} camera-residual", (k,), "affine", "field", 1.0, 16, 16, "none") for k in (1, 3, 5, 8, 16)
    ]
    rows += [Variant(f"OFS-{k} camera-residual, per cell", (k,), "affine", "cell", 1.0, 16, 16, "none") for k in (3, 8)]
    rows += [Variant("OFS-3 raw, null-normalised", (3,), "none", "field", 1.0, 16, 16, "mean")]
    rows += [Variant("OFS-8 camera-residual, null-normalised", (8,), "affine", "field", 1.0, 16, 16, "mean")]
    rows += [Variant(f"residual, power .5, window {k}", (k,), null="none") for k in (3, 5, 7, 10, 14)]
    rows += [Variant(f"residual, power .5, window {k}, null-normalised", (k,)) for k in (3, 5, 7, 10, 14)]
    rows += [Variant("ours, without null-normalisation", null="none")]
    rows += [Variant("ours, null by median and MAD", null="median")]
    rows += [Variant("ours, windows 7 and 14", (7, 14)), Variant("ours, windows 7, 10 and 14", (7, 10, 14))]
    rows += [Variant(f"ours, spread {s:g}", spread=s) for s in (0.0, 0.1, 0.2)]
    rows += [Variant(f"ours, no transformation, spread {s:g}", spread=s, fisher=False) for s in (0.02, 0.1)]
    rows += [Variant(f"ours, power {p:g}", power=p) for p in (0.25, 0.75, 1.0)]
    rows += [Variant(f"ours, camera {c}", camera=c) for c in ("none", "median", "translation", "similarity")]
    rows += [Variant(f"ours, grid {g}", fit_grid=max(g, 16), grid=g) for g in (4, 16, 32)]
    rows += [Variant("ours, camera fitted on grid 8", fit_grid=8)]
    rows += [Variant("ours, speeds .71, 1, 1.41", speeds=(0.71, 1.0, 1.41))]
    rows += [Variant("ours, speeds .8, 1, 1.25", speeds=(0.8, 1.0, 1.25))]
    return rows


def table(world: World, variant: Variant) -> Table:
    """Scores (queries, references); -inf for pairs that decide nothing."""
    scores = _scores(world, variant)
    return np.where(world.ignored, -np.inf, scores)


def _scores(world: World, v: Variant) -> Table:
    references, background = (_vectors(c, v, 1.0) for c in (world.references, world.background))
    queries = {s: _vectors(world.queries, v, s) for s in v.speeds}
    score = _window_scores if v.unit == "window" else _field_scores
    best = np.full((len(world.queries), len(references)), -np.inf)
    for xs in queries.values():
        parts = []
        for k in v.lengths:
            raw = score(xs, references, k, v)
            if not np.isfinite(raw).any():  # the queries' format is too short for this window
                continue
            if v.null != "none":
                raw = _held_against(raw, score(xs, background, k, v), score(references, background, k, v), v)
            parts.append(raw)
        best = np.maximum(best, np.nan_to_num(_mean(parts), nan=-np.inf))
    return best


def _mean(parts: Sequence[Table]) -> Table:
    """Mean over the lengths that both clips have; NaN where they have none."""
    known = np.isfinite(parts).sum(axis=0)
    return np.where(known > 0, np.nansum(parts, axis=0) / np.maximum(known, 1), np.nan)


def _vectors(clips: Sequence[Fields], v: Variant, speed: float) -> list[Vectors]:
    return [_vector(motion.at_speed(motion.pool(f, v.fit_grid), speed, RATE_HZ), v) for f in clips]


def _vector(fields: Fields, v: Variant) -> Vectors:
    if v.camera == "median":
        rest = fields - np.median(fields, axis=(2, 3), keepdims=True)
    else:
        rest = camera.residual(fields, v.camera)  # type: ignore[arg-type]
    rest = motion.pool(motion.compress(rest, v.power), v.grid)
    if v.unit == "cell":
        size = np.hypot(rest[:, :1], rest[:, 1:])
        rest = rest / (size + EPSILON) / np.sqrt(v.grid * v.grid)
    return np.ascontiguousarray(rest.reshape(len(rest), -1), np.float32)


def _window_scores(xs: Sequence[Vectors], ys: Sequence[Vectors], k: int, v: Variant) -> Table:
    """Best window of k vectors of each pair; NaN where either is shorter."""
    out = np.full((len(xs), len(ys)), np.nan)
    mine, theirs = ([n for n, x in enumerate(part) if len(x) >= k] for part in (xs, ys))
    if mine and theirs:
        left, right = (
            Laid.out([Clip.of(part[n], k, FLOOR, v.power) for n in chosen], k)
            for part, chosen in ((xs, mine), (ys, theirs))
        )
        out[np.ix_(mine, theirs)] = right.scores(left)
    return out


def _field_scores(xs: Sequence[Vectors], ys: Sequence[Vectors], k: int, v: Variant) -> Table:
    """OFS-k: the best mean of k consecutive cosines; of clips that are shorter, over the fields that they have."""
    unit: Callable[[Vectors], Vectors] = (lambda x: x) if v.unit == "cell" else _units
    right = [unit(y) for y in ys]
    stacked, starts = np.concatenate(right).T, np.cumsum([0] + [len(y) for y in right])
    out = np.empty((len(xs), len(ys)))
    for q, x in enumerate(xs):
        products = unit(x) @ stacked
        for r in range(len(ys)):
            c = products[:, starts[r] : starts[r + 1]]
            out[q, r] = motion.diagonal_means(c, min(k, *c.shape)).max()
    return out


def _units(vectors: Vectors) -> Vectors:
    """Fields divided by their norms, and by more where they hardly move: the product is cos(F, G) of `motion.cosines`
    for fields that move."""
    least = EPSILON * np.sqrt(vectors.shape[1] / 2)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), least)


def _held_against(raw: Table, mine: Table, theirs: Table, v: Variant) -> Table:
    """Scores against what both clips score with the background. Clips too short for the window have no numbers."""
    values = []
    if v.fisher:
        raw, mine, theirs = (motion.fisher(t) for t in (raw, mine, theirs))
    for null, axis in ((mine, 1), (theirs, 0)):
        null = np.where(np.isfinite(null).any(axis=1, keepdims=True), null, 0.0)
        if v.null == "median":
            middle = np.nanmedian(null, axis=1)
            spread = 1.4826 * np.nanmedian(np.abs(null - middle[:, None]), axis=1)
        else:
            middle, spread = np.nanmean(null, axis=1), np.nanstd(null, axis=1, ddof=1)
        shape = (-1, 1) if axis == 1 else (1, -1)
        deviation = np.sqrt(spread**2 + v.spread**2)
        values.append((raw - middle.reshape(shape)) / deviation.reshape(shape))
    return np.asarray(sum(values) / 2)
