"""Readers, one for each layout that corpora come in. All give the same: a stream of items, no media opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vidmem.config.corpus import Columns
from vidmem.corpus.listed import Listed
from vidmem.corpus.readers.folder import read_folder
from vidmem.corpus.readers.parquet import read_parquet
from vidmem.corpus.readers.webdataset import read_webdataset
from vidmem.corpus.readers.webvid import read_webvid


def read_source(settings: Mapping[str, Any]) -> Iterator[Listed]:
    """The items of one source by its settings: the dump of its section in `config.corpus`, `kind` and all.

    Ids may repeat. Raises `ValueError` with one line for a source that can't be read at all or holds nothing.
    """
    folder = Path(settings["folder"])
    match settings["kind"]:
        case "folder":
            captions = settings["captions"]
            return read_folder(folder, Path(captions) if captions else None, Columns(**settings["columns"]))
        case "webvid":
            columns = {key: settings[key] for key in ("id", "caption", "page")}
            return read_webvid(folder, Path(settings["table"]), columns)
        case "webdataset":
            return read_webdataset(folder, settings["caption"])
        case "parquet":
            return read_parquet(folder, settings["media"], settings["caption"], settings["id"])
        case kind:
            raise ValueError(f"no reader for a corpus of kind {kind!r}")


__all__ = ["read_source"]
