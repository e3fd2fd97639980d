"""Motion: which clips move the same, whatever they show.

Our definition: two clips move the same where a window of `motion_window` fields of residual, compressed flow
(`similarity.motion.motion_vectors`: what the audit's own motion score compares) has a cosine of `motion_from` in both.
Clips whose motion is natural, still or the camera's alone, are left out: anyone's clip moves so. Windows are looked up
by their projections on principal components, which keep some .94 of their energy; what may reach the threshold is
scored exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from vidmem.duplicates.close import close_rows
from vidmem.duplicates.components import Indices, stars
from vidmem.duplicates.partners import Partners
from vidmem.progress import progress
from vidmem.search.library import Library, Vectors, load_library
from vidmem.search.moving import motion_vectors_of, principal_basis, window_rows
from vidmem.search.windows import score_many
from vidmem.similarity.camera import classify

MARGIN = 0.1  # by which the projections may underrate a pair


@dataclass(frozen=True)
class Moving:
    """Clips with motion to compare, and how many had none, by the reason."""

    ids: list[str]
    vectors: list[Vectors]
    left_out: dict[str, int]


def motion_components(flow: Sequence[Path], settings: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """item_id -> number of its component, and how many clips were left out, by reason: still, camera, short.

    `flow` are tables of `tables.flow_schema`. `settings`: `motion_window`, `motion_from`, `exact_limit`, `nprobe`,
    `grid`, `still_floor`, `camera_explained`.
    """
    moving = read_moving(flow, settings)
    left, right = same_motions(moving.vectors, settings)
    return dict(zip(moving.ids, stars(len(moving.ids), left, right).tolist(), strict=True)), moving.left_out


def same_motions(clips: Sequence[Vectors], settings: Mapping[str, Any]) -> tuple[Indices, Indices]:
    """Pairs of clips (motion vectors, (T, D) each) that move the same."""
    window, floor = int(settings["motion_window"]), float(settings["still_floor"])
    threshold = float(settings["motion_from"])
    basis = principal_basis(clips, window)
    rows, owner = window_rows(clips, basis, window, floor)
    partners = Partners(np.searchsorted(owner, np.arange(len(clips) + 1)))
    close = close_rows(
        rows, threshold - MARGIN, exact_limit=int(settings["exact_limit"]), nprobe=int(settings["nprobe"])
    )
    for left, right in close:
        partners.see(left, right)
    a, b, _, _ = partners.pairs()
    same = np.zeros(len(a), bool)
    order = np.argsort(a, kind="stable")
    bounds = [*np.flatnonzero(np.diff(a[order], prepend=-1)).tolist(), len(a)]
    for first, last in progress(pairwise(bounds), len(bounds) - 1, "clips that may move the same"):
        mine = order[first:last]
        scores = score_many(clips[a[mine[0]]], [clips[n] for n in b[mine]], window, floor)
        same[mine] = scores >= threshold
    return a[same], b[same]


def read_moving(flow: Sequence[Path], settings: Mapping[str, Any]) -> Moving:
    """The clips that have `motion_window` fields and more and whose motion is not natural, chunk by chunk."""
    grid, window = int(settings["grid"]), int(settings["motion_window"])
    ids: list[str] = []
    vectors: list[Vectors] = []
    left_out = {"camera": 0, "short": 0, "still": 0}
    for path in progress(flow, len(flow), "motion of the corpus"):
        library = load_library(path)
        if not np.isfinite(library.vectors).all():
            raise ValueError(f"{path}: a flow field is not finite")
        fields = library.vectors.reshape(-1, 2, grid, grid)
        chosen = []
        for n in range(len(library)):
            reason = _reason(fields[library.rows(n)], window, settings)
            if reason:
                left_out[reason] += 1
            else:
                chosen.append(n)
        kept: Library = library.take(chosen)
        ids += kept.ids
        vectors += motion_vectors_of(kept, grid)
    return Moving(ids, vectors, left_out)


def _reason(fields: Vectors, window: int, settings: Mapping[str, Any]) -> str | None:
    if len(fields) < window:
        return "short"
    return classify(
        fields,
        still_floor=float(settings["still_floor"]),
        camera_explained=float(settings["camera_explained"]),
    ).reason
