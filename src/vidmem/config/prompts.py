"""Which prompts are put to the models."""

from __future__ import annotations

from pydantic import Field, model_validator

from vidmem.config.base import Section


class Prompts(Section):
    """Prompt sets and their sizes. A set is ranked by risk and cut at its size."""

    video_duplicated: int = Field(
        200, ge=0, description="Captions that stand more than once in the corpus, most frequent first."
    )
    random_train: int = Field(100, ge=0, description="Captions that stand once, drawn at random.")
    control: int = Field(100, ge=0, description="Prompts that are not in the corpus (captions of held-out clips).")
    imported: str | None = Field(
        None, description="A table of your own prompts (.csv, .tsv, .parquet, .jsonl; column prompt, caption or text)."
    )
    seed: int = Field(0, ge=0, description="Seed of the random draws.")

    @model_validator(mode="after")
    def _some(self) -> Prompts:
        if not (self.video_duplicated or self.random_train or self.control or self.imported):
            raise ValueError("all prompt sets are empty: raise a size, or give `imported`")
        return self
