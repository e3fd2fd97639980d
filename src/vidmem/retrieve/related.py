"""Who is related to whom: a prompt's own clips, and clips of the corpus that can't serve as each other's null."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem import tables
from vidmem.progress import progress
from vidmem.search.library import Library, load_library
from vidmem.search.moving import motion_vectors_of
from vidmem.search.rows import groups
from vidmem.search.windows import score_many
from vidmem.text import normalise_text, prompt_id

Related = dict[str, set[str]]
TILE_ROWS, TILE_COLUMNS = 512, 8192  # of a product of frame vectors: its size bounds the memory


def own_clips(videos: Sequence[Path], manifest: Path) -> Related:
    """video_id -> the corpus clips that bear the video's prompt as their caption.

    Asked of the whole manifest, since a folder of videos may answer prompts that are in no curated set.
    """
    asked = tables.read_table(videos, ["video_id", "prompt_id"])
    sources: Related = {prompt: set() for prompt in asked["prompt_id"].drop_nulls()}
    for frame in tables.iter_ok(manifest, ["caption", "same_as"]):
        for caption, same_as in frame.select("caption", "same_as").iter_rows():
            if caption and (text := normalise_text(caption)) and (prompt := prompt_id(text)) in sources:
                sources[prompt].add(same_as)
    return {video: sources[prompt] for video, prompt in asked.iter_rows() if sources.get(prompt)}


def relatives(manifest: Path, corpus_frames: Iterable[Path] = (), duplicate_from: float = 0.9) -> Related:
    """item_id -> clips that are known to be related to it: itself, the same caption, the same content.

    Used where the corpus is its own null distribution: a clip's score against itself or a duplicate is not one of an
    unrelated clip. Content counts as the same from `duplicate_from` on (gsscd_max at full quality), which is far above
    the customary threshold: clips that merely look alike belong into the null. With no `corpus_frames` only captions
    and bytes are compared.
    """
    columns = ["item_id", "caption", "same_as", "status"]
    frame = tables.read_table(manifest, columns).filter(pl.col("status") == tables.OK)
    by_caption: dict[str, set[str]] = defaultdict(set)
    captions = {}
    for row in frame.iter_rows(named=True):
        captions[row["item_id"]] = normalise_text(row["caption"] or "") or f"\x00{row['same_as']}"
        by_caption[captions[row["item_id"]]].add(row["same_as"])
    related: Related = defaultdict(set)
    for row in frame.iter_rows(named=True):
        related[row["same_as"]] |= by_caption[captions[row["item_id"]]] | {row["same_as"]}
    _add_same_content(related, list(corpus_frames), duplicate_from)
    return dict(related)


def excluded_clips(manifest: Path, corpus_frames: Iterable[Path], settings: Mapping[str, Any]) -> Related:
    """The `excluded` of a search: relatives where the corpus is its own null, nobody where held-out clips are."""
    return relatives(manifest, corpus_frames, settings["duplicate_from"]) if settings["corpus_is_null"] else {}


def alike_clips(frames: Sequence[Path], flow: Sequence[Path], settings: Mapping[str, Any]) -> Related:
    """item_id -> held-out clips that are like it, by content (`match_from`) or movement (`moves_from`).

    A held-out clip has siblings among the others: shots of one film, variations of one movement. Held against them it
    would seem ordinary, and its score would be normalised to less than that of a video without siblings; then the
    null distribution would lie too low. Empty where the corpus is its own null: there siblings are in the corpus too.
    """
    related: Related = defaultdict(set)
    if settings["corpus_is_null"]:
        return related
    _add_same_content(related, frames, float(settings["match_from"]))
    moving = load_library(flow)
    vectors, window = motion_vectors_of(moving, int(settings["grid"])), int(settings["window"])
    for n, x in enumerate(vectors):
        scores = score_many(x, vectors, window, float(settings["floor"]))
        for m in np.flatnonzero(scores >= float(settings["moves_from"])).tolist():
            related[moving.ids[n]].add(moving.ids[m])
            related[moving.ids[m]].add(moving.ids[n])
    return related


def _add_same_content(related: Related, paths: Sequence[Path], duplicate_from: float) -> None:
    """Relate clips that share a frame, chunk against chunk and tile by tile."""
    for n, first in enumerate(progress(paths, len(paths), "clips of the same content") if paths else ()):
        left = load_library(first)
        for second in paths[n:]:
            right = load_library(second)
            for rows in groups(np.diff(left.starts), TILE_ROWS):
                for columns in groups(np.diff(right.starts), TILE_COLUMNS):
                    best = _best_pairs(left, rows, right, columns)
                    for q, r in zip(*np.nonzero(best >= duplicate_from), strict=True):
                        one, other = left.ids[rows.start + q], right.ids[columns.start + r]
                        related[one].add(other)
                        related[other].add(one)


def _best_pairs(left: Library, rows: slice, right: Library, columns: slice) -> npt.NDArray[np.float32]:
    """Similarity of the best pair of frames of every two clips in a tile, (left, right)."""
    top, first = left.starts[rows.start], right.starts[columns.start]
    products = left.vectors[top : left.starts[rows.stop]] @ right.vectors[first : right.starts[columns.stop]].T
    by_row = np.maximum.reduceat(products, right.starts[columns] - first, axis=1)
    return np.asarray(np.maximum.reduceat(by_row, left.starts[rows] - top, axis=0), np.float32)
