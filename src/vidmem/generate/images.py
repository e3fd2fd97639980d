"""Images that videos start from: the first frames of corpus or held-out clips, and which prompt gets which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem.config.media import Limits
from vidmem.media import MediaError, MediaInfo, MediaRef, centre_crop, read_clip, resize
from vidmem.tables import OK, read_where
from vidmem.text import stable_fraction
from vidmem.userfiles import Roots, media_path

Frames = npt.NDArray[np.uint8]
_COLUMNS = ["item_id", "corpus", "path", "offset", "size", "status"]
_COLUMNS += ["kind", "fps", "frames", "width", "height", "duration_s"]


def conditioned(
    prompts: Sequence[Mapping[str, Any]],
    manifest: str | Path,
    root: Roots,
    *,
    own: bool,
    size: tuple[int, int] | None,
    limits: Limits,
) -> tuple[list[dict[str, Any]], dict[str, Frames | str]]:
    """The prompts with an item of the manifest each (see `with_conditions`), and those items' `first_frames`."""
    rows = with_conditions(prompts, distinct_items(manifest), own)
    return rows, first_frames(manifest, root, [row["condition"] for row in rows], size, limits)


def first_frames(
    manifest: str | Path, root: Roots, ids: Iterable[str], size: tuple[int, int] | None, limits: Limits
) -> dict[str, Frames | str]:
    """The first frame of each of these items: uint8 RGB (height, width, 3), or the reason why there is none.

    `manifest` is a table of `tables.MANIFEST` whose paths lie below `root` (a folder, or one for each corpus).
    `size` (width, height) in pixels: the centred part of that aspect, resized to it; None leaves the frame as it is.
    An image is its own first frame.
    """
    wanted = list(dict.fromkeys(ids))
    table = read_where(manifest, pl.col("item_id").is_in(wanted), _COLUMNS)
    rows = {row["item_id"]: row for row in table.iter_rows(named=True)}
    return {item: _first_frame(rows.get(item), root, size, limits) for item in wanted}


def _first_frame(
    row: Mapping[str, Any] | None, root: Roots, size: tuple[int, int] | None, limits: Limits
) -> Frames | str:
    if row is None:
        return "no such item in the manifest"
    if row["status"] != OK:
        return "the item is not ok in the manifest"
    info = MediaInfo(row["kind"], row["fps"], row["frames"], row["width"], row["height"], row["duration_s"])
    try:
        ref = MediaRef(media_path(root, row["corpus"], row["path"]), row["offset"], row["size"])
        frame = read_clip(ref, rate_hz=None, max_frames=1, limits=limits, info=info).frames[0]
    except (MediaError, ValueError) as error:
        return str(error)
    return frame if size is None else resize(centre_crop(frame, *size), *size)


def distinct_items(manifest: str | Path) -> list[str]:
    """Ids of the ok items of a manifest, one for each file that is there more than once, sorted."""
    first = (pl.col("status") == OK) & (pl.col("same_as").is_null() | (pl.col("same_as") == pl.col("item_id")))
    return read_where(manifest, first, ["item_id", "same_as", "status"])["item_id"].sort().to_list()


def with_conditions(prompts: Sequence[Mapping[str, Any]], items: Sequence[str], own: bool) -> list[dict[str, Any]]:
    """The prompts with a `condition` each: the item whose first frame its videos start from.

    With `own` it is the first of the prompt's own clips (`source_ids`) that is among `items`, if there is one. Else
    one of `items` is drawn by a hash of the prompt, so that other prompts and most other items leave it alone.
    """
    known = set(items)
    if not known:
        raise ValueError("there is no item whose first frame a video could start from")
    rows = []
    for prompt in prompts:
        mine = [item for item in prompt.get("source_ids") or [] if own and item in known]
        drawn = mine[0] if mine else min(known, key=lambda item: (stable_fraction(prompt["prompt_id"], item), item))
        rows.append({**prompt, "condition": drawn})
    return rows
