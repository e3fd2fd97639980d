"""How near does feature extraction come to its networks alone, and how far ahead is it of the plain loop?

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/features.py --out bench/speed --threads 2

Writes features.csv: for each engine and size, on the same films,

- `stage`: the stage itself, `vidmem.features.extract_features`, files to tables, decoding, flow and network overlapped;
- `embedding`: the network alone on frames that are there, in batches, by as many threads;
- `networks`: the same and the optical flow, both alone on what is there: all that is computed of a picture;
- `decoding`: FFmpeg alone, every picture of every film decoded and none converted: what must be done beside it;
- `loop`: what image projects write: a film is decoded whole, and its frames go through the TorchScript file in float32
  one at a time, by a network that splits each frame among its threads. Only the frames that the stage takes, and no
  flow: a loop over every frame of the film takes twelve times as long. Of the first `LOOPED` films, and said for all.

They take turns `--rounds` times and the least time of each is kept, so that others' load disturbs the ratios little.
`wall_s` means something on a quiet machine; `cpu_s` is the processor's time of all threads and of the processes that
decode. `share_*` is the rate that the stage reaches, in shares of the network's alone, of the networks' alone, and
of all that must be done (`work`: networks and decoding, which share the cores): by the clock, and by the processor.
Starting the stage (its processes, its network) is in its time, as it is in that of a job, whose films are thousands.
Weights are random: time does not depend on them. About ten minutes on two quiet cores; `--cases` takes some, and
rows of others stay in the file.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import torch
from films import write_films, write_network
from machine import beside_earlier, cpu_seconds, machine, write_csv

from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.features import extract_features
from vidmem.features.engines import frame_engine
from vidmem.features.flow import flow_engine
from vidmem.features.preprocess import to_short_edge
from vidmem.features.run import motion_fields, plan_of
from vidmem.features.sampling import sample
from vidmem.media import MediaRef
from vidmem.media.decode import pictures
from vidmem.progress import progress

CASES = {f"{engine}-{edge}": (engine, edge) for engine in ("sscd", "sscd-int8") for edge in (288, 128)}
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
SHARES = {"embedding": ("embedding",), "networks": ("networks",), "work": ("networks", "decoding")}
LOOPED = 8  # films that the plain loop is timed with, which is slow
Times = dict[str, tuple[float, float]]  # wall and processor seconds


class Bench:
    """One engine at one size, on films."""

    def __init__(self, films: list[Path], network: Path, engine: str, edge: int, threads: int) -> None:
        digest = hashlib.sha256(network.read_bytes()).hexdigest()
        weights = {"weights": str(network), "sha256": digest} if engine == "sscd" else {}
        made = Features.model_validate({"frames": {"engine": engine, "short_edge": edge, **weights}})
        self.films, self.edge, self.threads = films, edge, threads
        self.settings = made.model_dump()
        self.sampled = [sample(MediaRef(film), plan_of(self.settings), Limits()) for film in films]
        self.frames = np.concatenate([to_short_edge(s.frames, edge) for s in self.sampled])
        self.engine, self.flow = frame_engine(self.settings["frames"], 1), flow_engine(self.settings["flow"], 1)
        self.script = torch.jit.load(str(network)).eval()  # type: ignore[no-untyped-call]

    def stage(self, folder: Path) -> None:
        rows = [{"video_id": f.stem, "path": f.name, "offset": None, "size": None} for f in self.films]
        items = pl.DataFrame(rows, schema_overrides={"offset": pl.Int64, "size": pl.Int64})
        extract_features(
            items,
            self.films[0].parent,
            self.settings,
            limits=Limits(),
            threads=self.threads,
            out_frames=folder / "frames.parquet",
            out_flow=folder / "flow.parquet",
            out_items=folder / "items.parquet",
        )

    def embedding(self) -> None:
        self._shared(self.engine.embed, self._batches())

    def networks(self) -> None:
        flow = [lambda s=s: motion_fields(s, self.flow, self.settings["flow"]) for s in self.sampled]
        embed = [lambda b=b: self.engine.embed(b) for b in self._batches()]
        self._shared(lambda work: work(), [*flow, *embed])

    def decoding(self) -> None:
        self._shared(lambda film: [None for _ in pictures(MediaRef(film), Limits())], self.films)

    def loop(self) -> None:
        torch.set_num_threads(self.threads)
        cv2.setNumThreads(self.threads)
        for film in self.films[:LOOPED]:
            whole = [(p.time_s, p.rgb()) for p in pictures(MediaRef(film), Limits())]
            times = np.array([time_s for time_s, _ in whole])
            rate = self.settings["frames"]["rate_hz"]
            wanted = np.arange(0, times[-1], 1 / rate)[: self.settings["frames"]["max_frames"]]
            for n in np.unique(np.searchsorted(times, wanted, side="right") - 1).tolist():
                self.one(whole[n][1])

    def one(self, rgb: np.ndarray) -> torch.Tensor:
        """One frame as the loop treats it."""
        side = min(rgb.shape[:2])
        top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
        small = cv2.resize(rgb[top : top + side, left : left + side], (self.edge, self.edge))
        with torch.inference_mode():
            return self.script(torch.from_numpy((small.astype(np.float32) / 255 - MEAN) / STD).permute(2, 0, 1)[None])

    def _batches(self) -> list[np.ndarray]:
        size = self.settings["frames"]["batch_size"]
        return [self.frames[n : n + size] for n in range(0, len(self.frames), size)]

    def _shared(self, work: Callable[[Any], object], items: list[Any]) -> None:
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(work, items))


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall and processor seconds, with those of the processes that decode for the stage, which end with it."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    work()
    return time.perf_counter() - wall, cpu_seconds() - cpu


def measure(bench: Bench, rounds: int) -> Times:
    """The least times of each way, over rounds in which they take turns."""
    bench.engine.embed(bench.frames[:1])
    bench.one(np.zeros((64, 64, 3), np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "stage": lambda: bench.stage(Path(folder)),
            "embedding": bench.embedding,
            "networks": bench.networks,
            "decoding": bench.decoding,
            "loop": bench.loop,
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                found[name].append(timed(way))
    least = {name: (min(w for w, _ in times), min(c for _, c in times)) for name, times in found.items()}
    films, looped = len(bench.films), len(bench.films[:LOOPED])
    wall_s, cpu_s = least["loop"]
    return {**least, "loop": (wall_s * films / looped, cpu_s * films / looped)}


def row(bench: Bench, engine: str, times: Times) -> dict[str, Any]:
    """One row of the table."""
    films, frames = len(bench.films), len(bench.frames)
    pairs = sum(len(s.flow_frames) - 1 for s in bench.sampled)
    wall, cpu = times["stage"]
    shares = {
        f"share_of_{name}_{kind}": round(sum(times[part][n] for part in parts) / times["stage"][n], 3)
        for n, kind in enumerate(("wall", "cpu"))
        for name, parts in SHARES.items()
    }
    return {
        "engine": engine,
        "short_edge": bench.edge,
        "threads": bench.threads,
        "films": films,
        "frames": frames,
        "flow_pairs": pairs,
        **{f"{name}_wall_s": round(both[0], 3) for name, both in times.items()},
        **{f"{name}_cpu_s": round(both[1], 3) for name, both in times.items()},
        "films_per_s": round(films / wall, 3),
        "frames_per_s": round(frames / wall, 2),
        "cores_used": round(cpu / wall, 2),
        **shares,
        "faster_than_loop_wall": round(times["loop"][0] / wall, 2),
        "faster_than_loop_cpu": round(times["loop"][1] / cpu, 2),
        **machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        films = write_films(Path(folder), options.films)
        network = Path(folder) / "sscd-shaped.torchscript.pt"
        write_network(network)
        for engine, edge in progress([CASES[name] for name in options.cases], len(options.cases), "cases"):
            bench = Bench(films, network, engine, edge, options.threads)
            rows.append(row(bench, engine, measure(bench, options.rounds)))
            print({key: rows[-1][key] for key in ("engine", "short_edge", *list(rows[-1])[6:-2])}, flush=True)
    path = options.out / "features.csv"
    write_csv(path, beside_earlier(path, rows, ("engine", "short_edge")))


if __name__ == "__main__":
    main()
