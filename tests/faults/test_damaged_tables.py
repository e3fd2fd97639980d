"""Tables and shards that were changed after they were written: noticed before a row is used, and named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import mediafiles
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from vidmem import tables
from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.features import DamagedShard, extract_features, model_videos
from vidmem.generate.shard import Partial, place
from vidmem.media import MediaError, MediaRef, encode_video, hash_of, probe
from vidmem.retrieve.index import build, read_index, write_index
from vidmem.tables import stream

L = Limits()
MADE_BY = {"engine": "e", "settings": {"rate_hz": 3.0}}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of vectors in two groups of rows, with texts and pictures beside them."""
    path = tmp_path_factory.mktemp("tables") / "x.frames.parquet"
    rng = np.random.default_rng(0)
    columns = {
        "video_id": [f"v{n // 4}" for n in range(12)],
        "frame": list(range(12)),
        "time_s": rng.random(12),
        "vector": rng.random((12, 8), np.float32),
        "thumbnail": [rng.bytes(tables.THUMBNAIL_BYTES) for _ in range(12)],
        "picture": [b"x" * tables.PICTURE_BYTES] * 12,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "GROUP_ROWS", 8)
        with tables.table_writer(path, tables.frames_schema(8), MADE_BY) as write:
            write(columns)
    return path


def test_a_flipped_bit_changes_nothing_or_is_noticed(table: Path, tmp_path: Path) -> None:
    """Some bytes of a Parquet file are read by nobody (bounds of a page's values); all others are guarded."""
    good, whole, rng = table.read_bytes(), tables.read_arrow(table), np.random.default_rng(1)
    other, noticed = tmp_path / "x.parquet", 0
    for at in rng.choice(len(good), 250, replace=False):
        data = bytearray(good)
        data[at] ^= 1 << int(rng.integers(8))
        other.write_bytes(data)
        try:
            assert tables.read_arrow(other).equals(whole) and tables.read_made_by(other) == MADE_BY, at
        except tables.DamagedTable as error:
            noticed += 1
            assert str(error).startswith(f"{other} is not as it was written (")
            assert "\n" not in str(error) and "Delete it and run the same command again" in str(error)
    assert noticed > 100


def test_a_flipped_bit_of_a_vector_or_of_the_footer_is_always_noticed(table: Path, tmp_path: Path) -> None:
    data, rng = table.read_bytes(), np.random.default_rng(2)
    chunk = pq.read_metadata(table).row_group(0).column(3)
    assert chunk.path_in_schema.startswith("vector")
    header = 100  # bytes at most of the page's header, before the data
    page = range(chunk.data_page_offset + header, chunk.data_page_offset + chunk.total_compressed_size)
    footer = range(len(data) - 8 - int.from_bytes(data[-8:-4], "little"), len(data))
    for at in [*rng.choice(page, 40), *rng.choice(footer, 60)]:
        other = tmp_path / "x.parquet"
        other.write_bytes(data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :])
        with pytest.raises(tables.DamagedTable):
            tables.read_vectors(other)


@pytest.mark.parametrize("keep", [0, 3, 11, 0.1, 0.5, 0.9, 0.999])
def test_a_table_that_is_cut_short_is_noticed(table: Path, tmp_path: Path, keep: float) -> None:
    data, other = table.read_bytes(), tmp_path / "x.parquet"
    other.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    for read in (tables.read_table, tables.read_vectors, tables.read_made_by, tables.count_rows):
        with pytest.raises(tables.DamagedTable, match=r"x\.parquet is not as it was written"):
            read(other)


def test_only_what_is_read_is_checked(table: Path, tmp_path: Path) -> None:
    """A job that reads a part of a large table pays for that part."""
    data, other = bytearray(table.read_bytes()), tmp_path / "x.parquet"
    chunk = pq.read_metadata(table).row_group(1).column(3)
    data[chunk.data_page_offset + chunk.total_compressed_size - 3] ^= 1
    other.write_bytes(data)
    assert tables.read_table(other, ["video_id", "time_s"])["video_id"].n_unique() == 3
    assert [len(batch) for batch in tables.iter_batches(other, stop=8)] == [8]
    with pytest.raises(tables.DamagedTable):
        list(tables.iter_batches(other))
    with pytest.raises(tables.DamagedTable):
        tables.checked(other, ["vector"])
    assert tables.checked(other, ["time_s"]) == other


def test_a_table_of_before_there_were_checksums_is_read(table: Path, tmp_path: Path) -> None:
    old = tmp_path / "x.parquet"
    metadata = {b"vidmem": b'{"engine": "e"}'}
    pq.write_table(tables.read_arrow(table).replace_schema_metadata(metadata), old)
    assert tables.read_table(old, ["time_s"]).equals(tables.read_table(table, ["time_s"]))
    assert tables.read_made_by(old) == {"engine": "e"}


