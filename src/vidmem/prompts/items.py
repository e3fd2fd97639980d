"""The corpus as prompts are curated from: numbers a row, so that ten million rows fit in memory. Texts stay on disk.

A caption is its prompt_id as an unsigned integer of 64 bits, which orders captions as the hex digits do.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from vidmem import tables
from vidmem.progress import progress
from vidmem.text import normalise_text

BATCH_ROWS = 200_000
COMPONENTS = ("caption_component", "content_component", "motion_component")
# columns of `tables.DUPLICATES` by the kind of evidence, and what they are called here
SIZES = {
    "content": {
        "caption_component_size": "near_captions",
        "content_component_size": "same_video",
        "same_caption_same_video": "beside",
    },
    "motion": {"same_motion_other_video": "same_motion"},
}
SCHEMA: dict[str, type[pl.DataType]] = {
    "row": pl.UInt32,
    "key": pl.UInt64,
    "file": pl.UInt64,
    "image": pl.Boolean,
    **{name: pl.Int32 for kind in SIZES.values() for name in kind.values()},
    **dict.fromkeys(COMPONENTS, pl.UInt64),
}


@dataclass(frozen=True)
class Items:
    """Items with a usable caption: `frame`, under `SCHEMA`, has a row each; `left_out` counts the others by reason.

    `row` is the item's number in the manifest, `file` the hash of its `same_as` id, a component the hash of its name.
    Evidence that is not looked for, or that an item lacks, is null.
    """

    frame: pl.DataFrame
    left_out: dict[str, int]

    def known(self, keys: Iterable[int]) -> set[int]:
        """Those of some captions that the corpus holds."""
        wanted = pl.Series("key", list(keys), dtype=pl.UInt64)
        return set(wanted.filter(wanted.is_in(self.frame["key"].implode())))


def key_of(text: str) -> int:
    """A caption's prompt_id as a number."""
    return _hash(normalise_text(text))


def _hash(normal: str) -> int:
    """`key_of` of a text that is normalised already: prompt_id is the first 16 hex digits of the same hash."""
    return int.from_bytes(hashlib.sha256(normal.encode()).digest()[:8], "big")


def id_of(key: int) -> str:
    """The prompt_id that a number stands for."""
    return f"{key:016x}"


def read_items(manifest: Path, duplicates: Path | None, evidence: Sequence[str], max_characters: int) -> Items:
    """Items of a corpus, with what the duplicates table says of them where one is given.

    Captions longer than `max_characters`, empty ones and items that are not ok are left out and counted. Raises
    `ValueError` if the duplicates table lacks an item of the manifest.
    """
    left_out: Counter[str] = Counter()
    columns = ["caption", "status", "same_as", "kind"]
    parts = [_usable(batch, start, max_characters, left_out) for start, batch in batches(manifest, columns)]
    frame = pl.concat(parts) if parts else pl.DataFrame(schema={name: SCHEMA[name] for name in ITEM})
    if duplicates is not None:
        frame = _beside(frame, manifest, duplicates, evidence)
    missing = [pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name not in frame.columns]
    return Items(frame.with_columns(missing).select(*SCHEMA), {k: n for k, n in sorted(left_out.items()) if n})


ITEM = ("row", "key", "file", "image")  # what is known of an item by the manifest alone


def batches(table: Path, columns: Sequence[str]) -> Iterator[tuple[int, pl.DataFrame]]:
    """A table's columns in batches, each with the number of its first row."""
    with tables.opened(table) as file:
        total, start = -(-file.metadata.num_rows // BATCH_ROWS), 0
        found = file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False)
        for batch in progress(found, total, f"reading {Path(table).name}"):
            frame = pl.from_arrow(pa.Table.from_batches([batch]).replace_schema_metadata(None))
            assert isinstance(frame, pl.DataFrame)
            yield start, frame
            start += len(frame)


def _usable(batch: pl.DataFrame, start: int, longest: int, left_out: Counter[str]) -> pl.DataFrame:
    ok = batch.with_row_index("row", start).filter(pl.col("status") == tables.OK)
    texts = [normalise_text(text) if text else "" for text in ok["caption"]]
    usable = pl.Series([0 < len(text) <= longest for text in texts], dtype=pl.Boolean)
    left_out["the item is not ok"] += len(batch) - len(ok)
    left_out["no caption"] += texts.count("")
    left_out[f"the caption is longer than {longest} characters"] += len(ok) - int(usable.sum()) - texts.count("")
    keys = pl.Series([_hash(t) if good else 0 for t, good in zip(texts, usable, strict=True)], dtype=pl.UInt64)
    image = (pl.col("kind") == "image").fill_null(value=False)
    return ok.select("row", key=keys, file=pl.col("same_as").hash(), image=image).filter(usable)


def _beside(items: pl.DataFrame, manifest: Path, duplicates: Path, evidence: Sequence[str]) -> pl.DataFrame:
    """The items with the evidence of their row in the duplicates table."""
    sizes = {old: new for kind in evidence for old, new in SIZES.get(kind, {}).items()}
    components = [c for c in COMPONENTS if c != "motion_component" or "motion" in evidence]
    told = pl.scan_parquet(tables.checked(duplicates, ["item_id", *sizes, *components])).select(
        "item_id",
        *(pl.col(old).alias(new) for old, new in sizes.items()),
        *(pl.when(pl.col(c).is_not_null()).then(pl.col(c).hash()).alias(c) for c in components),
        told=pl.lit(value=True),
    )
    rows = pl.scan_parquet(tables.checked(manifest, ["item_id"])).select("item_id").with_row_index("row")
    found = rows.join(told, on="item_id", how="inner").drop("item_id")
    frame = items.lazy().join(found, on="row", how="left").sort("row").collect(engine="streaming")
    lacking = int(frame["told"].is_null().sum())
    if lacking or len(frame) != len(items):
        raise ValueError(f"{duplicates}: {lacking} items of the manifest are not in it, or some are there twice")
    return frame.drop("told")


def told_of(manifest: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """Some rows of the manifest (`row`, `key`) with their caption, same_as and corpus, in its order."""
    told = tables.checked(manifest, ["caption", "same_as", "corpus"])
    found = pl.scan_parquet(told).select("caption", "same_as", "corpus").with_row_index("row")
    return found.join(rows.lazy(), on="row", how="inner").sort("row").collect(engine="streaming")
