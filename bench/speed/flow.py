"""How many pairs of frames a second do the flow engines take, one by one and in batches?

    OMP_NUM_THREADS=1 python bench/speed/flow.py --out bench/speed --threads 1

Writes flow.csv: DIS (which takes one pair at a time), and torchvision's RAFT with random weights, small and large, with
12 updates as the stage runs it, at several batches. Frames are 128 by 128, the default working size. `cpu_ms` is of all
threads together, per pair. Batches of one engine take turns and the least time is kept. About two minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from machine import machine, write_csv
from torchvision.models import optical_flow

from vidmem.config.media import Limits
from vidmem.corpus.made.footage import footage_files
from vidmem.features.flow import DisFlow
from vidmem.features.preprocess import crop, resize
from vidmem.media import MediaRef, read_clip

SIDE, UPDATES, BATCHES, ROUNDS = 128, 12, (1, 4, 8), 3


def frames(count: int) -> np.ndarray:
    """Real frames, uint8 (count, SIDE, SIDE, 3)."""
    clip = read_clip(MediaRef(footage_files()["bikes.mp4"]), rate_hz=8.0, max_frames=count, limits=Limits())
    return resize(crop(clip.frames, "centre"), SIDE, SIDE)


def raft(name: str, device: str = "cpu") -> Callable[[torch.Tensor], torch.Tensor]:
    """Flow between neighbours in (n + 1, 3, h, w), by a network of random weights."""
    torch.manual_seed(0)
    model = getattr(optical_flow, name)(weights=None).eval().to(device)

    def flow(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return model(images[:-1], images[1:], num_flow_updates=UPDATES)[-1]

    return flow


def best(ways: dict[int, Callable[[], int]], rounds: int) -> dict[int, tuple[float, float]]:
    """Least wall and processor seconds a pair, by the batch; a way says how many pairs it took."""
    found: dict[int, list[tuple[float, float]]] = {batch: [] for batch in ways}
    for _ in range(rounds):
        for batch, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            pairs = way()
            found[batch].append(((time.perf_counter() - wall) / pairs, (time.process_time() - cpu) / pairs))
    return {batch: (min(w for w, _ in times), min(c for _, c in times)) for batch, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seen = frames(max(BATCHES) + 1)
    images = torch.from_numpy(seen).permute(0, 3, 1, 2).float().div(127.5).sub(1.0)
    dis = DisFlow(SIDE, options.threads)
    cv2.setNumThreads(options.threads)
    engines: dict[str, dict[int, Callable[[], int]]] = {"dis": {1: lambda: sum(1 for _ in dis.flows(seen))}}
    for name in ("raft_small", "raft_large"):
        flow = raft(name)
        flow(images[:2])
        engines[name] = {n: lambda n=n, flow=flow: len(flow(images[: n + 1])) for n in BATCHES}  # type: ignore[misc]
    rows: list[dict[str, Any]] = []
    for name, ways in engines.items():
        for batch, (wall, cpu) in best(ways, ROUNDS).items():
            rows.append(
                {
                    "engine": name,
                    "side": SIDE,
                    "batch": batch,
                    "threads": options.threads,
                    "wall_ms": round(wall * 1000, 2),
                    "cpu_ms": round(cpu * 1000, 2),
                    "pairs_per_cpu_s": round(1 / cpu, 2),
                    **machine(),
                }
            )
            print(rows[-1], flush=True)
    write_csv(options.out / "flow.csv", rows)


if __name__ == "__main__":
    main()
