"""How do time and memory of feature extraction grow with the videos of a job? Run by hand, with one thread:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/features_growth.py --out bench/speed

Writes features_growth.csv, one row a number of videos. The videos are a few short real ones, each listed many times
under other ids, as a job lists distinct files. Each row is measured in a process of its own; peak memory is that of
the process and of the one that decodes for it. Seconds are of the processor, of both. About ten minutes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
from machine import cpu_seconds, machine, peak_bytes, write_csv

from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.corpus.made.footage import footage_files
from vidmem.features import extract_features
from vidmem.media import MediaRef, read_clip, write_video

SIZES = (100, 1_000, 3_000)
SOURCE = "bikes.mp4"  # real traffic, of an installed package
FILES, SECONDS, EDGE = 10, 2.0, (128, 192)


def write_clips(folder: Path) -> None:
    """Clips of two seconds, of one film at different beginnings."""
    film = read_clip(MediaRef(footage_files()[SOURCE]), rate_hz=8.0, max_frames=80, limits=Limits())
    for n in range(FILES):
        write_video(folder / f"{n}.mp4", film.frames[n : n + int(SECONDS * 8), : EDGE[0], : EDGE[1]], fps=8.0)


def measure(folder: Path, videos: int, answer: Any) -> None:
    """Extract the features of so many videos and say what it took: (seconds, megabytes)."""
    rows = {"video_id": [f"v{n}" for n in range(videos)], "path": [f"{n % FILES}.mp4" for n in range(videos)]}
    items = pl.DataFrame(rows).with_columns(offset=pl.lit(None, pl.Int64), size=pl.lit(None, pl.Int64))
    out = {f"out_{name}": folder / f"{name}.parquet" for name in ("frames", "flow", "items")}
    extract_features(items, folder, Features().model_dump(), limits=Limits(), threads=1, **out)
    answer.put((cpu_seconds(), sum(map(peak_bytes, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))) / 1024**2))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    found = []
    spawned = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as name:
        making = spawned.Process(target=write_clips, args=(Path(name),))  # what starts others stays small: they begin
        making.start()  # their peak at its own
        making.join()
        for videos in options.sizes:
            answer = spawned.Queue()
            process = spawned.Process(target=measure, args=(Path(name), videos, answer))
            process.start()
            seconds, megabytes = answer.get(timeout=3600)
            process.join()
            cost = {"seconds": round(seconds, 1), "ms_a_video": round(1000 * seconds / videos, 1)}
            found.append({"videos": videos, **cost, "peak_rss_mb": round(megabytes), **machine()})
            print(found[-1], flush=True)
    write_csv(options.out / "features_growth.csv", found)


if __name__ == "__main__":
    main()
