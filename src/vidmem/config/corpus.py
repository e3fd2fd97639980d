"""The reference corpus: what the model may have memorised."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from vidmem.config.base import NAME_PATTERN, Section
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


class FolderSource(Folder):
    """A folder of videos or images, and optionally a captions table; the same keys as of the short form."""

    kind: Literal["folder"] = "folder"


class WebVidSource(Section):
    """WebVid's table (videoid, contentUrl, duration, page_dir, name) over a folder of the videos that were fetched."""

    kind: Literal["webvid"]
    folder: str = Field(
        description="Folder of the videos: `<page_dir>/<videoid>.mp4` or `<videoid>.mp4`, also within subfolders such "
        "as `videos` or `part0`, two deep at most. Rows without a file are listed as skipped, and counted."
    )
    table: str = Field(description="The table (.csv, .tsv, .parquet, .jsonl).")
    id: str = Field("videoid", description="Column with the video's number.")
    caption: str = Field("name", description="Column with the caption.")
    page: str = Field("page_dir", description="Column with the subfolder.")


class WebDatasetSource(Section):
    """Tars as video2dataset and img2dataset write them: `00000.tar` with `.mp4` or `.jpg`, `.txt` and `.json`."""

    kind: Literal["webdataset"]
    folder: str = Field(
        description="Folder of the tars, searched with its subfolders. Files are read where they lie in the tar. A "
        "`.parquet` beside a tar tells which samples could not be fetched."
    )
    caption: list[str] = Field(
        default_factory=lambda: ["caption", "text"],
        description="Keys of a sample's `.json`, and columns of the `.parquet`, that hold a caption.",
    )


class ParquetSource(Section):
    """Parquet files with the media in them, or with their paths: the layout of the hub's video and image datasets."""

    kind: Literal["parquet"]
    folder: str = Field(description="Folder of the Parquet files, searched with its subfolders.")
    media: str | None = Field(
        None,
        description="Column of the media: bytes, a path (from the Parquet file's folder, or from `folder`), or both "
        "as `{bytes, path}`. Left out: the first that there is of video, image, mp4, webm, jpg, png, webp, path and "
        "file_name.",
    )
    caption: str | None = Field(
        None, description="Column of the caption, or of several in a list. Left out: caption, text, prompt or name."
    )
    id: str | None = Field(
        None, description="Column of the id. Left out: item_id, id, key, __key__ or videoid, else the row's number."
    )


Source = Annotated[
    FolderSource | WebVidSource | WebDatasetSource | ParquetSource,
    Field(discriminator="kind"),
]


def _kind(section: object) -> str:
    """A section without a kind is a folder, as it was before there were others."""
    found = section.get("kind", "folder") if isinstance(section, dict) else getattr(section, "kind", "folder")
    return str(found)


Heldout = Annotated[
    Annotated[FolderSource, Tag("folder")]
    | Annotated[WebVidSource, Tag("webvid")]
    | Annotated[WebDatasetSource, Tag("webdataset")]
    | Annotated[ParquetSource, Tag("parquet")],
    Discriminator(_kind),
]


class Corpus(Section):
    """The reference corpus, and held-out clips that are surely not in it."""

    kind: Literal["folder", "made"] = Field(
        "folder",
        description="`folder`: your own videos or images. `made`: the demo's corpus of real and rendered clips with "
        "planted multiplicities, made by the workflow.",
    )
    folder: str | None = Field(
        None, description="Folder of the corpus (kind `folder`), for a corpus that is one folder."
    )
    captions: str | None = Field(None, description="Captions table of the corpus; see `corpus.heldout.captions`.")
    columns: Columns = Field(default_factory=Columns, description="Names of the captions table's columns.")
    sources: dict[str, Source] = Field(
        default_factory=dict,
        description="Instead of `folder`: one corpus or several that are joined, by a name that stays on every row and "
        "before every id. Each has a kind, `folder`, `webvid`, `webdataset` or `parquet`.",
    )
    heldout: Heldout | None = Field(
        None,
        description="Videos like the corpus' that the model can't have seen. They give the null distribution of the "
        "scores, and their captions the control prompts. Without them, the null comes from the corpus itself, each "
        "clip against all unrelated others. A folder, or with a `kind` any other layout.",
    )
    limits: Limits = Field(default_factory=Limits, description="Bounds on the files read.")
    chunks: int = Field(
        1,
        ge=1,
        description="Jobs that reading the corpus' files is cut into. About one for 10,000 files: each is decoded "
        "once, to know what it holds and that it is whole.",
    )
    max_loss: float = Field(
        0.05, ge=0, le=1, description="Largest share of items that may be skipped before the stage fails."
    )

    @field_validator("sources")
    @classmethod
    def _names(cls, sources: dict[str, Source]) -> dict[str, Source]:
        for name in sources:
            if not re.match(NAME_PATTERN, name):
                raise ValueError(f"corpus name {name!r}: use letters, digits, '-' and '_'")
        return sources

    @model_validator(mode="after")
    def _something_is_given(self) -> Corpus:
        if self.kind == "made" and (self.folder or self.captions or self.heldout or self.sources):
            raise ValueError("kind 'made' takes no folder, captions, sources or heldout: the workflow makes them")
        if self.sources and (self.folder or self.captions):
            raise ValueError("give `sources` or the one `folder`, not both: a folder is a source of kind 'folder'")
        if self.kind == "folder" and self.folder is None and not self.sources:
            raise ValueError("kind 'folder' needs `folder`: the path of your videos")
        return self
