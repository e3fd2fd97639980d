"""Small pictures of videos from what their features hold, gathered on one sheet a page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from PIL import Image

from vidmem import tables
from vidmem.report.inputs import ReportInputs
from vidmem.report.privacy import BLUR, blurred

Bytes = npt.NDArray[np.uint8]
Thumbs = dict[tuple[str, str], list[Bytes]]  # by subject and id: `MOMENTS` pictures at most, uint8 (SIDE, SIDE, 3)

SIDE: int = math.isqrt(tables.PICTURE_BYTES)
COLOURED: int = math.isqrt(tables.THUMBNAIL_BYTES // 3)
MOMENTS = 4  # of a video, evenly over its frames


def thumbs_of(inputs: ReportInputs, wanted: Mapping[str, set[str]]) -> Thumbs:
    """The small pictures of the ids `wanted` of each subject, as far as its features hold them."""
    found: Thumbs = {}
    for subject, ids in wanted.items():
        for path in inputs.features[subject].frames if ids and subject in inputs.features else ():
            found.update({(subject, name): pictures for name, pictures in _read(path, sorted(ids)).items()})
    return found


def _read(path: Path, ids: list[str]) -> dict[str, list[Bytes]]:
    keys = ["video_id", "time_s", "thumbnail", "picture"]
    table = pq.read_table(path, columns=keys, filters=[("video_id", "in", ids)], partitioning=None)
    names = np.asarray(table.column("video_id").to_pylist(), object)
    times = table.column("time_s").to_numpy()
    chosen: dict[str, list[int]] = {}
    for name in dict.fromkeys(names):
        mine = np.flatnonzero(names == name)
        mine = mine[np.argsort(times[mine], kind="stable")]
        places = np.unique(np.linspace(0, len(mine) - 1, MOMENTS).round().astype(int))
        chosen[name] = [int(mine[place]) for place in places]
    colour, grey = table.column("thumbnail"), table.column("picture")
    return {name: [coloured(colour[i].as_py(), grey[i].as_py()) for i in rows] for name, rows in chosen.items()}


def coloured(thumbnail: bytes, picture: bytes) -> Bytes:
    """The colours of the coarse picture on the grey levels of the fine one: uint8 (SIDE, SIDE, 3)."""
    small = Image.frombytes("RGB", (COLOURED, COLOURED), thumbnail).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    grey = Image.frombytes("L", (SIDE, SIDE), picture)
    _, blue, red = small.convert("YCbCr").split()
    return np.asarray(Image.merge("YCbCr", (grey, blue, red)).convert("RGB"))


class Sheet:
    """The pictures of one page, a row a video, in one file."""

    def __init__(self, thumbs: Thumbs, references: str) -> None:
        self._thumbs, self._references = thumbs, references
        self._rows: list[list[Bytes]] = []

    @property
    def height(self) -> int:
        """Of the sheet, in pixels."""
        return SIDE * max(len(self._rows), 1)

    def video(self, model: str, video_id: str) -> int | None:
        """Put a generated video on the sheet: the top of its row in pixels, or None where no picture is kept."""
        return self._put(self._thumbs.get((model, video_id)))

    def reference(self, item_id: str, flow_id: str) -> int | None:
        """Put a corpus item on the sheet, as it may be shown."""
        found = self._thumbs.get(("corpus", item_id)) or self._thumbs.get(("corpus", flow_id))
        return self._put([blurred(p) for p in found] if found and self._references == BLUR else found)

    def _put(self, pictures: list[Bytes] | None) -> int | None:
        if not pictures:
            return None
        self._rows.append(pictures)
        return SIDE * (len(self._rows) - 1)

    def save(self, path: Path) -> None:
        """Write the sheet as WebP, clear where a video has fewer moments."""
        canvas = np.zeros((self.height, SIDE * MOMENTS, 4), np.uint8)
        for y, pictures in enumerate(self._rows):
            for x, picture in enumerate(pictures):
                cell = canvas[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE]
                cell[..., :3], cell[..., 3] = picture, 255
        Image.fromarray(canvas).save(path, quality=80, method=3)
