"""How risky a caption is: what stands how often beside it, by each kind of evidence, as one number. Our definition.

Duplication drives memorisation, and on planted models the similarity to the own clip grows with the logarithm of its
multiplicity. So risk counts doublings:

    risk = log2(p + (v - p) / 2 + (n - p) / 4)

p: items that bear this caption, or nearly, and show the same; v: items that show the same under any caption; n: items
that bear this caption, or nearly, whatever they show. A copy under the same caption counts whole. Under another one it
counts half, for it must be found by other words. Another clip under the same caption counts a quarter: such clips
compete, yet what they share may come back. Where only captions are looked at, p = v = n = the caption's multiplicity.

What moves the same and shows something else is no copy and has a risk of its own, log2(1 + the number of such items).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from vidmem.prompts.items import COMPONENTS

OTHER_CAPTION, OTHER_VIDEO = 1 / 2, 1 / 4
IMAGES_FROM = 0.5  # share of a caption's items from which it is one of images


def by_caption(items: pl.DataFrame, evidence: Sequence[str]) -> pl.DataFrame:
    """One row a caption, by `key`: what its set and its rank follow from. `items` is the frame of `Items`.

    Columns: key, row (of its first item), image (at least half of its items are images), duplicates,
    content_duplicates, near_captions, same_video and same_motion as in `tables.PROMPTS`, pair (p above), the components
    of its most copied clip, risk, motion_risk, and `standing`: duplicated | motion | once, or null where it is not
    known what its clips show.
    """
    captions = _captions(_clips(items.lazy())).with_columns(
        pair=pl.coalesce(pl.col("beside") + 1, "duplicates"), near=pl.coalesce("near_captions", "duplicates")
    )
    captions = captions.with_columns(video=pl.coalesce("same_video", "pair"))
    ranked = captions.with_columns(
        risk=_risk(), motion_risk=(1 + pl.col("same_motion").fill_null(0)).log(2), standing=_standing(evidence)
    )
    return ranked.drop("near", "video", "beside").sort("key").collect(engine="streaming")


def _clips(items: pl.LazyFrame) -> pl.LazyFrame:
    """One row a caption and file."""
    return items.group_by("key", "file").agg(
        pl.col("row").min(),
        pl.len().cast(pl.Int32).alias("copies"),
        pl.col("image").sum().alias("images"),
        pl.col("near_captions", "same_video", "beside", "same_motion").max(),
        pl.col(*COMPONENTS).max(),  # of one file, they are one
    )


def _captions(clips: pl.LazyFrame) -> pl.LazyFrame:
    """One row a caption; of its clips the most copied one, of several the first in the corpus, lends its components."""
    by_copies = clips.sort("beside", "copies", "row", descending=[True, True, False], nulls_last=True)
    return by_copies.group_by("key", maintain_order=True).agg(
        pl.col("row").min(),
        (pl.col("images").sum() >= IMAGES_FROM * pl.col("copies").sum()).alias("image"),
        pl.col("copies").sum().cast(pl.Int32).alias("duplicates"),
        pl.col("copies").max().alias("content_duplicates"),
        pl.col("near_captions", "same_video", "beside", "same_motion").max(),
        pl.col(*COMPONENTS).first(),
    )


def _risk() -> pl.Expr:
    pair, other_captions, other_videos = (pl.col(name) for name in ("pair", "video", "near"))
    weighed = pair + OTHER_CAPTION * (other_captions - pair).clip(0) + OTHER_VIDEO * (other_videos - pair).clip(0)
    return weighed.cast(pl.Float64).log(2)


def _standing(evidence: Sequence[str]) -> pl.Expr:
    unknown = pl.col("same_video").is_null() if "content" in evidence else pl.lit(value=False)
    return (
        pl.when((pl.col("duplicates") > 1) | (pl.col("video") > 1))
        .then(pl.lit("duplicated"))
        .when((pl.col("same_motion") > 0) & (pl.col("same_video") == 1))
        .then(pl.lit("motion"))
        .when(pl.col("near") > 1)
        .then(pl.lit("duplicated"))
        .when(unknown)
        .then(None)
        .otherwise(pl.lit("once"))
    )
