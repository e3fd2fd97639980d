"""How do the stages after sampling grow with the prompts of a model? Run by hand on a finished demo, with one thread:

    export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
    python bench/speed/growth_prompts.py --results results/demo --out bench/speed

Writes growth_prompts.csv, one row a stage and size: the videos of `planted` as they are, five and twenty-five times
under other names and other prompts, searched for in the demo's corpus, judged, and heard by the detectors. Each row is
measured in a process of its own, and its peak memory is that of the process. Seconds are of the processor. About five
minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from machine import apart, machine, peak_bytes, write_csv

from vidmem import tables
from vidmem.detect import write_detect
from vidmem.metrics import write_metrics
from vidmem.progress import progress
from vidmem.retrieve import excluded_clips, own_clips, retrieve

MODEL, TIMES = "planted", (1, 5, 25)
STAGES = ("retrieve", "metrics", "detect")
REPEATED = {"features": ("frames", "flow", "items"), "generate": ("videos", "signals")}
NAMES = ("video_id", "prompt_id")


def named(table: pa.Table, number: int) -> pa.Table:
    """The rows under other names; those of number 0 are as they were."""
    for name in NAMES if number else ():
        if name in table.column_names:
            at, old = table.column_names.index(name), table.column(name)
            table = table.set_column(at, table.schema.field(name), pc.binary_join_element_wise(old, str(number), "."))
    return table


def repeat(results: Path, folder: Path, number: int) -> None:
    """Write the tables of the model's chunks once more."""
    for stage, kinds in REPEATED.items():
        for kind in kinds:
            for path in sorted((results / stage / MODEL).glob(f"*.{kind}.parquet")):
                if not path.name.startswith("null."):
                    table = named(tables.read_arrow(path), number)
                    target = folder / f"{path.name.split('.')[0]}.{number:03d}.{kind}.parquet"
                    tables.write_table(target, table, table.schema, tables.read_made_by(path))


def run(stage: str, results: Path, folder: Path) -> None:
    """One stage over all that lies in `folder`, with the settings of the demo."""
    found = {kind: sorted(folder.glob(f"*.{kind}.parquet")) for kinds in REPEATED.values() for kind in kinds}
    done = results / stage / f"{MODEL}.parquet"
    settings: Mapping[str, Any] = tables.read_made_by(done)["settings"]
    if stage == "retrieve":
        corpus, heldout = (sorted((results / "features" / name).glob("*.parquet")) for name in ("corpus", "heldout"))
        manifest = results / "corpus" / "corpus.parquet"
        retrieve(
            frames=found["frames"],
            flow=found["flow"],
            corpus_frames=of(corpus, "frames"),
            corpus_flow=of(corpus, "flow"),
            background_frames=of(heldout, "frames"),
            background_flow=of(heldout, "flow"),
            own=own_clips(found["videos"], manifest),
            excluded=excluded_clips(manifest, of(corpus, "frames"), settings),
            settings=settings,
            threads=1,
            out=folder / "matches.parquet",
        )
    elif stage == "metrics":
        write_metrics(
            videos=found["videos"],
            items=found["items"],
            frames=found["frames"],
            flow=found["flow"],
            matches=folder / "matches.parquet",
            null_matches=results / "retrieve" / f"{MODEL}.null.parquet",
            prompts=results / "prompts" / "prompts.parquet",
            settings=settings,
            out=folder / "metrics.parquet",
        )
    else:
        write_detect(found["signals"], folder / "metrics.parquet", [], settings, folder / "detect.parquet")


def of(paths: Sequence[Path], kind: str) -> list[Path]:
    return [path for path in paths if path.name.endswith(f".{kind}.parquet")]


def measure(stage: str, results: Path, folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of one stage, in a process that does nothing else."""
    start = time.process_time()
    run(stage, results, folder)
    return {"cpu_s": round(time.process_time() - start, 2), "peak_rss_mb": round(peak_bytes() / 1e6)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--times", type=int, nargs="+", default=TIMES)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder, written = Path(name), 0
        for times in sorted(options.times):
            for number in progress(range(written, times), times - written, "write tables"):
                repeat(options.results, folder, number)
            written = times
            videos = sum(tables.count_rows(path) for path in folder.glob("*.videos.parquet"))
            for stage in STAGES:
                found = apart(measure, stage, options.results, folder)
                rows.append({"stage": stage, "videos": videos, **found, **machine()})
                print(rows[-1], flush=True)
    write_csv(options.out / "growth_prompts.csv", rows)


if __name__ == "__main__":
    main()
