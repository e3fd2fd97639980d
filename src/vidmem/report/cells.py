"""Which part of a frame comes back: its similarity map, laid over the frame and put into words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from vidmem.similarity.template import ALIKE

Bytes = npt.NDArray[np.uint8]
Cells = npt.NDArray[np.float64]  # (c, c): similarity by cell, top to bottom, left to right; NaN: too little texture
Mask = npt.NDArray[np.bool_]

MARK = (240, 140, 0)  # outline of the part that comes back, the kind's colour
HATCH = 8  # pixels from one line to the next where a cell has no texture
NEARLY_ALL = 0.8  # share of the textured cells


def square(values: Sequence[float | None]) -> Cells | None:
    """The map of a table, row-major with null or NaN for no texture, as float64 (c, c); None if it is no square."""
    side = round(len(values) ** 0.5)
    if not values or side * side != len(values):
        return None
    return np.array([np.nan if v is None else v for v in values], np.float64).reshape(side, side)


def part(cells: Cells) -> Mask:
    """The largest 4-connected part at or above `ALIKE`, bool (c, c); the first in reading order of equally large."""
    labels, count = ndimage.label(cells >= ALIKE)
    if not count:
        return np.zeros(cells.shape, bool)
    return np.asarray(labels == 1 + int(np.bincount(labels.ravel())[1:].argmax()))


def paint(frame: Bytes, cells: Cells, centred: bool, line: int = 3, *, overlap: bool = True) -> Bytes:
    """The frame with the part that comes back as it is and outlined, and the rest the paler the less alike it is.

    `frame` uint8 (H, W, 3); same shape back. `centred`: the map is of the frame's centred square, and what lies beside
    it was not compared. Cells without texture are hatched. Cells `overlap` by half: each pixel shows the cell whose
    centre is nearest; those that don't lie side by side.
    """
    top, left, height, width = _compared(frame, centred)
    rows, columns = (_nearest_cell(n, len(cells), overlap) for n in (height, width))
    within = part(cells)[rows][:, columns]
    values = cells[rows][:, columns]
    veil = np.full(frame.shape[:2], 0.85)
    veil[top : top + height, left : left + width] = np.where(
        within, 0.0, 0.85 - 0.4 * np.clip(np.nan_to_num(values), 0, 1)
    )
    grey = frame.mean(axis=-1, keepdims=True) * 0.3 + 0.7 * 245
    made = frame * (1 - veil[..., None]) + grey * veil[..., None]
    y, x = np.indices((height, width))
    hatched = np.isnan(values) & ((x + y) % HATCH == 0)
    edge = within & ~ndimage.binary_erosion(within, iterations=line)
    inner = made[top : top + height, left : left + width]
    inner[hatched] = 110
    inner[edge] = MARK
    return np.asarray(np.rint(made), np.uint8)


def _compared(frame: Bytes, centred: bool) -> tuple[int, int, int, int]:
    """Top, left, height and width of what the map is of."""
    height, width = frame.shape[:2]
    if not centred:
        return 0, 0, height, width
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side, side


def _nearest_cell(length: int, count: int, overlap: bool) -> npt.NDArray[np.intp]:
    """Of each pixel along a side its cell: of c that overlap, cell i has its centre at (i + 1) / (c + 1)."""
    position = (np.arange(length) + 0.5) / length
    place = position * (count + 1) - 0.5 if overlap else position * count
    return np.clip(np.floor(place).astype(np.intp), 0, count - 1)


def describe(cells: Cells, known: str = "with texture") -> str:
    """The part that comes back in words: how many cells, of those that could be compared, and where in the frame."""
    within, textured = part(cells), int((~np.isnan(cells)).sum())
    count = int(within.sum())
    if not count:
        return "no part of the frame comes back"
    said = f"{count} of {textured} cells {known} come back"
    if count >= NEARLY_ALL * textured:
        return f"{said}, nearly the whole frame"
    y, x = (np.asarray(axis, float).mean() / max(len(cells) - 1, 1) for axis in np.nonzero(within))
    where = " ".join(filter(None, (_third(y, ("upper", "", "lower")), _third(x, ("left", "", "right")))))
    return f"{said}, in the {where or 'middle'} of the frame"


def _third(share: float, names: tuple[str, str, str]) -> str:
    return names[0] if share < 0.4 else names[2] if share > 0.6 else names[1]
