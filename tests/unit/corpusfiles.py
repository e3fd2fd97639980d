"""Corpora for tests, in the layouts that people have: real clips in folders, tars and Parquet files."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mediafiles
import numpy as np
from PIL import Image

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.corpus import make_manifest

Rows = dict[str, dict[str, Any]]


@cache
def clip_bytes(seed: int = 0, frames: int = 5) -> bytes:
    """A whole small mp4."""
    with TemporaryDirectory() as folder:
        return mediafiles.write(Path(folder) / "clip.mp4", mediafiles.drifting(frames, seed=seed)).read_bytes()


@cache
def image_bytes(seed: int = 0) -> bytes:
    """A whole small JPEG."""
    out = io.BytesIO()
    Image.fromarray(np.asarray(mediafiles.drifting(1, seed=seed)[0])).save(out, "JPEG")
    return out.getvalue()


def write_tar(path: Path, files: Sequence[tuple[str, bytes]]) -> Path:
    """A tar of these files in this order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def sample(key: str, text: str | None = None, seed: int = 0, **record: Any) -> list[tuple[str, bytes]]:
    """The files of one sample as video2dataset writes them."""
    texts = [] if text is None else [(f"{key}.txt", text.encode())]
    return [(f"{key}.mp4", clip_bytes(seed)), *texts, (f"{key}.json", json.dumps({"key": key, **record}).encode())]


def manifest(sources: Mapping[str, Mapping[str, Any]], out: Path) -> Rows:
    """The manifest of named sources, by item_id."""
    roots = {name: section["folder"] for name, section in sources.items()}
    make_manifest(sources, roots, Limits(), 1.0, out / "manifest.parquet")
    rows = tables.read_table(out / "manifest.parquet").to_dicts()
    assert len({row["item_id"] for row in rows}) == len(rows)
    return {row["item_id"]: row for row in rows}
