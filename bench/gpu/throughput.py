"""What does a GPU do in a second: steps of full-size denoisers, the recorder's part of them, flow, and frame vectors?

    python bench/gpu/throughput.py --out bench/gpu

Writes throughput.csv, one row a workload. Weights are random, which takes the same time, and nothing is downloaded:

- `denoise`: sampling with the full-size denoisers of bench/speed/recording.py (ModelScope's U-Net, Wan 2.1's 1.3 B
  transformer) in float16 and bfloat16, guidance on, texts encoded before, nothing decoded. `per_s` is steps a second;
  `seconds_a_video` is `STEPS` of them, without the text encoder and the decoder of the latents;
- `recorder`: the same with the recorder; `ratio` is the median of paired runs with it over without;
- `raft_small`, `raft_large`: pairs a second of flow at 128 by 128, 12 updates, by the batch;
- `sscd`: frames a second of a network of SSCD's shape at 288 and at 128, by the batch, in float32 and float16.

Everything is waited for before a clock is read. `bench/speed/extrapolate.py` takes `seconds_a_video` from the file that
this writes. On a CPU (`--device cpu`) all shapes are tiny: that only shows that the script runs. About four minutes on
an H100.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))
from films import SscdShaped
from flow import raft
from machine import machine, write_csv
from recording import Case, modelscope, sampling, wait, wan

STEPS = 50  # of a video, the registry's for both
ROUNDS = {"cuda": 5, "cpu": 1}
DTYPES = {"cuda": (torch.float16, torch.bfloat16), "cpu": (torch.bfloat16,)}
PAIRS = {"cuda": (4, 32, 64), "cpu": (2,)}
FRAMES = {"cuda": (16, 64, 256), "cpu": (2,)}
EDGES = {"cuda": (288, 128), "cpu": (64,)}


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


def ready(case: Case, device: str, dtype: torch.dtype) -> Case:
    """The case on its device, in its precision."""
    case.pipeline.set_progress_bar_config(disable=True)
    case.pipeline.to(device, dtype)
    call = {k: v.to(device, dtype) if torch.is_tensor(v) else v for k, v in case.call.items()}
    return replace(case, call=call)


def denoising(device: str, steps: int) -> Iterator[dict[str, Any]]:
    """Steps a second of the denoisers, and what the recorder adds."""
    for build in (modelscope, wan):
        for dtype in DTYPES[device]:
            torch.manual_seed(0)
            case = ready(build(device), device, dtype)
            sampling(case, steps, device, recorded=True)
            runs = [
                (sampling(case, steps, device, True)[0], sampling(case, steps, device, False)[0])
                for _ in range(ROUNDS[device])
            ]
            plain = min(without for _, without in runs) / steps
            what = {"shape": case.what, "dtype": str(dtype).removeprefix("torch."), "batch": 1}
            yield {
                "workload": f"denoise {case.name}",
                **what,
                "per_s": 1 / plain,
                "seconds_a_video": plain * STEPS,
            }
            ratio = float(np.median([with_it / without for with_it, without in runs]))
            yield {"workload": f"recorder {case.name}", **what, "ratio": ratio}


def flows(device: str) -> Iterator[dict[str, Any]]:
    """Pairs a second of RAFT."""
    for name in ("raft_small", "raft_large"):
        flow = raft(name, device)
        for pairs in PAIRS[device]:
            images = torch.rand(pairs + 1, 3, 128, 128, device=device) * 2 - 1
            seconds = seconds_of(partial(flow, images), device, ROUNDS[device])
            yield {
                "workload": name,
                "shape": "128 x 128",
                "dtype": "float32",
                "batch": pairs,
                "per_s": pairs / seconds,
            }


def vectors(device: str) -> Iterator[dict[str, Any]]:
    """Frames a second of a network of SSCD's shape."""
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.float16) if device == "cuda" else (torch.float32,):
        network = SscdShaped().eval().to(device, dtype)
        for edge in EDGES[device]:
            for count in FRAMES[device]:
                frames = torch.randn(count, 3, edge, edge, device=device, dtype=dtype)
                with torch.inference_mode():
                    seconds = seconds_of(partial(network, frames), device, ROUNDS[device])
                name = str(dtype).removeprefix("torch.")
                yield {
                    "workload": "sscd",
                    "shape": f"{edge} x {edge}",
                    "dtype": name,
                    "batch": count,
                    "per_s": count / seconds,
                }


COLUMNS = ("workload", "shape", "dtype", "batch", "per_s", "seconds_a_video", "ratio")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=5)
    given = parser.parse_args(arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no GPU is here; --device cpu only shows, at tiny shapes, that the script runs")
    name = torch.cuda.get_device_name() if given.device == "cuda" else "cpu, tiny shapes"
    rows = []
    for part in (denoising(given.device, given.steps), flows(given.device), vectors(given.device)):
        for found in part:
            found = {key: round(v, 4) if isinstance(v, float) else v for key, v in found.items()}
            rows.append({**{key: found.get(key, "") for key in COLUMNS}, "device": name, **machine()})
            print(rows[-1], flush=True)
    write_csv(given.out / "throughput.csv", rows)


if __name__ == "__main__":
    main()
