"""Who is related to whom: a prompt's own clips, and clips of the corpus that can't serve as each other's null."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from vidmem import tables
from vidmem.retrieve.library import load_library
from vidmem.text import normalise_text, prompt_id

Related = dict[str, set[str]]


def own_clips(videos: Sequence[Path], manifest: Path) -> Related:
    """video_id -> the corpus clips that bear the video's prompt as their caption.

    Asked of the whole manifest, since a folder of videos may answer prompts that are in no curated set.
    """
    sources: Related = defaultdict(set)
    for row in tables.read_table(manifest).filter(pl.col("status") == tables.OK).iter_rows(named=True):
        if row["caption"] and normalise_text(row["caption"]):
            sources[prompt_id(row["caption"])].add(row["same_as"])
    rows = tables.read_table(videos).iter_rows(named=True)
    return {r["video_id"]: sources[r["prompt_id"]] for r in rows if r["prompt_id"] in sources}


def relatives(manifest: Path, corpus_frames: Iterable[Path] = (), duplicate_from: float = 0.9) -> Related:
    """item_id -> clips that are known to be related to it: itself, the same caption, the same content.

    Used where the corpus is its own null distribution: a clip's score against itself or a duplicate is not one of an
    unrelated clip. Content counts as the same from `duplicate_from` on (gsscd_max at full quality), which is far above
    the customary threshold: clips that merely look alike belong into the null. With no `corpus_frames` only captions
    and bytes are compared.
    """
    frame = tables.read_table(manifest).filter(pl.col("status") == tables.OK)
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


def _add_same_content(related: Related, paths: Sequence[Path], duplicate_from: float) -> None:
    """Relate clips that share a frame, chunk against chunk."""
    for n, first in enumerate(paths):
        left = load_library(first)
        for second in paths[n:]:
            right = load_library(second)
            for q in range(len(left)):
                similarity = left.vectors[left.rows(q)] @ right.vectors.T
                best = np.maximum.reduceat(similarity.max(0), right.starts[:-1]) if len(right) else np.empty(0)
                for r in np.flatnonzero(best >= duplicate_from):
                    related[left.ids[q]].add(right.ids[r])
                    related[right.ids[r]].add(left.ids[q])
