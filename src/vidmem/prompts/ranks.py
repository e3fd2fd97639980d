"""The order of captions in each set that is drawn from the corpus. It follows from the captions, never from sizes."""

from __future__ import annotations

import heapq

import polars as pl

from vidmem.config.prompts import Prompts
from vidmem.prompts.items import COMPONENTS, id_of
from vidmem.text import stable_fraction

MATCHED = 1000  # captions of each order that controls are matched to; fixed, so that no set's size moves a control


def rank(captions: pl.DataFrame, settings: Prompts) -> dict[str, pl.DataFrame]:
    """Captions (`risk.by_caption`) by set, riskiest first, at least as many as the set takes where there are so many.

    `video-duplicated` and `image-duplicated`: by risk, then exact copies of one file, then prompt_id; of captions that
    share a caption or content component the first alone. `motion-duplicated`: by motion risk, one a motion component.
    `random-train`: captions that stand once, in the order of a hash.
    """
    images = pl.col("image") & pl.lit(settings.image_duplicated > 0)
    duplicated = captions.filter(pl.col("standing") == "duplicated")
    moving = captions.filter(pl.col("standing") == "motion")
    return {
        "video-duplicated": _one_a_component(duplicated.filter(~images), "risk", COMPONENTS[:2]),
        "image-duplicated": _one_a_component(duplicated.filter(images), "risk", COMPONENTS[:2]),
        "motion-duplicated": _one_a_component(moving, "motion_risk", COMPONENTS),
        "random-train": _drawn(captions.filter(pl.col("standing") == "once"), settings),
    }


def _one_a_component(captions: pl.DataFrame, by: str, components: tuple[str, ...]) -> pl.DataFrame:
    ranked = captions.sort(by, "content_duplicates", "key", descending=[True, True, False])
    for component in components:  # a caption without one stands for itself
        alone = pl.coalesce(component, "key").alias("_component")
        ranked = ranked.with_columns(alone).unique("_component", keep="first", maintain_order=True).drop("_component")
    return ranked


def _drawn(captions: pl.DataFrame, settings: Prompts) -> pl.DataFrame:
    number = max(settings.random_train, MATCHED)
    first = heapq.nsmallest(number, captions["key"], key=lambda key: stable_fraction(settings.seed, id_of(key)))
    order = pl.DataFrame({"key": first}, schema={"key": pl.UInt64})
    return order.join(captions, on="key", how="left", maintain_order="left")