def test_a_missing_table_is_no_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tables.read_table(tmp_path / "none.parquet")


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_a_damaged_index_of_vectors_is_named(tmp_path: Path, damage: str) -> None:
    rng, path = np.random.default_rng(4), tmp_path / "x.npz"
    vectors, owner = rng.random((40, 8), np.float32), np.repeat(np.arange(10), 4)
    made = build(vectors, owner, [f"v{n}" for n in range(10)], "exact", np.empty((0, 0), np.float32))
    write_index(path, made)
    data = path.read_bytes()
    at = data.index(vectors.tobytes())
    for byte in at + rng.integers(vectors.nbytes, size=10):
        flipped = data[:byte] + bytes([data[byte] ^ 1 << int(rng.integers(8))]) + data[byte + 1 :]
        path.write_bytes(flipped if damage == "flipped" else data[:byte])
        with pytest.raises(tables.DamagedTable, match=r"x\.npz is not as it was written"):
            read_index(path)


# ---- shards of videos


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A shard of three videos as a model's chunk is written, and its table beside it."""
    rows = [{"video_id": f"v{n}", "status": tables.OK} for n in range(3)]
    for n, row in enumerate(rows):
        (tmp_path / f"{row['video_id']}.mp4").write_bytes(encode_video(mediafiles.drifting(12, seed=n), 8))
    place(rows, tmp_path / "c.tar", lambda video_id: tmp_path / f"{video_id}.mp4")
    tables.write_table(tmp_path / "c.videos.parquet", rows, tables.VIDEOS)
    return tmp_path


def test_a_shards_videos_bear_the_hash_of_their_bytes(shard: Path) -> None:
    items = model_videos(shard / "c.videos.parquet", shard)
    for row in items.iter_rows(named=True):
        data = (shard / f"{row['video_id']}.mp4").read_bytes()
        assert (
            row["sha256"] == hashlib.sha256(data).hexdigest() == hash_of(MediaRef(shard / f"{row['video_id']}.mp4"), L)
        )
        assert (shard / "c.tar").read_bytes()[row["offset"] : row["offset"] + row["size"]] == data


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_shard_is_named_before_its_videos_are_used(shard: Path, damage: str) -> None:
    tar, rng = shard / "c.tar", np.random.default_rng(3)
    rows = tables.read_table(shard / "c.videos.parquet")
    data = bytearray(tar.read_bytes())
    if damage == "flipped":
        data[int(rows["offset"][1] + rng.integers(rows["size"][1]))] ^= 1 << int(rng.integers(8))
        tar.write_bytes(data)
    elif damage == "cut":
        tar.write_bytes(data[: int(rows["offset"][2]) + 10])
    else:
        tar.unlink()
    with pytest.raises(
        DamagedShard, match=r"c\.tar is not as it was written \(.*Delete it and c\.videos\.parquet"
    ) as error:
        model_videos(shard / "c.videos.parquet", shard)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("what", ["v.mp4", "v.json"])
def test_a_kept_clip_with_a_flipped_bit_is_as_good_as_none(tmp_path: Path, what: str) -> None:
    partial, rng = Partial(tmp_path), np.random.default_rng(5)
    partial.write("v", rng.bytes(500), {"video": {"status": "ok"}, "signals": []})
    kept, data = partial.read("v"), bytearray((tmp_path / what).read_bytes())
    assert kept is not None
    for at in rng.integers(len(data), size=20):
        (tmp_path / what).write_bytes(data[:at] + bytes([data[at] ^ 1 << 7]) + data[at + 1 :])  # no ASCII any more
        assert partial.read("v") is None, at


def test_bytes_between_the_videos_of_a_shard_are_nobodys(shard: Path) -> None:
    data = bytearray((shard / "c.tar").read_bytes())
    data[20] ^= 1  # in the name of a member, by which nothing is read
    (shard / "c.tar").write_bytes(data)
    assert len(model_videos(shard / "c.videos.parquet", shard)) == 3


def test_a_file_that_changed_since_it_was_listed_is_a_row_with_the_reason(shard: Path, tmp_path: Path) -> None:
    sha256 = hash_of(MediaRef(shard / "v0.mp4"), L)
    items = pl.DataFrame(
        {
            "video_id": ["a", "b"],
            "path": ["v0.mp4", "v1.mp4"],
            "offset": [None, None],
            "size": [None, None],
            "sha256": [sha256] * 2,
        },
        {"video_id": pl.String, "path": pl.String, "offset": pl.Int64, "size": pl.Int64, "sha256": pl.String},
    )
    with pytest.raises(MediaError, match="not those that were listed"):
        probe(MediaRef(shard / "v1.mp4", sha256=sha256), L)
    out = [tmp_path / f"{name}.parquet" for name in ("frames", "flow", "items")]
    settings = Features(max_loss=0.5).model_dump()
    extract_features(items, shard, settings, limits=L, threads=1, out_frames=out[0], out_flow=out[1], out_items=out[2])
    found = tables.read_table(out[2]).select("video_id", "status", "reason").rows()
    assert found == [("a", "ok", None), ("b", "skipped", "its bytes are not those that were listed")]
