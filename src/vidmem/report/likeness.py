"""Similarity over time: how alike both sides of a match are at each moment that is shown.

Content is the cosine of the frames' copy-detection vectors, GSSCD's s_ij along the match; motion the cosine of the
flow fields as the default score compares them, camera subtracted and magnitudes compressed. Both our definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from vidmem.report.cells import Cells
from vidmem.report.findings import Finding, Match, Times
from vidmem.report.inputs import ReportInputs, flow_of
from vidmem.report.sources import Source, duration
from vidmem.similarity.motion import motion_vectors

Floats = npt.NDArray[np.float64]
Series = tuple[Floats, npt.NDArray[Any]]  # times (n,) in seconds, vectors (n, d)
Kept = Mapping[tuple[str, str], Series]  # by subject and id

WIDTH, HEIGHT = 240, 64  # of the drawing, in its own units
LEAST_MOVING = 0.25
NEAR_S = 0.126  # a frame without a vector (blank, flat) is not spoken for by one further away than half a step of 4 Hz


@dataclass(frozen=True)
class Vectors:
    """What is known of the findings' moments: frame vectors and flow fields, by subject and id."""

    frames: Kept
    flow: Kept


@dataclass(frozen=True)
class Likeness:
    """`values` (n,) in -1..1 at `times` (n,), seconds of the generated video; `match`: the seconds that matched."""

    times: Floats
    values: Floats
    span: Times
    match: Times
    what: str

    def path(self) -> str:
        """The line as SVG path data in `WIDTH` x `HEIGHT`, 0 at the bottom and 1 at the top."""
        x = (self.times - self.span[0]) / max(self.span[1] - self.span[0], 1e-9) * WIDTH
        y = (1 - np.clip(self.values, 0, 1)) * HEIGHT
        return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))

    def band(self) -> tuple[float, float]:
        """Left edge and width of what matched, in the drawing's units."""
        scale = WIDTH / max(self.span[1] - self.span[0], 1e-9)
        low, high = (min(max((edge - self.span[0]) * scale, 0.0), float(WIDTH)) for edge in self.match)
        return round(low, 1), round(max(high - low, 2.0), 1)

    def said(self) -> str:
        """The line in words."""
        low, high = float(self.values.min()), float(self.values.max())
        return f"{self.what} over time: {low:.2f} to {high:.2f}, {self.values.mean():.2f} in the mean"


def vectors_of(inputs: ReportInputs, findings: Sequence[Finding], refs: Mapping[str, Source]) -> Vectors:
    """Frame vectors of all findings and their references, and flow of those found by motion: it is large."""
    frames: dict[str, set[str]] = {}
    flow: dict[str, set[str]] = {}
    for finding in findings:
        for match in finding.matches:
            wanted = flow if match.kind == "motion" else frames
            wanted.setdefault(finding.model, set()).add(finding.row["video_id"])
            source = refs.get(match.ref_id)
            wanted.setdefault("corpus", set()).update({match.ref_id, source.flow_id if source else match.ref_id})
    return Vectors(
        _read(frames, {name: files.frames for name, files in inputs.features.items()}, frames_of),
        _read(flow, {name: files.flow for name, files in inputs.features.items()}, flow_of),
    )


def _read(wanted: Mapping[str, set[str]], paths: Mapping[str, Sequence[Path]], reader: Any) -> dict[Any, Series]:
    return {
        (subject, name): series
        for subject, ids in wanted.items()
        if subject in paths
        for name, series in reader(paths[subject], sorted(ids)).items()
    }


def frames_of(paths: Iterable[Path], ids: Sequence[str]) -> dict[str, Series]:
    """Copy-detection vectors of the videos or items `ids`: times (n,) in seconds, vectors (n, d), by id."""
    found: dict[str, Series] = {}
    for path in paths if ids else ():
        keys = ["video_id", "time_s", "vector"]
        table = pq.read_table(path, columns=keys, filters=[("video_id", "in", list(ids))], partitioning=None)
        names = np.asarray(table.column("video_id").to_pylist(), object)
        times = table.column("time_s").to_numpy()
        flat = table.column("vector").combine_chunks().flatten().to_numpy(zero_copy_only=False)
        rows = np.asarray(flat, np.float32).reshape(len(names), -1) if len(names) else np.empty((0, 1), np.float32)
        for name in dict.fromkeys(names):
            mine = np.flatnonzero(names == name)
            mine = mine[np.argsort(times[mine], kind="stable")]
            found[name] = times[mine], rows[mine]
    return found


