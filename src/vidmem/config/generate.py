"""How generation is cut into jobs, and what is kept of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vidmem.config.base import Section
from vidmem.config.media import Limits


class Generate(Section):
    """Cutting of a model's videos into jobs. One job loads the model once and makes one shard."""

    chunk_size: int = Field(
        64, ge=1, description="Prompts a chunk (for folders: videos). Raise it when loading the model takes long."
    )
    batch_size: int = Field(
        1,
        ge=1,
        description="Videos sampled at once. Where memory runs out, half as many are, and so on. What each video was "
        "made with is recorded, for it changes fp16 results.",
    )
    signals: Literal["full", "first-step-only"] = Field(
        "full",
        description="`full`: videos, and the signals of every step. `first-step-only`: a cheap screening. Sampling "
        "stops after one step, whose signals are recorded, and no videos are made.",
    )
    max_loss: float = Field(
        0.05, ge=0, le=1, description="Largest share of videos that may be skipped or fail before the stage fails."
    )
    crf: int = Field(
        12,
        ge=0,
        le=51,
        description="H.264 quality of the stored videos; lower is better and larger. At 12 the features of frames from "
        "128 pixels up are those of the lossless video; below, 6 keeps a little more (bench/speed measures it).",
    )
    limits: Limits = Field(default_factory=Limits, description="Bounds on the files read from folders of videos.")
