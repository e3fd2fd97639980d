"""Which part of the frame comes back: does the template score tell parts from chance, and from whole copies?

    python bench/truth/template.py --out bench/truth

Writes template.csv (one row a format, variant and kind of query). Queries are made from rendered clips and real shots,
of which a known part is kept: half of the frame, all but an inset, a third, the background under another object. Each
query is searched as the audit does: its score is the best over the five clips whose vectors are most alike. Nothing is
downloaded. About two minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from vidmem.config.features import Frames as Settings
from vidmem.config.media import Limits
from vidmem.corpus.made.contents import CONTENTS, CORPUS_CONTENTS
from vidmem.corpus.made.footage import cut, footage_files
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS
from vidmem.corpus.made.render import CAMERAS, render_clip
from vidmem.features.engines import FrameEngine, frame_engine
from vidmem.features.preprocess import Frames, crop, grey, resize, to_short_edge
from vidmem.media import Clip, Format, MediaInfo, MediaRef, encode_video, read_clip, to_format
from vidmem.similarity.template import CELL, PAIRS, closest_pairs, correlations, part_shares
from vidmem.stats import auc

SIDE, FPS, LENGTH, TOP_K, FPR = 192, 8.0, 8, 5, 0.01
PICTURE = 48
FORMATS = {"192px crf 28": (192, 28), "32px crf 18": (32, 18)}


@dataclass(frozen=True)
class Query:
    """A clip that keeps a known part of the reference `of` (None: of none), and whose film's clips are `barred`."""

    kind: str
    of: int | None
    frames: Frames
    barred: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Variant:
    """Side of a cell; whether all cells share one shift; correlation from which a cell counts; frame pairs."""

    cell: int
    shared: bool
    alike: float
    pairs: int


VARIANTS = [
    *[Variant(CELL, shared, alike, PAIRS) for shared in (True, False) for alike in (0.7, 0.8, 0.9)],
    *[Variant(cell, True, 0.8, PAIRS) for cell in (8, 16)],
    *[Variant(CELL, True, 0.8, pairs) for pairs in (1, 4)],
]


