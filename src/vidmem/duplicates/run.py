"""Stage `duplicates`: what stands beside each item of the corpus, by each kind of evidence.

Kinds are kept apart, so that the same video under the same caption, a template caption over many videos and one video
under many captions can be told from each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem import tables
from vidmem.duplicates.captions import caption_components, distinct_captions, semantic_neighbours
from vidmem.duplicates.components import Indices, smallest
from vidmem.duplicates.content import content_components
from vidmem.duplicates.motion import motion_components

COLUMNS = ["item_id", "corpus", "caption", "same_as", "status", "reason"]
NONE = -1  # label of an item without that evidence


def write_duplicates(
    *,
    manifest: Path,
    frames: Sequence[Path],
    flow: Sequence[Path],
    items: Sequence[Path],
    settings: Mapping[str, Any],
    threads: int,
    out: Path,
) -> None:
    """Write `tables.DUPLICATES`, one row a manifest row, in its order.

    `frames`, `flow` and `items` are the features of the corpus' distinct files. `settings` is the dump of the config
    section plus `grid`, `still_floor` and `camera_explained`. The table's metadata says why semantic neighbours were
    not looked for, and how many clips had no motion to compare.
    """
    faiss.omp_set_num_threads(threads)
    out.parent.mkdir(parents=True, exist_ok=True)
    corpus = tables.read_table(manifest, COLUMNS)
    usable = (corpus["status"] == tables.OK).to_numpy()
    columns, semantic = _captions(corpus["caption"], usable, settings, out.parent)
    corpus = corpus.drop("caption")
    caption = columns.pop("caption")
    content = _labels(corpus, usable, content_components(frames, settings), by_bytes=True)
    motions, left_out = motion_components(flow, settings)
    motion = _labels(corpus, usable, motions, by_bytes=False)
    rank = corpus["item_id"].rank("ordinal").to_numpy().astype(np.int64) - 1
    by_rank = corpus["item_id"].gather(np.argsort(rank))
    found = {
        **columns,
        **_components("caption", caption, rank, by_rank),
        **_components("content", content, rank, by_rank),
        **_components("motion", motion, rank, by_rank),
        **relations(caption, content, motion),
        "reason": _reasons(corpus, items),
    }
    table = corpus.select("item_id", "corpus", "status").with_columns(**found)
    order = [name for name in tables.DUPLICATES.names if name in table.columns]
    made_by = {"settings": dict(settings), "semantic": semantic, "motion_left_out": left_out}
    tables.write_table(out, table.select(order), tables.DUPLICATES, made_by)


def relations(caption: Indices, content: Indices, motion: Indices) -> dict[str, pl.Series]:
    """Of each item, how many others share its caption and video, its caption alone, its video alone, its motion alone.

    The arguments are labels of components, (items,), -1 for none; what an item has no evidence for is null.
    """
    same_video = _count(caption, content)
    named = np.where(caption >= 0, content, NONE)  # one video under another caption: only items that have a caption
    return {
        "same_caption_same_video": _known(same_video - 1, (caption >= 0) & (content >= 0)),
        "same_caption_other_video": _known(_count(caption) - same_video, (caption >= 0) & (content >= 0)),
        "other_caption_same_video": _known(_count(named) - same_video, (caption >= 0) & (content >= 0)),
        "same_motion_other_video": _known(_count(motion) - _count(motion, content), (motion >= 0) & (content >= 0)),
    }


def _captions(
    captions: pl.Series, usable: npt.NDArray[np.bool_], settings: Mapping[str, Any], folder: Path
) -> tuple[dict[str, Any], str]:
    """Columns of the captions, and the labels of their components (`caption`); and what became of the semantic search.

    Only usable items count; a caption that none of them bears still has its prompt_id.
    """
    distinct = distinct_captions(captions)
    code = np.where(usable, distinct.code, NONE)
    borne = np.unique(code[code >= 0])
    texts = distinct.texts.gather(borne)
    number = np.full(len(distinct), NONE)
    number[borne] = np.arange(len(borne))
    mine = np.where(code >= 0, number[code] if len(number) else NONE, NONE)
    component = caption_components(texts, float(settings["caption_from"]), folder)
    limit, neighbours = int(settings["semantic_limit"]), None
    if len(texts) <= limit:
        neighbours = semantic_neighbours(texts, component, float(settings["semantic_from"]))
    said = "looked for" if len(texts) <= limit else f"{len(texts)} captions, semantic_limit is {limit}"
    named = mine >= 0
    columns = {
        "caption": _spread(component, mine),
        "prompt_id": distinct.prompt_ids(),
        "caption_multiplicity": _known(_count(mine), named),
        "semantic_neighbours": None if neighbours is None else _known(_spread(neighbours, mine), named),
    }
    return {name: column for name, column in columns.items() if column is not None}, said


def _labels(
    corpus: pl.DataFrame, usable: npt.NDArray[np.bool_], components: Mapping[str, int], *, by_bytes: bool
) -> Indices:
    """Label of each item's component. Items of the same bytes share their file's; a file without vectors is `NONE`,
    or with `by_bytes` a component of its own."""
    files = corpus["same_as"].unique().drop_nulls().sort()
    known = np.array([components.get(name, NONE) for name in files.to_list()], np.int64)
    if by_bytes:
        alone = np.flatnonzero(known < 0)
        known[alone] = len(components) + np.arange(len(alone))
    place = files.search_sorted(corpus["same_as"].fill_null("")).to_numpy().astype(np.int64)
    return _spread(known, np.where(usable, place, NONE))


def _spread(values: Indices, code: Indices) -> Indices:
    """values[code], and `NONE` where the code is."""
    return np.append(values, NONE)[code]


def _components(kind: str, label: Indices, rank: Indices, by_rank: pl.Series) -> dict[str, pl.Series]:
    """Columns `<kind>_component`, the smallest item_id, and `<kind>_component_size`."""
    has = label >= 0
    least = np.zeros(len(label), np.int64)
    least[has] = smallest(label[has], rank[has])
    names = by_rank.gather(least).zip_with(pl.Series(has), pl.Series([None], dtype=pl.String))
    return {f"{kind}_component": names, f"{kind}_component_size": _known(_count(label), has)}


def _count(*labels: Indices) -> Indices:
    """How many items bear each item's labels, all of them; 0 where one is missing."""
    has = np.all([label >= 0 for label in labels], axis=0)
    counts = np.zeros(len(has), np.int64)
    packed = labels[0][has]
    for label in labels[1:]:
        packed = packed * (int(label.max(initial=0)) + 1) + label[has]
    _, inverse, many = np.unique(packed, return_inverse=True, return_counts=True)
    counts[has] = many[inverse]
    return counts


def _known(values: Indices, known: npt.NDArray[np.bool_]) -> pl.Series:
    """The values as whole numbers, null where they are not known."""
    return pl.Series(values.astype(np.int32)).zip_with(pl.Series(known), pl.Series([None], dtype=pl.Int32))


def _reasons(corpus: pl.DataFrame, items: Sequence[Path]) -> pl.Series:
    """The manifest's reason, or why a usable file has no features."""
    lost = tables.read_table(items, ["video_id", "status", "reason"]).filter(pl.col("status") != tables.OK)
    why = lost.select(pl.col("video_id").alias("same_as"), (pl.lit("no features: ") + pl.col("reason")).alias("why"))
    joined = corpus.select("same_as", "reason").join(why, on="same_as", how="left", maintain_order="left")
    return joined.select(pl.coalesce("reason", "why")).to_series()
