"""Which prompts are put to the models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from vidmem.config.base import Section

Evidence = Literal["caption", "content", "motion"]
EVIDENCE: tuple[Evidence, ...] = ("caption", "content", "motion")


class Prompts(Section):
    """Prompt sets and their sizes. A set is ranked by risk and cut at its size; docs/prompts.md says how."""

    evidence: list[Evidence] = Field(
        ["caption", "content"],
        description="What counts as a duplicate. `caption`: the same caption, and files of the same bytes. "
        "`content`: also nearly the same captions, and clips that show the same; needs the features of the corpus. "
        "`motion`: also clips that move the same and show something else; takes longest.",
    )
    video_duplicated: int = Field(
        200, ge=0, description="Captions that stand more than once in the corpus or whose clips do, riskiest first."
    )
    image_duplicated: int = Field(
        0,
        ge=0,
        description="The same, of captions most of whose items are images. With 0 images are ranked with the videos.",
    )
    motion_duplicated: int = Field(
        0,
        ge=0,
        description="Captions that stand once, as does what their clips show, but not how it moves. "
        "Needs `motion` among the `evidence`.",
    )
    random_train: int = Field(100, ge=0, description="Captions that stand once by all the evidence, drawn at random.")
    control: int = Field(
        100,
        ge=0,
        description="Prompts that are not in the corpus, nor nearly: captions of held-out clips first, then those of "
        "`control_list` that are most like the captions of the corpus in length and words.",
    )
    control_list: Literal["v1"] | None = Field(
        "v1",
        description="The list of controls that comes with vidmem, by its version; null for held-out captions alone.",
    )
    control_overlap: float = Field(
        0.7,
        gt=0,
        le=1,
        description="A control is refused if it shares this much of its words with a caption of the corpus "
        "(words of both / words of either).",
    )
    control_cosine: float = Field(
        0.8,
        gt=0,
        le=1,
        description="A control of the list is refused if its sentence vector has this cosine with that of a caption: "
        "it says the same in other words.",
    )
    control_cosine_limit: int = Field(
        2000,
        ge=0,
        description="Most distinct captions for which that is looked at, at some 10 ms each on one core. With more, "
        "words alone decide, and the table's metadata says so. 0: never.",
    )
    paraphrase: int = Field(
        0,
        ge=0,
        description="Rewordings of the riskiest prompts, by rules, to see whether it is the text that is known.",
    )
    rewordings: int = Field(2, ge=1, le=50, description="Rewordings of each prompt that is reworded.")
    imported: str | None = Field(
        None,
        description="A table of your own prompts (.csv, .tsv, .parquet, .jsonl; column prompt, caption or text) or a "
        "text file (.txt) with one prompt a line.",
    )
    max_characters: int = Field(
        1000, ge=1, description="Longer captions are no prompts; they are counted with the reason."
    )
    seed: int = Field(0, ge=0, description="Seed of the random draws.")

    @field_validator("evidence")
    @classmethod
    def _captions_are_always_looked_at(cls, evidence: list[Evidence]) -> list[Evidence]:
        if "caption" not in evidence:
            raise ValueError("must hold `caption`, since a prompt is one")
        return [kind for kind in EVIDENCE if kind in evidence]  # in one order, so that none other reruns anything

    @model_validator(mode="after")
    def _some(self) -> Prompts:
        if self.motion_duplicated and "motion" not in self.evidence:
            raise ValueError("`motion_duplicated` needs motion evidence: set `evidence: [caption, content, motion]`")
        if self.motion_duplicated and "content" not in self.evidence:
            raise ValueError("`motion_duplicated` needs content evidence too: its clips share motion and no content")
        if self.paraphrase and not (self.video_duplicated or self.image_duplicated or self.motion_duplicated):
            raise ValueError("`paraphrase` rewords the prompts of the duplicated sets: give one of them a size")
        if not any(self.sizes.values()) and not self.imported:
            raise ValueError("all prompt sets are empty: raise a size, or give `imported`")
        return self

    @property
    def sizes(self) -> dict[str, int]:
        """Most prompts of each set but the imported one, which is as large as its list."""
        return {
            "video-duplicated": self.video_duplicated,
            "image-duplicated": self.image_duplicated,
            "motion-duplicated": self.motion_duplicated,
            "random-train": self.random_train,
            "control": self.control,
            "paraphrase": self.paraphrase,
        }

    @property
    def needs_duplicates(self) -> bool:
        """Whether the table of duplicates is asked, beside the manifest."""
        return self.evidence != ["caption"]