def likeness(
    finding: Finding, match: Match, ref: Source | None, vectors: Vectors, times: tuple[Floats, Floats]
) -> Likeness | None:
    """Similarity at `times` of both sides, as far as there are vectors near them; None for fewer than two moments."""
    kept = vectors.flow if match.kind == "motion" else vectors.frames
    gen = kept.get((finding.model, finding.row["video_id"]))
    own = ref.flow_id if ref else match.ref_id
    other = kept.get(("corpus", match.ref_id), kept.get(("corpus", own)))
    if gen is None or other is None or len(times[0]) < 2:
        return None
    still = duration(ref) == 0  # an image: one frame for all moments
    values = _cosines(match.kind, gen, other, (times[0], np.zeros_like(times[1]) if still else times[1]))
    known = np.isfinite(values)
    if known.sum() < 2:
        return None
    what = "Likeness of the movement" if match.kind == "motion" else "Likeness of the frames"
    span = (float(times[0][0]), float(times[0][-1]))
    return Likeness(times[0][known], values[known], span, match.gen, what)


def moving_cells(
    finding: Finding, match: Match, ref: Source | None, vectors: Vectors, times: tuple[Floats, Floats]
) -> Cells | None:
    """Likeness of the movement by cell of the frame: float64 (n, n), NaN where neither side moves; None without flow.

    Our definition: the cosine of a cell's flow over all moments of the match, camera subtracted and magnitudes
    compressed. A cell moves from `LEAST_MOVING` of the mean size of the fastest one on.
    """
    gen = vectors.flow.get((finding.model, finding.row["video_id"]))
    other = vectors.flow.get(("corpus", ref.flow_id if ref else match.ref_id))
    if match.kind != "motion" or gen is None or other is None:
        return None
    inside = (times[0] >= match.gen[0] - 1e-9) & (times[0] <= match.gen[1] + 1e-9)
    a, b = (_motion(_at(s, t[inside])[0]) for s, t in zip((gen, other), times, strict=True))
    if not len(a):
        return None
    side = round((a.shape[1] / 2) ** 0.5)
    f, g = (v.reshape(-1, 2, side, side).astype(np.float64) for v in (a, b))
    sizes = [np.sqrt((v * v).sum(axis=(0, 1))) for v in (f, g)]
    moves = np.maximum(*sizes) >= LEAST_MOVING * max(float(np.max(sizes)), 1e-9)
    return np.where(moves, (f * g).sum(axis=(0, 1)) / np.maximum(sizes[0] * sizes[1], 1e-12), np.nan)


def _motion(rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    grid = round((rows.shape[1] / 2) ** 0.5)
    return motion_vectors(rows.reshape(-1, 2, grid, grid))


def _cosines(kind: str, gen: Series, other: Series, times: tuple[Floats, Floats]) -> Floats:
    pairs = [_at(series, wanted) for series, wanted in zip((gen, other), times, strict=True)]
    (a, known_a), (b, known_b) = pairs
    if kind == "motion":
        a, b = _motion(a), _motion(b)
    a, b = a.astype(np.float64), b.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / np.maximum(norms, 1e-12)
    return np.where(known_a & known_b, cosines, np.nan)


def _at(series: Series, wanted: Floats) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Vectors nearest in time to `wanted`, and whether they are near enough to stand for it."""
    times, rows = series
    middle = (times[1:] + times[:-1]) / 2
    index = np.searchsorted(middle, wanted)
    step = float(np.median(np.diff(times))) if len(times) > 1 else np.inf
    near = np.abs(times[index] - wanted) <= max(NEAR_S, 0.75 * step)
    return np.asarray(rows[index], np.float32), near
