"""How do time and memory of the corpus stage grow to the size of WebVid-10M? Run by hand, with one thread:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/manifest.py --out bench/speed

Writes manifest.csv, one row a step and number of rows. The table and the hashes are generated; no video is decoded, for
that takes as long as the videos are. Steps, each in a process of its own:

- list: WebVid's table over a folder that holds none of its videos, so that every row is looked for in every place
- manifest: putting the parts together, with a tenth of the files standing there before
- features: one job of `features_corpus` finding its own rows, 5,000 of them
- null: drawing the clips of the null distribution from all rows
- dry-run: what Snakemake asks before anything runs, for the jobs of config/webvid.yaml (all processes' seconds)

Seconds are of the processor; `--sizes` chooses, and rows of other sizes stay in the file. About eight minutes on one
quiet core; 4 GB of disk in a temporary folder.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from machine import apart, beside_earlier, cpu_seconds, machine, peak_bytes, write_csv

from vidmem import tables
from vidmem.config.corpus import WebVidSource
from vidmem.corpus import write_listing, write_manifest
from vidmem.features import corpus_chunk, null_clips

ROOT = Path(__file__).parents[2]
SIZES = (100_000, 1_000_000, 10_000_000)
PARTS, PART_OF_FEATURES = 10, 5_000
REPEATED = 0.1
WORDS = ["a man", "a woman", "walks", "drives", "in the city", "at night", "red car", "slow motion", "aerial view"]
WORDS += ["of a mountain", "lake", "sunset", "cooking", "close up", "hands", "children", "on a beach", "time lapse"]
Step = Callable[[Path, int], Any]


def make_table(folder: Path, rows: int) -> None:
    """WebVid's table, with captions of a grammar: some stand often, most once."""
    rng = random.Random(0)  # noqa: S311 - captions, no secrets
    captions = [" ".join(rng.choices(WORDS, k=rng.randint(3, 7))) for _ in range(20_011)]
    (folder / "videos").mkdir()
    with (folder / "table.csv").open("w", encoding="utf-8") as table:
        table.write("videoid,contentUrl,duration,page_dir,name\n")
        for n in range(rows):
            page = n // 50 * 50
            url = f"https://example.org/stock/videos/{n}/preview/stock-footage-clip.mp4"
            caption = captions[n % 20_011] + (f" {n // 20_011}" if n % 3 else "")
            table.write(f'{n},{url},PT00H00M15S,{page + 1:06d}_{page + 50:06d},"{caption}"\n')


def make_parts(folder: Path, rows: int) -> None:
    """Probed parts, as if every file had been there."""
    rng = np.random.default_rng(0)
    size = rows // PARTS
    for part in range(PARTS):
        with tables.table_writer(folder / f"part{part}.parquet", tables.MANIFEST) as write:
            for start in range(part * size, (part + 1) * size, 50_000):
                write(_probed(start, min(50_000, (part + 1) * size - start), rng))


def _probed(start: int, count: int, rng: np.random.Generator) -> dict[str, list[Any]]:
    numbers = np.arange(start, start + count)
    earlier = rng.integers(0, start + count, count)
    files = np.where(rng.random(count) < REPEATED, earlier, numbers).tolist()
    return {
        "item_id": [f"webvid/{n}" for n in numbers],
        "corpus": ["webvid"] * count,
        "path": [f"{n // 50 * 50:06d}/{n}.mp4" for n in numbers],
        "kind": ["video"] * count,
        "caption": [f"a man walks in the city at night {n}" for n in numbers],
        "sha256": [hashlib.sha256(str(n).encode()).hexdigest() for n in files],
        "status": ["ok"] * count,
    }


def list_items(folder: Path, rows: int) -> None:
    source = WebVidSource(kind="webvid", folder=str(folder / "videos"), table=str(folder / "table.csv"))
    write_listing({"webvid": source.model_dump()}, True, folder / "listing.parquet")
    assert tables.count_rows(folder / "listing.parquet") == rows


def put_together(folder: Path, rows: int) -> None:
    write_manifest([folder / f"part{part}.parquet" for part in range(PARTS)], 0, folder / "manifest.parquet")
    assert tables.count_rows(folder / "manifest.parquet") == rows


def own_rows(folder: Path, rows: int) -> None:
    chunks = rows // PART_OF_FEATURES
    found = corpus_chunk(folder / "manifest.parquet", chunks // 2, chunks)
    assert 0 < len(found) <= PART_OF_FEATURES


def drawn(folder: Path, rows: int) -> None:
    assert len(null_clips(folder / "manifest.parquet")) > 0


def dry_run(folder: Path, rows: int) -> None:
    """In a folder laid out as config/webvid.yaml expects."""
    config = yaml.safe_load((ROOT / "config" / "webvid.yaml").read_text(encoding="utf-8"))
    config["corpus"]["sources"]["webvid"] |= {"folder": str(folder / "videos"), "table": str(folder / "table.csv")}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules", "--directory", str(folder)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "features", "results/webvid/prompts/prompts.parquet"]
    command += ["--configfile", str(folder / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own Snakefile
    jobs = next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("total"))
    print(f"dry run: {jobs} jobs")
    assert jobs < 5_000


STEPS: dict[str, tuple[Step | None, Step]] = {  # what is made before, and what is timed
    "list": (make_table, list_items),
    "dry-run": (None, dry_run),
    "manifest": (make_parts, put_together),
    "features": (None, own_rows),
    "null": (None, drawn),
}


def measure(step: str, folder: Path, rows: int) -> dict[str, Any]:
    """Seconds of the processor and peak memory of one step, with those of its children."""
    before = cpu_seconds()
    STEPS[step][1](folder, rows)
    seconds = cpu_seconds() - before
    peak = max(map(peak_bytes, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))) / 1024**2
    rate = None if step in ("dry-run", "features") else round(rows / seconds)  # those read no rows, or few
    return {"cpu_s": round(seconds, 2), "rows_per_s": rate, "peak_rss_mb": round(peak)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for rows in given.sizes:
        with tempfile.TemporaryDirectory() as name:
            for step, (make, _) in STEPS.items():
                if make is not None:
                    apart(make, Path(name), rows)
                row = apart(measure, step, Path(name), rows)
                found.append({"step": step, "rows": rows, **row, **machine()})
                print(found[-1], file=sys.stderr, flush=True)
                path = given.out / "manifest.csv"
                write_csv(path, beside_earlier(path, found, ("step", "rows")))


if __name__ == "__main__":
    start = time.monotonic()
    main()
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
