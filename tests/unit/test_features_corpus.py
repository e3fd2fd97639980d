"""Whose features a job extracts of a corpus: its own rows of the manifest, wherever their bytes lie."""

from __future__ import annotations

from pathlib import Path

import corpusfiles
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpusfiles import clip_bytes, sample, write_tar

from vidmem import tables
from vidmem.config.corpus import FolderSource, ParquetSource, WebDatasetSource
from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.features import corpus_chunk, null_clips, write_features
from vidmem.features import stage as features_stage
from vidmem.tables import stream
from vidmem.text import stable_fraction


def manifest(path: Path, rows: int) -> Path:
    """A manifest of which every third row is another's copy and every fifth is skipped."""
    tables.write_table(
        path,
        [
            {
                "item_id": f"i{n}",
                "path": f"{n}.mp4",
                "same_as": f"i{n - 1}" if n % 3 == 1 else f"i{n}",
                "status": "skipped" if n % 5 == 0 else "ok",
            }
            for n in range(rows)
        ],
        tables.MANIFEST,
    )
    return path


@pytest.mark.parametrize("chunks", [1, 2, 7, 50])
def test_chunks_hold_every_distinct_file_once_and_in_order(tmp_path: Path, chunks: int) -> None:
    path = manifest(tmp_path / "m.parquet", 40)
    found = [item for n in range(chunks) for item in corpus_chunk(path, n, chunks)["video_id"]]
    assert found == [f"i{n}" for n in range(40) if n % 3 != 1 and n % 5]


def test_a_chunk_reads_no_rows_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "GROUP_ROWS", 10)
    with tables.table_writer(tmp_path / "m.parquet", tables.MANIFEST) as write:
        write(pq.read_table(manifest(tmp_path / "whole.parquet", 100)))
    read: list[int] = []
    real = stream._of_group
    monkeypatch.setattr(stream, "_of_group", lambda file, group, *rest: read.append(group) or real(file, group, *rest))
    assert len(corpus_chunk(tmp_path / "m.parquet", 4, 10)) > 0
    assert read == [4]


def test_null_clips_are_drawn_by_their_ids_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features_stage, "MAX_NULL_CLIPS", 12)
    path = manifest(tmp_path / "m.parquet", 90)
    distinct = [f"i{n}" for n in range(90) if n % 3 != 1 and n % 5]
    drawn = sorted(distinct, key=lambda item: stable_fraction("null", item))[:12]
    assert null_clips(path)["video_id"].to_list() == [item for item in distinct if item in drawn]
    assert null_clips(manifest(tmp_path / "few.parquet", 9))["video_id"].to_list() == ["i2", "i3", "i6", "i8"]


def test_features_are_the_same_wherever_the_bytes_lie(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f/a.mp4").write_bytes(clip_bytes(1, 8))
    write_tar(tmp_path / "t/0.tar", [("k.mp4", clip_bytes(1, 8)), *sample("other", "two", 2)])
    pq.write_table(pa.table({"mp4": [clip_bytes(3), clip_bytes(1, 8)]}), _made(tmp_path / "p") / "0.parquet")
    sources = {
        "f": FolderSource(kind="folder", folder=str(tmp_path / "f")).model_dump(),
        "t": WebDatasetSource(kind="webdataset", folder=str(tmp_path / "t")).model_dump(),
        "p": ParquetSource(kind="parquet", folder=str(tmp_path / "p")).model_dump(),
    }
    rows = corpusfiles.manifest(sources, tmp_path)
    assert {k for k, r in rows.items() if r["same_as"] == "f/a.mp4"} == {"f/a.mp4", "t/0/k", "p/0/1"}
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("frames", "flow", "status")}
    items = pl.DataFrame(list(rows.values()), schema_overrides={"offset": pl.Int64, "size": pl.Int64})
    write_features(
        items.rename({"item_id": "video_id"}),
        root={name: source["folder"] for name, source in sources.items()},
        settings={**Features().model_dump(), "limits": Limits().model_dump()},
        threads=1,
        outputs=outputs,
    )
    frame, vectors = tables.read_vectors(outputs["frames"])
    by_item = {item: vectors[(frame["video_id"] == item).to_numpy()] for item in rows}
    assert (by_item["f/a.mp4"] == by_item["t/0/k"]).all() and (by_item["f/a.mp4"] == by_item["p/0/1"]).all()
    assert set(tables.read_table(outputs["status"])["status"]) == {"ok"}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
