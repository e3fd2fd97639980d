"""How do time and memory of the stage `duplicates` grow with the corpus? Run by hand, with one thread:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/duplicates.py --out bench/speed

Captions: the whole stage over manifests of .1, 1 and 10 million rows without features (`captions.py` says what their
captions are): multiplicity, near-duplicates, components, relations, the table. Recall is that of rewordings whose
Jaccard similarity to their caption reaches the threshold.

Content: .1, .3 and 1 million frame vectors of 512 numbers through range search and components. Clips of 8 frames stand
around 300 centres; one in fifty is a disturbed copy of another. Making the tables is not timed. Each row is measured in
a process of its own. Writes duplicates.csv; `--rows` and `--vectors` choose sizes, and rows of others stay in the file.
Ten minutes on one core, and 6 GB on disk.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
from captions import chunks
from machine import apart, beside_earlier, machine, peak_bytes, write_csv

from vidmem import tables
from vidmem.config.duplicates import Duplicates
from vidmem.duplicates import write_duplicates
from vidmem.duplicates.content import content_components
from vidmem.duplicates.shingles import fold, jaccard

ROWS, VECTORS = (100_000, 1_000_000, 10_000_000), (100_000, 300_000, 1_000_000)
FRAMES, WIDTH, CENTRES, COPIED, TABLE = 8, 512, 300, 50, 5_000
JUDGED = 20_000  # rewordings
SETTINGS: dict[str, Any] = {
    **Duplicates(semantic_limit=0).model_dump(), "grid": 16, "still_floor": 0.02, "camera_explained": 0.95,
}  # fmt: skip


def write_manifest(rows: int, folder: Path) -> None:
    """A manifest of `rows` items, and which caption each one rewords."""
    parts, numbers = [], []
    for texts, of in chunks(rows, 0):
        parts.append(pl.Series(texts, dtype=pl.String))
        numbers.append(of)
    ids = pl.Series("item_id", np.arange(rows)).cast(pl.String).str.zfill(8)
    frame = pl.DataFrame(
        {"item_id": ids, "corpus": "made", "caption": pl.concat(parts), "same_as": ids, "status": "ok"}
    )
    tables.write_table(folder / "manifest.parquet", frame, tables.MANIFEST)
    np.save(folder / "numbers.npy", np.concatenate(numbers))
    for name, schema in (
        ("frames", tables.frames_schema(WIDTH)), ("flow", tables.flow_schema(16)), ("items", tables.FEATURE_ITEMS),
    ):  # fmt: skip
        tables.write_table(folder / f"{name}.parquet", [], schema)


def measure_captions(rows: int, folder: Path) -> dict[str, Any]:
    """Run the stage; rows a second of the processor's time, and peak memory."""
    start, wall = time.process_time(), time.perf_counter()
    write_duplicates(
        manifest=folder / "manifest.parquet",
        frames=[folder / "frames.parquet"],
        flow=[folder / "flow.parquet"],
        items=[folder / "items.parquet"],
        settings=SETTINGS,
        threads=1,
        out=folder / "duplicates.parquet",
    )
    return _row("captions", rows, time.process_time() - start, time.perf_counter() - wall)


def judge_captions(folder: Path) -> float:
    """Of rows that bear a rewording, drawn at random, whose Jaccard similarity to the first row of the same caption
    reaches the threshold: the share that is in its component."""
    found = tables.read_table(folder / "duplicates.parquet", ["prompt_id", "caption_component"])
    frame = found.with_columns(number=pl.Series(np.load(folder / "numbers.npy"))).with_row_index("row")
    firsts = frame.unique("number", keep="first", maintain_order=True)
    joined = frame.join(firsts, on="number", suffix="_first").filter(pl.col("prompt_id") != pl.col("prompt_id_first"))
    joined = joined.sample(min(JUDGED, len(joined)), seed=0)
    captions = fold(tables.read_table(folder / "manifest.parquet", ["caption"])["caption"])
    pairs = (joined[name].to_numpy().astype(np.int64) for name in ("row", "row_first"))
    near = jaccard(captions, *pairs) >= SETTINGS["caption_from"]
    together = (joined["caption_component"] == joined["caption_component_first"]).to_numpy()
    return float(together[near].mean())