def main() -> None:
    """Render, embed, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    engine = frame_engine(Settings().model_dump(), threads=1)
    films, references = _references()
    queries = list(_queries(films, references))
    theirs = [_features(engine, frames) for frames in references]
    rows = []
    for name, (side, crf) in FORMATS.items():
        ours = [_features(engine, _pass(q.frames, side, crf)) for q in queries]
        rows += _judge(name, queries, ours, theirs)
        print(f"{name}: done", flush=True)
    with (arguments.out / "template.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _render(content: str, motion: str, camera: str, seed: int) -> Frames:
    return render_clip(content, motion, camera, width=SIDE, height=SIDE, fps=FPS, seconds=LENGTH / FPS, seed=seed)


def _references() -> tuple[list[str], list[Frames]]:
    """Three layouts of every corpus content, and the shots of real films; with the name of each film or content."""
    names, clips = [], []
    for n, (content, seed) in enumerate((c, s) for c in CORPUS_CONTENTS for s in range(3)):
        motion, camera = (list(table)[n % len(table)] for table in (CORPUS_MOTIONS, CAMERAS))
        names.append(f"{content} {seed}")
        clips.append(_render(content, motion, camera if seed else "still", seed))
    for name, path in footage_files().items():
        if "distorted" in name:  # the same film as another one
            continue
        for frames, fps in cut(path):
            taken = crop(frames, "centre")[:: max(1, round(fps / FPS))][:LENGTH]
            names.append(name)
            clips.append(resize(taken, SIDE, SIDE))
    return names, clips


def _queries(films: list[str], references: list[Frames]) -> Iterator[Query]:
    rng = np.random.default_rng(0)
    fresh = [name for name in CONTENTS if name not in CORPUS_CONTENTS]
    cameras, motions = list(CAMERAS), list(HELDOUT_MOTIONS)
    foreign = [
        _render(content, motion, cameras[(c + m) % 5], 50 + m)
        for c, content in enumerate(fresh)
        for m, motion in enumerate(motions)
    ]
    for n, (film, frames) in enumerate(zip(films, references, strict=True)):
        yield from _parts(n, frames, foreign[(7 * n + 3) % len(foreign)][: len(frames)], rng)
        if film in footage_files():
            yield Query("unrelated", None, frames, frozenset(k for k, other in enumerate(films) if other == film))
        else:
            content, seed = film.split()
            motion = motions[n % len(motions)]
            other = replace(CONTENTS[content], sprite=CONTENTS[fresh[n % len(fresh)]].sprite)
            with patch.dict(CONTENTS, {content: other}):  # under its own name: the name seeds the background
                yield Query("other object", n, _render(content, motion, cameras[n % 5], int(seed)))
            yield Query("look-alike", n, _render(content, motion, "still", int(seed) + 4))
    yield from (Query("unrelated", None, frames) for frames in foreign)


def _parts(n: int, mine: Frames, other: Frames, rng: np.random.Generator) -> Iterator[Query]:
    """The whole, enlarged by a tenth, and parts of it that lie where they lay; last one that is shrunk."""
    half, third = SIDE // 2, SIDE // 3
    yield Query("copy", n, mine)
    edge = SIDE // 20
    yield Query("copy, enlarged 11 %", n, resize(mine[:, edge:-edge, edge:-edge], SIDE, SIDE))
    halves = mine.copy()
    if n % 2:
        halves[:, :, half:] = other[:, :, half:]
    else:
        halves[:, half:] = other[:, half:]
    yield Query("half", n, halves)
    y, x = rng.integers(0, half + 1, 2)
    within = np.s_[:, y : y + half, x : x + half]
    inset, shrunk, band = mine.copy(), other.copy(), other.copy()
    inset[within], shrunk[within] = resize(other, half, half), resize(mine, half, half)
    band[:, :third] = mine[:, :third]
    yield Query("all but an inset", n, inset)
    yield Query("third", n, band)
    yield Query("shrunk in another", n, shrunk)


def _pass(frames: Frames, side: int, crf: int) -> Frames:
    """Through a model's output size, and H.264."""
    clip = Clip(frames, np.arange(len(frames)) / FPS, MediaInfo("video", FPS, len(frames), SIDE, SIDE, LENGTH / FPS))
    if side != SIDE:
        clip = to_format(clip, Format(side, side, len(frames), FPS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        path.write_bytes(encode_video(clip.frames, FPS, crf))
        return read_clip(MediaRef(path), rate_hz=None, max_frames=LENGTH, limits=Limits()).frames


def _features(engine: FrameEngine, frames: Frames) -> tuple[Any, Frames]:
    """Vectors and pictures, as the features stage makes them at 4 frames a second."""
    seen = to_short_edge(crop(frames[::2], "centre"), Settings().short_edge)
    return engine.embed(seen), grey(resize(seen, PICTURE, PICTURE))


def _judge(name: str, queries: list[Query], ours: list[Any], theirs: list[Any]) -> list[dict[str, Any]]:
    best = np.array([[(x @ y.T).max() for y, _ in theirs] for x, _ in ours])
    for q, query in enumerate(queries):
        best[q, list(query.barred)] = -1
    nearest = np.argsort(-best, axis=1, kind="stable")[:, :TOP_K]
    rows = _figures({"format": name, "score": "gsscd_max"}, queries, best.max(axis=1))
    for pairs in sorted({v.pairs for v in VARIANTS}):
        x, y, owner = _pairs(ours, theirs, nearest, pairs)
        for cell in sorted({v.cell for v in VARIANTS if v.pairs == pairs}):
            maps = np.concatenate([correlations(x[n : n + 99], y[n : n + 99], cell) for n in range(0, len(x), 99)])
            for v in (v for v in VARIANTS if (v.pairs, v.cell) == (pairs, cell)):
                seen = maps if v.shared else maps.max(axis=(1, 2), keepdims=True)
                shares = part_shares(seen, v.alike).max(axis=(1, 2))
                scores = np.zeros(len(queries))
                np.maximum.at(scores, owner, shares)
                rows += _figures({"format": name, "score": "template", **vars(v)}, queries, scores)
    return rows


def _pairs(ours: list[Any], theirs: list[Any], nearest: Any, count: int) -> tuple[Frames, Frames, Any]:
    x, y, owner = [], [], []
    for q, (vectors, pictures) in enumerate(ours):
        for r in nearest[q]:
            i, j = closest_pairs(vectors, theirs[r][0], count)
            x.append(pictures[i])
            y.append(theirs[r][1][j])
            owner += [q] * len(i)
    return np.concatenate(x), np.concatenate(y), np.array(owner)


def _figures(head: dict[str, Any], queries: list[Query], scores: Any) -> list[dict[str, Any]]:
    kind = np.array([q.kind for q in queries])
    null = scores[kind == "unrelated"]
    threshold = float(np.quantile(null, 1 - FPR, method="higher"))
    rows = []
    for name in dict.fromkeys(kind.tolist()):
        mine = scores[kind == name]
        area = auc(np.concatenate([mine, null]), np.repeat([True, False], [len(mine), len(null)]))
        wanted = ("format", "score", "cell", "shared", "alike", "pairs")
        found = {key: head.get(key, "") for key in wanted} | {"kind": name, "n": len(mine)}
        for share in (5, 50, 95):
            found[f"p{share:02d}"] = round(float(np.quantile(mine, share / 100)), 3)
        found |= {"max": round(float(mine.max()), 3), "auc": "" if name == "unrelated" else round(float(area or 0), 4)}
        rows.append({**found, "above_1pct_null": round(float((mine > threshold).mean()), 3)})
    return rows


if __name__ == "__main__":
    main()
