"""What does a GPU do in a second: steps of full-size denoisers, the recorder's part of them, flow, and frame vectors?

    python bench/gpu/throughput.py --out bench/results

Writes throughput.csv, one row a workload, each as soon as it is there. Weights are random, which takes the same time,
and nothing is downloaded:

- `denoise`: sampling with the full-size denoisers of bench/speed/recording.py (ModelScope's U-Net, Wan 2.1's 1.3 B
  transformer), guidance on, texts encoded before, nothing decoded. `per_s` is steps a second; `seconds_a_video` is
  `STEPS` of them, without the text encoder and the decoder of the latents;
- `recorder`: the same with the recorder; `ratio` is the median of paired runs with it over without, in an order that
  changes from pair to pair;
- `raft_small`, `raft_large`: pairs a second of flow at 128 by 128, 12 updates, by the batch;
- `sscd`: frames a second of a network of SSCD's shape at 288 and at 128, by the batch. `tf32` is float32 as torch runs
  it on a GPU and as the stage does: convolutions round what they multiply to 10 bits;
- `features`: frames a second of the whole stage as bench/speed/features.py measures it, files to tables, the network on
  the GPU, decoding and DIS flow on all cores; `ratio` is its share of what the network alone does of the same frames.

`peak_gb` is the most memory of the GPU that a workload had in use (10^9 bytes). Everything is waited for before a clock
is read. `bench/speed/extrapolate.py` takes `seconds_a_video` from the file that this writes. On a CPU (`--device cpu`)
all shapes are tiny: that only shows that the script runs. `--only` takes some of the workloads. A workload that fails
is told on the terminal, and the others go on. About two minutes on an H100.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))
from features import Bench, timed
from films import SscdShaped, write_films, write_network
from flow import raft
from machine import machine
from recording import Case, modelscope, sampling, wait, wan

from vidmem.features.engines import frame_engine

STEPS = 50  # of a video, the registry's for both
CPU_TOO = (torch.bfloat16,)
ROUNDS = {"cuda": 5, "cpu": 1}
PAIRS = {"cuda": (4, 32, 64), "cpu": (2,)}
FRAMES = {"cuda": (16, 64, 256), "cpu": (2,)}
EDGES = {"cuda": (288, 128), "cpu": (64,)}
FILMS, COPIES = {"cuda": 3, "cpu": 1}, {"cuda": 30, "cpu": 2}  # of the stage: distinct ones, and how often each
BATCH = 64  # frames that the stage embeds at once
COLUMNS = ("workload", "shape", "dtype", "batch", "per_s", "seconds_a_video", "ratio", "peak_gb")
Row = dict[str, Any]


def seconds_of(work: Callable[[], object], device: str, rounds: int) -> float:
    """The least seconds of a call, waited for, after one that is not counted."""
    work()
    found = []
    for _ in range(rounds):
        wait(device)
        start = time.perf_counter()
        work()
        wait(device)
        found.append(time.perf_counter() - start)
    return min(found)


def fresh(device: str) -> None:
    """What went before is let go, and the peak of memory is taken anew."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_gb(device: str) -> float | str:
    return torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else ""


def ready(case: Case, device: str, dtype: torch.dtype) -> Case:
    """The case on its device, in its precision."""
    case.pipeline.set_progress_bar_config(disable=True)
    case.pipeline.to(device, dtype)
    call = {k: v.to(device, dtype) if torch.is_tensor(v) else v for k, v in case.call.items()}
    return replace(case, call=call)


def denoising(
    device: str, steps: int, build: Callable[[str], Case], dtypes: Sequence[torch.dtype], pairs: int
) -> Iterator[Row]:
    """Steps a second of a denoiser, and what the recorder adds, in these number types and as many pairs of runs."""
    torch.manual_seed(0)
    built = build(device)
    for dtype in dtypes if device == "cuda" else CPU_TOO:
        case = ready(built, device, dtype)
        fresh(device)
        sampling(case, 1, device, recorded=True)
        runs: list[dict[bool, float]] = []
        for n in range(pairs if device == "cuda" else 1):
            order = (True, False) if n % 2 else (False, True)
            runs.append({recorded: sampling(case, steps, device, recorded)[0] for recorded in order})
        plain = min(run[False] for run in runs) / steps
        what = {"shape": case.what, "dtype": name_of(dtype), "batch": 1, "peak_gb": peak_gb(device)}
        yield {"workload": f"denoise {case.name}", **what, "per_s": 1 / plain, "seconds_a_video": plain * STEPS}
        ratio = float(np.median([run[True] / run[False] for run in runs]))
        yield {"workload": f"recorder {case.name}", **what, "ratio": ratio}