def write_vectors(vectors: int, folder: Path) -> None:
    """Frame tables of clips with so many vectors. A copy's frames have a cosine of some .87 to the original's."""
    rng, items = np.random.default_rng(0), vectors // FRAMES
    centres = rng.standard_normal((CENTRES, 1, WIDTH), np.float32)
    earlier = np.empty((0, FRAMES, WIDTH), np.float32)  # clips of the table before, of which there are copies
    schema = tables.frames_schema(WIDTH)
    for table, first in enumerate(range(0, items, TABLE)):
        size = min(TABLE, items - first)
        clips = rng.standard_normal((size, FRAMES, WIDTH), np.float32) * np.float32(0.5)
        clips += rng.standard_normal((size, 1, WIDTH), np.float32) + centres[rng.integers(CENTRES, size=size)]
        if table:
            copies = earlier[: len(clips[::COPIED])]
            noise = rng.standard_normal(copies.shape, np.float32) * np.float32(0.85)
            clips[::COPIED] = copies + noise
        earlier = clips[1::COPIED].copy()
        clips /= np.linalg.norm(clips, axis=2, keepdims=True)
        count = size * FRAMES
        columns = {
            "video_id": np.repeat([f"{first + n:06d}" for n in range(size)], FRAMES).tolist(),
            "frame": np.tile(np.arange(FRAMES), size),
            "time_s": np.zeros(count),
            "vector": clips.reshape(count, WIDTH),
            "thumbnail": [bytes(tables.THUMBNAIL_BYTES)] * count,
            "picture": [bytes(tables.PICTURE_BYTES)] * count,
        }
        tables.write_table(folder / f"{table:03d}.parquet", columns, schema)


def measure_content(vectors: int, folder: Path) -> dict[str, Any]:
    """Range search and components of all frame tables, and the share of copies that are with their original."""
    faiss.omp_set_num_threads(1)
    start, wall = time.process_time(), time.perf_counter()
    found = content_components(sorted(folder.glob("*.parquet")), SETTINGS)
    row = _row("content", vectors, time.process_time() - start, time.perf_counter() - wall)
    items = vectors // FRAMES
    planted = [
        (copy, first - TABLE + n + 1)
        for first in range(TABLE, items, TABLE)
        for n, copy in enumerate(range(first, min(first + TABLE, items)))
        if n % COPIED == 0
    ]
    together = [found[f"{a:06d}"] == found[f"{b:06d}"] for a, b in planted]
    pairs = sum(n * (n - 1) // 2 for n in np.unique(list(found.values()), return_counts=True)[1].tolist())
    print(f"{len(planted)} copies, {sum(together)} found; {pairs} pairs in components", flush=True)
    return {**row, "recall": round(float(np.mean(together)), 4)}


def _row(what: str, rows: int, cpu_s: float, wall_s: float) -> dict[str, Any]:
    return {
        "what": what,
        "rows": rows,
        "cpu_s": round(cpu_s, 1),
        "wall_s": round(wall_s, 1),
        "rows_a_cpu_s": round(rows / cpu_s),
        "microseconds_a_row": round(cpu_s / rows * 1e6, 2),
        "peak_rss_mb": round(peak_bytes() / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS, help="sizes of the manifests")
    parser.add_argument("--vectors", type=int, nargs="*", default=VECTORS, help="numbers of frame vectors")
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = []
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            apart(write_manifest, rows, Path(folder))
            row = apart(measure_captions, rows, Path(folder))
            results.append({**row, "recall": round(apart(judge_captions, Path(folder)), 4)})
            print(results[-1], flush=True)
    for vectors in arguments.vectors:
        with tempfile.TemporaryDirectory() as folder:
            apart(write_vectors, vectors, Path(folder))
            results.append(apart(measure_content, vectors, Path(folder)))
            print(results[-1], flush=True)
    path = arguments.out / "duplicates.csv"
    write_csv(path, _compared(beside_earlier(path, [{**row, **machine()} for row in results], ("what", "rows"))))


def _compared(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with `times_the_smallest`: what a row costs, by what it costs at the smallest size of its kind."""
    cost = {row["what"]: float(row["microseconds_a_row"]) for row in reversed(results)}
    last = ("date", "machine")
    return [
        {
            **{name: value for name, value in row.items() if name not in last},
            "times_the_smallest": round(float(row["microseconds_a_row"]) / cost[row["what"]], 3),
            **{name: row[name] for name in last},
        }
        for row in results
    ]


if __name__ == "__main__":
    main()
