"""How do time and memory of what each stage reads from the manifest grow with it? Run by hand, with one thread:

    POLARS_MAX_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/readers.py --out bench/speed

Every other bench of a stage after `corpus` hands it clips or vectors; here it is the manifest that grows. Captions are
all distinct, which is the worst case, a tenth of the files stand twice. Each row is measured in a process of its own,
and its peak memory is that of the process with what it imports. Readers, each the stage's own function:

- retrieve: the corpus' own clips of the prompts of 3,200 videos
- relatives: which clips can't be each other's null, where the corpus is its own (up to a million: it holds every item)
- report: what is said of the corpus, and the files of 1,000 clips that are shown
- mitigate: the captions that fidelity to the text is held against
- images: the clips whose first frames videos start from, and the files of 64 of them

Writes readers.csv; `--sizes` chooses, and rows of other sizes stay in the file. Seconds are of the processor. Four
minutes on one core for ten million rows, most of them to make the manifest.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import apart, beside_earlier, machine, peak_bytes, write_csv
from manifest import make_parts, put_together

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.text import prompt_id

SIZES = (100_000, 300_000, 1_000_000, 10_000_000)
VIDEOS, SEEDS, SHOWN, STARTED = 3_200, 4, 1_000, 64


def some(rows: int, count: int) -> list[int]:
    """Numbers of items all over the manifest."""
    return [n * (rows // count) for n in range(count)]


def own_clips_of_prompts(folder: Path, rows: int) -> None:
    from vidmem.retrieve import own_clips

    asked = [prompt_id(f"a man walks in the city at night {n}") for n in some(rows, VIDEOS // SEEDS)]
    videos = [
        {"video_id": f"{prompt}-{seed}", "prompt_id": prompt, "path": "v.mp4", "status": tables.OK}
        for prompt in asked
        for seed in range(SEEDS)
    ]
    tables.write_table(folder / "videos.parquet", videos, tables.VIDEOS)
    assert len(own_clips([folder / "videos.parquet"], folder / "manifest.parquet")) == VIDEOS


def relatives_by_caption(folder: Path, rows: int) -> None:
    from vidmem.retrieve import relatives

    assert 0.9 * rows < len(relatives(folder / "manifest.parquet")) < rows


def told_of_the_corpus(folder: Path, rows: int) -> None:
    from vidmem.report.corpus_facts import corpus_tables, skipped_rows
    from vidmem.report.inputs import ReportInputs
    from vidmem.report.sources import references

    inputs = ReportInputs("a", {}, folder / "manifest.parquet", str(folder), None, {})
    assert corpus_tables(inputs)["corpus"]["number"][0] == rows and not skipped_rows(inputs)
    assert len(references(inputs, {f"webvid/{n}" for n in some(rows, SHOWN)})) == SHOWN


def captions_held_against(folder: Path, rows: int) -> None:
    from vidmem.mitigate.corpus import MOST_CAPTIONS, read_captions

    assert len(read_captions(folder / "manifest.parquet").ids) == min(rows, MOST_CAPTIONS)


def first_frames_of_clips(folder: Path, rows: int) -> None:
    from vidmem.generate.images import distinct_items, first_frames

    manifest = folder / "manifest.parquet"
    assert 0.9 * rows < len(distinct_items(manifest)) < rows
    ids = [f"webvid/{n}" for n in some(rows, STARTED)]
    assert len(first_frames(manifest, {"webvid": str(folder)}, ids, None, Limits())) == STARTED


READERS: dict[str, Callable[[Path, int], None]] = {
    "retrieve": own_clips_of_prompts,
    "relatives": relatives_by_caption,
    "report": told_of_the_corpus,
    "mitigate": captions_held_against,
    "images": first_frames_of_clips,
}
MOST_ROWS = {"relatives": 1_000_000}


def make(folder: Path, rows: int) -> None:
    make_parts(folder, rows)
    put_together(folder, rows)


def measure(reader: str, folder: Path, rows: int) -> dict[str, Any]:
    """Seconds of the processor and peak memory of one reader."""
    start = time.process_time()
    READERS[reader](folder, rows)
    return {"cpu_s": round(time.process_time() - start, 2), "peak_rss_mb": round(peak_bytes() / 1e6)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for rows in given.sizes:
        with tempfile.TemporaryDirectory() as name:
            apart(make, Path(name), rows)
            for reader in (name for name in given.readers if rows <= MOST_ROWS.get(name, rows)):
                row = apart(measure, reader, Path(name), rows)
                found.append({"reader": reader, "rows": rows, **row, **machine()})
                print(found[-1], file=sys.stderr, flush=True)
    path = given.out / "readers.csv"
    write_csv(path, beside_earlier(path, found, ("reader", "rows")))


if __name__ == "__main__":
    main()
