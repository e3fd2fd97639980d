"""How do time and memory of prompt curation grow with the corpus? Run by hand, with one thread:

    POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/prompts.py --out bench/speed

Writes prompts.csv, one row a number of items and kind of evidence: the stage's own function from a manifest and a
duplicates table to its prompts, all sets but `motion-duplicated` and `imported`, in a process of its own, whose peak
memory it is. Captions are
made from parts, some twenty words; which one an item bears follows a power law (number N u^1.5 with u uniform, of as
many captions as items), one item in ten has the file of another, components are drawn. Making the tables is not timed.
Seconds are of the processor. `--sizes` and `--evidence` choose; rows of other sizes and kinds stay in the file. Those
that are kept are of all kinds together. About five minutes for ten million items.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from machine import apart, beside_earlier, machine, peak_bytes, write_csv

from vidmem import tables
from vidmem.config.prompts import Prompts
from vidmem.prompts import write_prompts
from vidmem.prompts.controls import grammar

SIZES = (100_000, 1_000_000, 10_000_000)
EVIDENCE = ("caption", "caption content motion")
CHUNK = 500_000
PARTS = (
    grammar.LEADS,
    grammar.PEOPLE,
    grammar.ACTS,
    grammar.TIMES,
    grammar.TAILS,
    tuple(f"take {n}" for n in range(40)),
)
ASKED = {
    "video_duplicated": 1000, "image_duplicated": 200, "random_train": 1000, "control": 100, "paraphrase": 200,
}  # fmt: skip


def captions(numbers: np.ndarray) -> pl.Series:
    """The captions of some numbers: each picks its parts by the bits of a mix of the number (splitmix64)."""
    columns = []
    for place, part in enumerate(PARTS):
        x = (numbers.astype(np.uint64) * np.uint64(len(PARTS)) + np.uint64(place)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        columns.append(pl.Series(str(place), part).gather((x >> np.uint64(33)) % np.uint64(len(part))))
    return pl.DataFrame(columns).select(pl.concat_str(pl.all(), separator=" "))["0"]


def write_tables(folder: Path, rows: int) -> None:
    """manifest.parquet and duplicates.parquet of so many items, chunk by chunk."""
    manifest = pq.ParquetWriter(folder / "manifest.parquet", tables.MANIFEST, compression="zstd")
    duplicates = pq.ParquetWriter(folder / "duplicates.parquet", tables.DUPLICATES, compression="zstd")
    with manifest, duplicates:
        for start in range(0, rows, CHUNK):
            rng = np.random.default_rng([0, start])
            count = min(CHUNK, rows - start)
            place = np.arange(start, start + count)
            same = np.where(rng.random(count) < 0.1, rng.integers(0, place + 1), place)
            items = _items(rng, rows, place, same)
            manifest.write_table(_conform(items, tables.MANIFEST))
            duplicates.write_table(_conform(_beside(rng, items, same), tables.DUPLICATES))


def _items(rng: np.random.Generator, rows: int, place: np.ndarray, same: np.ndarray) -> pl.DataFrame:
    image = pl.Series(rng.random(len(place)) < 0.1)
    numbers = (rows * rng.random(len(place)) ** 1.5).astype(np.int64)
    return pl.DataFrame({"item_id": _names(place), "same_as": _names(same), "caption": captions(numbers)}).with_columns(
        path=pl.col("item_id") + ".mp4",
        kind=pl.when(image).then(pl.lit("image")).otherwise(pl.lit("video")),
        status=pl.lit(tables.OK),
    )


def _beside(rng: np.random.Generator, items: pl.DataFrame, same: np.ndarray) -> pl.DataFrame:
    sizes = {
        name: np.minimum(rng.zipf(2.5, len(items)), 10_000)
        for name in ("caption_component_size", "content_component_size", "motion_component_size")
    }
    return items.select("item_id", "status").with_columns(
        caption_component=_names(same // 2),
        content_component=_names(same // 3),
        motion_component=_names(same // 5),
        same_caption_same_video=np.minimum(sizes["caption_component_size"], sizes["content_component_size"]) - 1,
        same_motion_other_video=sizes["motion_component_size"] - 1,
        **sizes,
    )


def _names(numbers: np.ndarray) -> pl.Series:
    return pl.Series(numbers).cast(pl.String).str.zfill(9)


def _conform(frame: pl.DataFrame, schema: Any) -> Any:
    """The frame under a table's schema."""
    missing = [pl.lit(None).alias(name) for name in schema.names if name not in frame.columns]
    return frame.with_columns(missing).select(schema.names).to_arrow().cast(schema)


def measure(folder: str, evidence: list[str]) -> dict[str, Any]:
    """Seconds of the processor and peak memory of the stage."""
    where = Path(folder)
    settings = {
        **Prompts.model_validate({"evidence": evidence, **ASKED}).model_dump(),
        "chunk_size": 64,
        "required": True,
    }
    duplicates = where / "duplicates.parquet" if evidence != ["caption"] else None
    start = time.process_time()
    write_prompts(where / "manifest.parquet", None, settings, where / "prompts.parquet", {}, duplicates)
    seconds = time.process_time() - start
    prompts = pl.read_parquet(where / "prompts.parquet").height
    return {"cpu_s": round(seconds, 1), "peak_gib": round(peak_bytes() / 1024**3, 2), "prompts": prompts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--evidence", nargs="+", default=EVIDENCE)
    given = parser.parse_args()
    rows = []
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            apart(write_tables, Path(folder), size)
            for evidence in given.evidence:
                found = apart(measure, folder, evidence.split())
                per = {
                    "items_per_s": round(size / found["cpu_s"]),
                    "us_per_item": round(1e6 * found["cpu_s"] / size, 2),
                }
                rows.append({"items": size, "evidence": evidence, **found, **per, **machine()})
                print(rows[-1], flush=True)
    path = given.out / "prompts.csv"
    write_csv(path, beside_earlier(path, rows, ("evidence", "items")))


if __name__ == "__main__":
    main()
