"""What the report shows of reference media: the corpus may hold people, and scores need no pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]

SHOW, BLUR, OMIT = "show", "blur", "omit"
CELLS = 6  # along the short side of a blurred frame: colours and layout are left, no face and no text
WITHHELD = "Withheld: this report leaves out the pictures of the corpus"


def hide(frames: Sequence[Bytes], how: str) -> list[Bytes] | str:
    """Reference frames, uint8 (H, W, 3) each, as they may be shown: as they are, blurred, or the reason for none."""
    if how == OMIT:
        return WITHHELD
    return [blurred(frame) for frame in frames] if how == BLUR else list(frames)


def blurred(frame: Bytes) -> Bytes:
    """The frame averaged to `CELLS` cells along its short side and drawn smooth; nothing finer can be got back."""
    picture = Image.fromarray(np.ascontiguousarray(frame))
    scale = CELLS / min(picture.size)
    small = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(picture.resize(small, Image.Resampling.BOX).resize(picture.size, Image.Resampling.BILINEAR))
