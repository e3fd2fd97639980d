"""What does decoding cost, by PyAV and by TorchCodec, and do both show the same pictures?

    OMP_NUM_THREADS=1 python bench/speed/decoders.py --out bench/speed

Writes decoders.csv. Both decode the same H.264 films with one thread, to the end: `whole` counts the pictures and
converts none; `sampled` converts those that are shown 8 times a second to RGB, as the features stage does. `cpu_ms` is
per picture of the film. `difference` is the mean absolute difference of the sampled pictures to PyAV's, of 255.
TorchCodec is no dependency: its wheel carries no FFmpeg, and looks for shared libraries of FFmpeg 4 to 8, which no
Python package brings. Where it can't be imported its rows say why. A quarter of a minute.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from films import FRAMES, write_films
from machine import machine, write_csv

from vidmem.config.media import Limits
from vidmem.media import MediaRef, read_clip
from vidmem.media.decode import pictures

RATE_HZ, SECONDS, ROUNDS = 8.0, FRAMES / 25, 5
TIMES = np.arange(int(SECONDS * RATE_HZ)) / RATE_HZ


def pyav_whole(film: Path) -> int:
    return sum(1 for _ in pictures(MediaRef(film), Limits()))


def pyav_sampled(film: Path) -> np.ndarray:
    return read_clip(MediaRef(film), rate_hz=RATE_HZ, max_frames=len(TIMES), limits=Limits()).frames


def codec_whole(film: Path) -> int:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(film), num_ffmpeg_threads=1, seek_mode="exact")
    return sum(1 for _ in decoder)  # it has no way to decode a picture without converting it


def codec_sampled(film: Path) -> np.ndarray:
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(str(film), num_ffmpeg_threads=1, seek_mode="exact", dimension_order="NHWC")
    return np.asarray(decoder.get_frames_played_at(TIMES.tolist()).data)


WAYS: dict[tuple[str, str], Callable[[Path], Any]] = {
    ("PyAV", "whole"): pyav_whole,
    ("PyAV", "sampled"): pyav_sampled,
    ("TorchCodec", "whole"): codec_whole,
    ("TorchCodec", "sampled"): codec_sampled,
}


def refusal(film: Path) -> str:
    """Why TorchCodec can't be used here; empty where it can."""
    try:
        codec_sampled(film)
    except (ImportError, RuntimeError, OSError) as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"
    return ""


def measure(films: list[Path], why: str) -> list[dict[str, Any]]:
    """One row for each way; they take turns, and the least time of each is kept."""
    open_to_use = {key: way for key, way in WAYS.items() if key[0] == "PyAV" or not why}
    times: dict[tuple[str, str], list[float]] = {key: [] for key in open_to_use}
    for _ in range(ROUNDS):
        for key, way in open_to_use.items():
            start = time.process_time()
            for film in films:
                way(film)
            times[key].append(time.process_time() - start)
    rows = []
    for key in WAYS:
        usable = key in open_to_use
        rows.append(
            {
                "decoder": key[0],
                "task": key[1],
                "films": len(films),
                "pictures": FRAMES * len(films),
                "cpu_ms": round(min(times[key]) * 1000 / (FRAMES * len(films)), 3) if usable else "",
                "difference": _difference(films[0], WAYS[key]) if usable and key[1] == "sampled" else "",
                "status": "ok" if usable else "skipped",
                "reason": "" if usable else why,
                **machine(),
            }
        )
    return rows


def _difference(film: Path, way: Callable[[Path], np.ndarray]) -> float:
    mine, true = way(film).astype(int), pyav_sampled(film).astype(int)
    return round(float(np.abs(mine - true).mean()), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        films = write_films(Path(folder), 2)
        rows = measure(films, refusal(films[0]))
    for found in rows:
        print(found, flush=True)
    write_csv(options.out / "decoders.csv", rows)


if __name__ == "__main__":
    main()
