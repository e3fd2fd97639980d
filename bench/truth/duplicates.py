"""Are planted duplicates found, and nothing else? Run by hand:

    python bench/truth/duplicates.py --seed 0

A corpus is made in which clips stand again: byte for byte, encoded at CRF 40, at half the size, cropped to 90 % of both
sides, at 8 frames a second, without its last third, and under a reworded caption. Among them stand clips that are not
duplicates and could be taken for some: other layouts of the same contents, clips with a common intro of a quarter of
their length, clips with the same logo, compilations of two clips. It goes through the stage `duplicates` as any corpus
does.

Prints recall and precision by kind and pooled, and ends with status 1 where a pooled one is under .98. Recall: of the
pairs of items that are duplicates those that share a component. Precision: of the pairs that share a component those
that are duplicates. Writes duplicates.csv (with the other thresholds, which the defaults were chosen by). Nothing is
downloaded. A minute and a half on one core.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import degrade as dg
import numpy as np
import numpy.typing as npt
from clips import Spec, clip_of
from content import Embed, embedder
from flows import fields_of
from wordings import REWORDINGS

from vidmem import tables
from vidmem.config.analysis import Metrics
from vidmem.config.duplicates import Duplicates
from vidmem.config.features import Features
from vidmem.corpus.made.captions import caption
from vidmem.corpus.made.contents import CORPUS_CONTENTS, HELDOUT_CONTENTS
from vidmem.corpus.made.footage import SHOTS, cut, footage_files
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS
from vidmem.corpus.made.render import CAMERAS
from vidmem.duplicates import write_duplicates
from vidmem.features.engines import frame_engine
from vidmem.media import Clip
from vidmem.progress import progress
from vidmem.similarity.motion import pool

PROMISED = 0.98
LAYOUTS = 3  # of each content that stands again
CLIP_GRADES = {
    "CRF 40": dg.Grade("compress", "crf 40", partial(dg.compress, crf=40)),
    "rescaled": dg.Grade("scale", "1/2", partial(dg.scale, by=0.5)),
    "cropped 10 %": dg.Grade("crop", "90%", partial(dg.crop, side=0.9)),
    "frame rate": dg.Grade("frame_rate", "8 fps", partial(dg.frame_rate, fps=8.0)),
    "trimmed": dg.Grade("trim", "last third off", partial(dg.trim, start=0.0, end=2 / 3)),
}
SWEPT: dict[str, Sequence[float]] = {
    "caption_from": (0.5, 0.6, 0.8),
    "content_from": (0.5, 0.6, 0.64, 0.7, 0.75, 0.8),
    "content_share": (0.51, 0.7),
    "motion_from": (0.7, 0.75, 0.8, 0.9),
    "motion_window": (7, 14),
}

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Item:
    """One item: `video` and `motion` name what it shows and how it moves, "" for a movement that is not known."""

    kind: str
    video: str
    motion: str
    said: str  # which caption it bears, however worded
    caption: str
    clip: Clip
    same_as: int | None = None  # number of the item whose bytes it has


def originals(layouts: int, real: bool) -> Iterator[Item]:
    """Clips that stand again: rendered ones and, with `real`, shots of films."""
    motions, cameras = list(CORPUS_MOTIONS), list(CAMERAS)
    for c, content in enumerate(CORPUS_CONTENTS):
        for layout in range(layouts):
            motion, camera = motions[(c + 3 * layout) % len(motions)], cameras[(c + layout) % len(cameras)]
            yield _rendered("original", content, motion, camera, layout)
    if real:
        pieces = {name: cut(path) for name, path in footage_files().items() if any(s.file == name for s in SHOTS)}
        for shot in SHOTS:
            frames, fps = pieces[shot.file][shot.number]
            yield Item("original", shot.item_id, "", shot.caption, shot.caption, dg.of_rate(frames, fps))


def look_alikes(layouts: int) -> Iterator[Item]:
    """Clips that stand once: other layouts of the same contents, and other contents."""
    motions, cameras = list(HELDOUT_MOTIONS), list(CAMERAS)
    for c, content in enumerate([*CORPUS_CONTENTS, *HELDOUT_CONTENTS]):
        for layout in range(layouts, layouts + 2):
            motion, camera = motions[(2 * c + layout) % len(motions)], cameras[(c + layout) % len(cameras)]
            yield _rendered("alone", content, motion, camera, layout)


def _rendered(kind: str, content: str, motion: str, camera: str, layout: int) -> Item:
    said = caption(content, motion, camera, layout)
    clip = clip_of(Spec("reference", content, motion, camera, layout))
    return Item(kind, f"{content}-{layout}", motion, said, said, clip)


def planted(layouts: int, real: bool, seed: int) -> list[Item]:
    """The whole corpus, the same for the same seed."""
    first, alone = list(originals(layouts, real)), list(look_alikes(layouts))
    items = [*first, *alone]
    wordings = list(REWORDINGS.values())
    for n, item in enumerate(progress(first, len(first), "planted duplicates")):
        items.append(replace(item, kind="exact", same_as=n))
        for kind, grade in CLIP_GRADES.items():
            items.append(replace(item, kind=kind, clip=dg.degrade(item.clip, grade, seed + n)))
        words = wordings[n % len(wordings)](item.said, np.random.default_rng([seed, n]))
        items.append(replace(item, kind="caption reworded", caption=words, same_as=n))
    return [*items, *_traps(first, alone)]


def _traps(first: Sequence[Item], alone: Sequence[Item]) -> Iterator[Item]:
    """What must not be chained: clips behind one intro, clips with one logo, compilations of two clips.

    Behind the intro and under the logo each is still a copy of its own original.
    """
    intro = dg.part(alone[0].clip, 0.0, 0.6)
    logo = dg.Grade("overlay", "logo", dg.logo)
    for one, other in zip(alone[1:9], first[0:16:2], strict=False):
        yield replace(one, kind="intro", motion="", clip=dg.joined([intro, dg.part(one.clip, 0.0, 1.8)]))
        yield replace(one, kind="logo", motion="", clip=dg.degrade(one.clip, logo, 0))
        both = [dg.part(dg.degrade(c.clip, CLIP_GRADES["rescaled"], 0), 0.0, 1.25) for c in (one, other)]
        said = f"{one.said}, then {other.said}"
        yield Item("compilation", said, "", said, said, dg.joined(both))


class Corpus:
    """The tables of a planted corpus, in a folder, and its truth."""

    def __init__(self, items: Sequence[Item], folder: Path, embed: Embed) -> None:
        self.items, self.folder = items, folder
        self.grid = Features().flow.grid
        ids = [f"item-{n:04d}" for n in range(len(items))]
        rows = [
            {"item_id": ids[n], "caption": item.caption, "same_as": ids[n if item.same_as is None else item.same_as],
             "status": tables.OK}
            for n, item in enumerate(items)
        ]  # fmt: skip
        tables.write_table(folder / "manifest.parquet", rows, tables.MANIFEST)
        files = [n for n, item in enumerate(items) if item.same_as is None]
        vectors = [embed(items[n].clip) for n in progress(files, len(files), "frame vectors")]
        fields = [pool(fields_of(items[n].clip), self.grid) for n in progress(files, len(files), "flow")]
        names = [ids[n] for n in files]
        _write(folder / "frames.parquet", names, vectors, tables.frames_schema(vectors[0].shape[1]), "frame")
        _write(folder / "flow.parquet", names, fields, tables.flow_schema(self.grid), "index")
        rows = [{"video_id": name, "status": tables.OK} for name in names]
        tables.write_table(folder / "items.parquet", rows, tables.FEATURE_ITEMS)

    def find(self, **changed: float) -> dict[str, Mask]:
        """Which pairs of items share a component, bool (items, items), by kind of evidence."""
        settings = Duplicates().model_copy(update={"semantic_limit": 0, **changed}).model_dump()
        metrics = Metrics()
        settings |= {"still_floor": metrics.still_floor, "camera_explained": metrics.camera_explained}
        write_duplicates(
            manifest=self.folder / "manifest.parquet",
            frames=[self.folder / "frames.parquet"],
            flow=[self.folder / "flow.parquet"],
            items=[self.folder / "items.parquet"],
            settings={**settings, "grid": self.grid},
            threads=1,
            out=self.folder / "found.parquet",
        )
        found = tables.read_table(self.folder / "found.parquet")
        return {kind: _shared(found[f"{kind}_component"].to_list()) for kind in ("content", "caption", "motion")}


def _write(path: Path, names: Sequence[str], clips: Sequence[Any], schema: Any, number: str) -> None:
    lengths = [len(clip) for clip in clips]
    flat = np.concatenate([clip.reshape(len(clip), -1) for clip in clips])
    blank = {"thumbnail": tables.THUMBNAIL_BYTES, "picture": tables.PICTURE_BYTES}
    columns: dict[str, Any] = {
        "video_id": np.repeat(names, lengths).tolist(),
        number: [n for length in lengths for n in range(length)],
        "time_s": np.zeros(len(flat)),
        "magnitude": np.zeros(len(flat)),
        "vector": flat,
        **{name: [bytes(size)] * len(flat) for name, size in blank.items()},
    }
    tables.write_table(path, {name: columns[name] for name in schema.names}, schema)


def _shared(names: Sequence[str | None]) -> Mask:
    known = np.array([name or f"\0{n}" for n, name in enumerate(names)])
    return np.asarray(known[:, None] == known[None, :])


def truths(items: Sequence[Item]) -> dict[str, tuple[Mask, Mask]]:
    """By kind of evidence: which pairs are duplicates, and which decide anything, bool (items, items)."""
    every = np.ones((len(items), len(items)), bool)
    motion = _shared([item.motion or None for item in items])
    known = np.array([bool(item.motion) for item in items])
    video = _shared([item.video for item in items])
    # a clip and its own copies share a movement too, whatever it is called
    return {
        "content": (video, every),
        "caption": (_shared([item.said for item in items]), every),
        "motion": (motion, known[:, None] & known[None, :] & ~video),
    }


@dataclass(frozen=True)
class Figure:
    """Recall and precision of pairs, nan where there are none."""

    evidence: str
    kind: str
    pairs: int
    recall: float
    precision: float


def judge(items: Sequence[Item], found: dict[str, Mask]) -> list[Figure]:
    """By evidence and kind: pairs of an item of the kind and any other; pooled: all pairs."""
    kinds = np.array([item.kind for item in items])
    upper = np.triu(np.ones((len(items), len(items)), bool), 1)
    figures = []
    for evidence, (truth, decides) in truths(items).items():
        counted = upper & decides
        for kind in [*dict.fromkeys(kinds.tolist()), "pooled"]:
            of_kind = np.ones(len(items), bool) if kind == "pooled" else kinds == kind
            asked = counted & (of_kind[:, None] | of_kind[None, :])
            both = int((truth & found[evidence] & asked).sum())
            real, said = int((truth & asked).sum()), int((found[evidence] & asked).sum())
            figures.append(Figure(evidence, kind, real, both / real if real else np.nan, both / said if said else 1.0))
    return figures


def sweep(corpus: Corpus) -> Iterator[dict[str, Any]]:
    """Pooled figures with one setting changed."""
    for name, values in SWEPT.items():
        for value in values:
            evidence = name.split("_")[0]
            for figure in judge(corpus.items, corpus.find(**{name: value})):
                if figure.kind == "pooled" and figure.evidence == evidence:
                    yield {"setting": f"{name}={value:g}", **vars(figure)}


def main() -> int:
    """Make, find, judge, print and write; 1 where a pooled figure of content or captions is under the promise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    features = Features()
    embed = embedder(frame_engine(features.frames.model_dump(), threads=1), features)
    items = planted(LAYOUTS, True, arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Corpus(items, Path(folder), embed)
        figures = judge(items, corpus.find())
        rows = [{"setting": "defaults", **vars(f)} for f in figures] + list(sweep(corpus))
    for f in figures:
        print(f"{f.evidence:8s} {f.kind:17s} {f.pairs:6d} pairs  recall {f.recall:.4f}  precision {f.precision:.4f}")
    with (arguments.out / "duplicates.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    judged = [f for f in figures if f.kind == "pooled" and f.evidence != "motion"]
    broken = [f for f in judged if min(f.recall, f.precision) < PROMISED]
    print(f"seed {arguments.seed}: {len(items)} items; recall and precision >= {PROMISED}: "
          f"{'BROKEN' if broken else 'kept'}")  # fmt: skip
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
