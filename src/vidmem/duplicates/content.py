"""Content: which items show the same, by the copy-detection vectors of their frames.

Our definition: two items are one video where, on both sides, a share of the frames has a match on the other side. The
share is more than half. So a common intro or a logo links nothing, and no item can be two different videos at once: a
compilation of two is neither. An image is an item of one frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem import tables
from vidmem.duplicates.close import close_rows
from vidmem.duplicates.components import Indices, stars
from vidmem.duplicates.partners import Partners
from vidmem.progress import progress

Half = npt.NDArray[np.float16]


def content_components(frames: Sequence[Path], settings: Mapping[str, Any]) -> dict[str, int]:
    """item_id -> number of its component, of the items that have frame vectors (`tables.frames_schema`).

    `settings`: `content_from`, `content_share`, `exact_limit`, `nprobe` of the config. Vectors are held in half
    precision, 1 kB each. Raises `ValueError` for a vector that is not finite.
    """
    ids, starts, vectors = read_frames(frames)
    left, right = same_videos(vectors, starts, settings)
    return dict(zip(ids, stars(len(ids), left, right).tolist(), strict=True))


def same_videos(vectors: Half, starts: Indices, settings: Mapping[str, Any]) -> tuple[Indices, Indices]:
    """Pairs of items that are one video. `starts` (items + 1,) cuts the vectors, unit, (frames, D)."""
    partners = Partners(starts)
    close = close_rows(
        vectors,
        float(settings["content_from"]),
        exact_limit=int(settings["exact_limit"]),
        nprobe=int(settings["nprobe"]),
    )
    for left, right in close:
        partners.see(left, right)
    a, b, of_a, of_b = partners.pairs()
    same = np.minimum(of_a, of_b) >= float(settings["content_share"]) - 1e-9
    return a[same], b[same]


def read_frames(paths: Sequence[Path]) -> tuple[list[str], Indices, Half]:
    """(ids, starts, vectors) of feature tables whose rows are grouped by item; without the pictures beside them."""
    counts = [tables.count_rows(path) for path in paths]
    with tables.opened(paths[0]) as file:
        size = file.schema_arrow.field("vector").type.list_size
    vectors = np.empty((sum(counts), size), np.float16)
    owners: list[str] = []
    first = 0
    for path, count in progress(zip(paths, counts, strict=True), len(paths), "frames of the corpus"):
        table = tables.read_arrow(path, ["video_id", "vector"])
        flat = table.column("vector").combine_chunks().flatten().to_numpy()
        if not np.isfinite(flat).all():
            raise ValueError(f"{path}: a frame vector is not finite")
        vectors[first : first + count] = flat.reshape(count, size)
        owners += table.column("video_id").to_pylist()
        first += count
    new = [n for n, owner in enumerate(owners) if n == 0 or owner != owners[n - 1]]
    ids = [owners[n] for n in new]
    if len(set(ids)) != len(ids):
        raise ValueError("the frames of an item are not together")
    return ids, np.array([*new, len(owners)], np.int64), vectors
