"""What does storing a video cost, in features and in bytes? Run by hand, with one thread:

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python bench/speed/codec.py --out bench/speed

Writes codec.csv: rendered and real clips of 2 s at 8 frames a second, whose features are taken of the frames in memory
and of the mp4 that `encode_video` makes of them. The similarity of each frame to itself and the cosine of the flow
fields would be 1 if nothing were lost. What the int8 engine makes of one grey level of noise stands beside, for no
storing in 8 bits can do better. It is how the default `generate.crf` was chosen. About two minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from machine import machine, write_csv

from vidmem.config.features import Features
from vidmem.config.media import Limits
from vidmem.corpus.made.footage import footage_files
from vidmem.corpus.made.render import render_clip
from vidmem.features.engines import frame_engine
from vidmem.features.flow import flow_engine
from vidmem.features.preprocess import Frames, to_short_edge
from vidmem.features.run import motion_fields, plan_of
from vidmem.features.sampling import Plan, Sampled, sample, sample_clip
from vidmem.media import Clip, Format, MediaInfo, MediaRef, encode_video, read_clip, to_format

FPS, FRAMES = 8.0, 16
SIDES, CRFS = (48, 64, 128, 256, 512), (None, 0, 6, 12, 16, 20, 23)
RENDERED = (
    ("rug", "wander", "still"),
    ("pebbles", "orbit", "pan-left"),
    ("tartan", "zigzag", "zoom-in"),
    ("blocks", "rain", "still"),
)
REAL = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")


def clips(side: int) -> Iterator[tuple[str, Frames]]:
    """Kind and frames, uint8 (16, side, side, 3), of every clip at this size."""
    for content, motion, camera in RENDERED:
        size = {"width": side, "height": side, "fps": FPS, "seconds": FRAMES / FPS}
        yield "rendered", render_clip(content, motion, camera, seed=1, **size)  # type: ignore[arg-type]
    for name in REAL:
        clip = read_clip(MediaRef(footage_files()[name]), rate_hz=FPS, max_frames=FRAMES, limits=Limits())
        yield "real", to_format(clip, Format(side, side, FRAMES, FPS)).frames


class Extractor:
    """The features stage's engines at their defaults."""

    def __init__(self) -> None:
        self.settings = Features().model_dump()
        self.plan = plan_of(self.settings)
        self._frames, self._flow = frame_engine(self.settings["frames"], 1), flow_engine(self.settings["flow"], 1)

    def __call__(self, sampled: Sampled) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of the frames (n, 512), and the flow fields (T, 2, grid, grid)."""
        seen = to_short_edge(sampled.frames, self.settings["frames"]["short_edge"])
        return self._frames.embed(seen), motion_fields(sampled, self._flow, self.settings["flow"])


def in_memory(frames: Frames) -> Clip:
    height, width = frames.shape[1:3]
    info = MediaInfo("video", FPS, len(frames), width, height, len(frames) / FPS)
    return Clip(frames, np.arange(len(frames)) / FPS, info)


def stored(frames: Frames, crf: int | None, plan: Plan) -> tuple[Sampled, int]:
    """What is sampled of the frames once they are an mp4, and its bytes; `crf` None adds -1, 0 or 1 to each number."""
    if crf is None:
        noise = np.random.default_rng(0).integers(-1, 2, frames.shape)
        return sample_clip(in_memory((frames + noise).clip(0, 255).astype(np.uint8)), plan), frames.size
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        path.write_bytes(encode_video(frames, FPS, crf))
        return sample(MediaRef(path), plan, Limits()), path.stat().st_size


def compare(extract: Extractor, frames: Frames, crf: int | None) -> tuple[npt.NDArray[np.float32], float, int]:
    """Similarity of each frame to itself, cosine of the flow of the whole clip, and bytes."""
    after, size = stored(frames, crf, extract.plan)
    (x, flow), (y, moved) = extract(sample_clip(in_memory(frames), extract.plan)), extract(after)
    a, b = flow.ravel().astype(float), moved.ravel().astype(float)
    return (x * y).sum(axis=1), float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/speed"))
    out, extract, rows = parser.parse_args().out, Extractor(), list[dict[str, Any]]()
    for side in SIDES:
        made = list(clips(side))
        for crf in CRFS:
            found = [(kind, *compare(extract, frames, crf)) for kind, frames in made]
            for kind in ("rendered", "real"):
                similarity, flow, size = zip(*[f[1:] for f in found if f[0] == kind], strict=True)
                rows.append(
                    {
                        "clips": kind,
                        "side": side,
                        "frames": FRAMES,
                        "stored": "one grey level of noise" if crf is None else f"crf {crf}",
                        "least_frame_similarity": round(float(np.min(similarity)), 3),
                        "median_frame_similarity": round(float(np.median(similarity)), 3),
                        "least_flow_cosine": round(min(flow), 3),
                        "median_flow_cosine": round(float(np.median(flow)), 3),
                        "kilobytes_a_video": round(float(np.mean(size)) / 1000, 1),
                        **machine(),
                    }
                )
                print(rows[-1], flush=True)
    write_csv(out / "codec.csv", rows)


if __name__ == "__main__":
    main()
