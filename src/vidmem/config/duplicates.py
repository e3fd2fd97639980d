"""Duplicates within the corpus: what counts as the same caption, the same content, the same movement."""

from __future__ import annotations

from pydantic import Field

from vidmem.config.base import Section


class Duplicates(Section):
    """What stands more than once in the corpus, by each kind of evidence (see docs/duplicates.md)."""

    caption_from: float = Field(
        0.7,
        ge=0.5,
        le=1,
        description="Jaccard similarity of two captions' runs of five characters from which they are nearly the same: "
        "a word in ten exchanged, an added suffix, other punctuation.",
    )
    semantic_from: float = Field(
        0.8, ge=0.5, le=1, description="Cosine of two captions' sentence vectors from which they say the same."
    )
    semantic_limit: int = Field(
        20_000,
        ge=0,
        description="Most distinct captions whose sentence vectors are made, at some 10 ms each on one core. With more "
        "captions `semantic_neighbours` is null, and the table says why. 0: never.",
    )
    content_from: float = Field(
        0.67, gt=0, le=1, description="Similarity of two frames' vectors from which they show the same."
    )
    content_share: float = Field(
        0.6,
        gt=0.5,
        le=1,
        description="Share of frames, on both sides, that must show the same for two items to be one video. More than "
        "half, so that a compilation can't be two videos at once.",
    )
    motion_window: int = Field(
        10,
        ge=2,
        le=64,
        description="Flow fields of the window in which two clips must move the same. Shorter clips, and those in "
        "which only the camera moves or nothing, have no motion to compare.",
    )
    motion_from: float = Field(
        0.85, gt=0, le=1, description="Cosine of two windows of residual motion from which clips move the same."
    )
    exact_limit: int = Field(
        50_000,
        ge=0,
        description="Vectors (frames, or motion windows) up to which all pairs are compared. More are cut into lists "
        "by k-means, and each vector is compared with those in its `nprobe` nearest lists.",
    )
    nprobe: int = Field(
        4, ge=1, le=1024, description="Lists that a vector is compared with. More: slower, and fewer misses."
    )