def flows(device: str, steps: int) -> Iterator[Row]:
    """Pairs a second of RAFT."""
    for name in ("raft_small", "raft_large"):
        flow = raft(name, device)
        for pairs in PAIRS[device]:
            fresh(device)
            images = torch.rand(pairs + 1, 3, 128, 128, device=device) * 2 - 1
            seconds = seconds_of(partial(flow, images), device, ROUNDS[device])
            what = {"shape": "128 x 128", "dtype": whole(device), "batch": pairs, "peak_gb": peak_gb(device)}
            yield {"workload": name, **what, "per_s": pairs / seconds}


def vectors(device: str, steps: int) -> Iterator[Row]:
    """Frames a second of a network of SSCD's shape."""
    torch.manual_seed(0)
    types = {"tf32": torch.float32, "float32": torch.float32, "float16": torch.float16}
    network = SscdShaped().eval().to(device)
    for name, dtype in types.items() if device == "cuda" else [("float32", torch.float32)]:
        network.to(dtype)
        for edge in EDGES[device]:
            for count in FRAMES[device]:
                fresh(device)
                frames = torch.randn(count, 3, edge, edge, device=device, dtype=dtype)
                torch.backends.cudnn.allow_tf32 = name != "float32"
                with torch.inference_mode():
                    seconds = seconds_of(partial(network, frames), device, ROUNDS[device])
                what = {"shape": f"{edge} x {edge}", "dtype": name, "batch": count, "peak_gb": peak_gb(device)}
                yield {"workload": "sscd", **what, "per_s": count / seconds}
    torch.backends.cudnn.allow_tf32 = True  # torch's default


def stage(device: str, steps: int) -> Iterator[Row]:
    """Frames a second of the stage `features`, and its share of what the network alone does."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        films = write_films(Path(folder), FILMS[device])
        network = Path(folder) / "sscd-shaped.torchscript.pt"
        write_network(network)
        for edge in EDGES[device]:
            fresh(device)
            bench = several(Bench(films, network, "sscd", edge, cores), device)
            bench.engine.embed(bench.frames[:BATCH])
            rounds = 2 if device == "cuda" else 1
            whole_s = min(timed(partial(bench.stage, Path(folder)))[0] for _ in range(rounds))
            bench.threads = 1  # one thread feeds a GPU, in the stage too
            alone_s = min(timed(bench.embedding)[0] for _ in range(rounds))
            frames = len(bench.frames)
            shape = f"{edge}, {len(bench.films)} films, {cores} threads"
            what = {"shape": shape, "dtype": whole(device), "batch": BATCH, "peak_gb": peak_gb(device)}
            yield {"workload": "features", **what, "per_s": frames / whole_s, "ratio": alone_s / whole_s}
            yield {"workload": "features, network alone", **what, "per_s": frames / alone_s}


def several(bench: Bench, device: str) -> Bench:
    """The bench with its network on the device, and every film several times, as other files."""
    bench.settings["frames"] |= {"device": device, "batch_size": BATCH}
    bench.engine = frame_engine(bench.settings["frames"], 1)
    folder = Path(tempfile.mkdtemp(dir=bench.films[0].parent))
    links = [folder / f"{film.stem}-{n}{film.suffix}" for n in range(COPIES[device]) for film in bench.films]
    for link in links:
        link.hardlink_to(folder.parent / (link.stem.split("-")[0] + link.suffix))
    bench.films, bench.frames = links, np.concatenate([bench.frames] * COPIES[device])
    return bench


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def whole(device: str) -> str:
    """What torch makes of float32 by default."""
    return "tf32" if device == "cuda" else "float32"


WORKLOADS: dict[str, Callable[[str, int], Iterator[Row]]] = {
    "modelscope": partial(denoising, build=modelscope, dtypes=(torch.float16, torch.bfloat16), pairs=5),
    "wan": partial(denoising, build=wan, dtypes=(torch.bfloat16,), pairs=3),
    "raft": flows,
    "sscd": vectors,
    "features": stage,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    given = parser.parse_args(arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no GPU is here; --device cpu only shows, at tiny shapes, that the script runs")
    device = torch.cuda.get_device_name() if given.device == "cuda" else "cpu, tiny shapes"
    given.out.mkdir(parents=True, exist_ok=True)
    failed = []
    with (given.out / "throughput.csv").open("w", newline="", encoding="utf-8", buffering=1) as file:
        writer = csv.DictWriter(file, [*COLUMNS, "device", *machine()], lineterminator="\n")
        writer.writeheader()
        for name in given.only:
            try:
                for found in WORKLOADS[name](given.device, given.steps):
                    row = {key: round(v, 4) if isinstance(v, float) else v for key, v in found.items()}
                    writer.writerow({**row, "device": device, **machine()})
                    print(row, flush=True)
            except Exception:
                failed.append(name)
                traceback.print_exc()
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
