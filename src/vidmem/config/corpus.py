"""The reference corpus: what the model may have memorised."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from vidmem.config.base import Section
from vidmem.config.media import Limits


class Columns(Section):
    """Names of the captions table's columns, where they differ from the usual."""

    path: str = Field("path", description="Column with the file's path, relative to `folder`.")
    caption: str = Field("caption", description="Column with the caption.")
    id: str = Field("item_id", description="Column with the item's id. Without such a column the path is the id.")


class Folder(Section):
    """A folder of videos or images, and optionally a captions table."""

    folder: str = Field(description="Folder that is searched for videos and images, with its subfolders.")
    captions: str | None = Field(
        None,
        description="Captions table (.csv, .tsv, .parquet, .jsonl). Left out: `captions.*` in the folder is used "
        "if there is one, else every file is an item without a caption.",
    )
    columns: Columns = Field(default_factory=Columns, description="Names of the captions table's columns.")


class Corpus(Section):
    """The reference corpus, and held-out clips that are surely not in it."""

    kind: Literal["folder", "made"] = Field(
        "folder",
        description="`folder`: your own videos or images. `made`: the demo's corpus of real and rendered clips with "
        "planted multiplicities, made by the workflow.",
    )
    folder: str | None = Field(None, description="Folder of the corpus (kind `folder`).")
    captions: str | None = Field(None, description="Captions table of the corpus; see `corpus.heldout.captions`.")
    columns: Columns = Field(default_factory=Columns, description="Names of the captions table's columns.")
    heldout: Folder | None = Field(
        None,
        description="Videos like the corpus' that the model can't have seen. They give the null distribution of the "
        "scores, and their captions the control prompts. Without them, the null comes from the corpus itself, each "
        "clip against all unrelated others.",
    )
    limits: Limits = Field(default_factory=Limits, description="Bounds on the files read.")
    max_loss: float = Field(
        0.05, ge=0, le=1, description="Largest share of items that may be skipped before the stage fails."
    )

    @model_validator(mode="after")
    def _folder_is_given(self) -> Corpus:
        if self.kind == "folder" and self.folder is None:
            raise ValueError("kind 'folder' needs `folder`: the path of your videos")
        if self.kind == "made" and (self.folder or self.captions or self.heldout):
            raise ValueError("kind 'made' takes no folder, captions or heldout: the workflow makes them")
        return self
