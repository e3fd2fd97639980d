"""What comes after the manifest finds the files of joined corpora, in folders, tars and Parquet files alike."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import corpusfiles
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpusfiles import image_bytes, write_tar
from PIL import Image

from vidmem.config.corpus import FolderSource, ParquetSource, WebDatasetSource
from vidmem.config.media import Limits
from vidmem.generate.images import first_frames
from vidmem.media import MediaRef, read_clip
from vidmem.report.inputs import ReportInputs
from vidmem.report.sources import references

ITEMS = ["films/a.jpg", "tars/0/k", "hub/0/0"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A manifest of three corpora with a picture each, and where they begin."""
    root = tmp_path_factory.mktemp("joined")
    for name in ("films", "hub"):
        (root / name).mkdir()
    (root / "films/a.jpg").write_bytes(image_bytes(0))
    write_tar(root / "tars/0.tar", [("k.jpg", image_bytes(1))])
    pq.write_table(pa.table({"image": [image_bytes(2)]}), root / "hub/0.parquet")
    sources = {
        "films": FolderSource(folder=str(root / "films")).model_dump(),
        "tars": WebDatasetSource(kind="webdataset", folder=str(root / "tars")).model_dump(),
        "hub": ParquetSource(kind="parquet", folder=str(root / "hub")).model_dump(),
    }
    assert list(corpusfiles.manifest(sources, root)) == ITEMS
    return root / "manifest.parquet", {name: source["folder"] for name, source in sources.items()}


def pixels(seed: int) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image_bytes(seed))))


def test_videos_start_from_their_first_frames(world: tuple[Path, dict[str, Any]]) -> None:
    manifest, roots = world
    found = first_frames(manifest, roots, ITEMS, None, Limits())
    assert all(np.array_equal(found[item], pixels(n)) for n, item in enumerate(ITEMS))


def test_the_report_shows_them(world: tuple[Path, dict[str, Any]]) -> None:
    manifest, roots = world
    found = references(ReportInputs("a", {}, manifest, roots, None, {}), ITEMS)
    for n, item in enumerate(ITEMS):
        source = found[item]
        assert source.path is not None
        ref = MediaRef(source.path, source.offset, source.size)
        assert np.array_equal(read_clip(ref, rate_hz=None, max_frames=1, limits=Limits()).frames[0], pixels(n))


def test_a_corpus_whose_folder_is_not_known_is_a_reason(world: tuple[Path, dict[str, Any]]) -> None:
    manifest, roots = world
    left = {name: folder for name, folder in roots.items() if name != "tars"}
    assert first_frames(manifest, left, ITEMS, None, Limits())["tars/0/k"] == "no folder is known of the corpus 'tars'"
    found = references(ReportInputs("a", {}, manifest, left, None, {}), ITEMS)
    assert found["tars/0/k"].path is None and "no folder is known" in (found["tars/0/k"].reason or "")
