"""A tiny finished audit, made by the stages' own code: for what reads the results of one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem import tables
from vidmem.config.media import Limits
from vidmem.corpus import make_manifest
from vidmem.corpus.listing import write_listing
from vidmem.corpus.made.contents import CORPUS_CONTENTS, HELDOUT_CONTENTS, MOTION_CONTENTS
from vidmem.corpus.made.motions import CORPUS_MOTIONS, HELDOUT_MOTIONS
from vidmem.corpus.made.render import render_clip
from vidmem.features import corpus_chunk, null_clips, write_features
from vidmem.generate.folder import list_videos
from vidmem.media import write_video
from vidmem.metrics import write_metrics
from vidmem.plan import Plan
from vidmem.retrieve import alike_clips, own_clips, retrieve

Frames = npt.NDArray[np.uint8]
SIDE, FPS = 96, 8
CORPUS, HELDOUT, CHUNKS = 6, 20, 2
CAPTION = 'clip <script>alert(1)</script> [bold]with\x1b[31m "marks"'  # of clip 2
MODEL = "theirs"


def clip(content: str, motion: str, seed: int = 0) -> Frames:
    """A rendered clip of two seconds: something that moves on a path over a background."""
    return render_clip(content, motion, "still", width=SIDE, height=SIDE, fps=FPS, seconds=2.0, seed=seed)


def clips(contents: Sequence[str], motions: Sequence[str], count: int) -> list[Frames]:
    """Clips of contents and motions in turn; what shows the same content moves otherwise and has other colours."""
    return [clip(contents[n % len(contents)], motions[n % len(motions)], n) for n in range(count)]


@dataclass(frozen=True)
class Audit:
    """Where the audit lies, and the folders that it was made of."""

    results: Path
    corpus: Path
    heldout: Path
    generated: Path
    config: dict[str, Any]


def make_audit(root: Path) -> Audit:
    """`root/results/mine`, of a model that copied clip 0, took the movement of clip 1, and made one of its own."""
    audit = Audit(root / "results" / "mine", root / "clips", root / "heldout", root / "generated", {})
    known = clips(list(CORPUS_CONTENTS), list(CORPUS_MOTIONS), CORPUS)
    _clips(audit.corpus, {f"clip{n}": frames for n, frames in enumerate(known)})
    unknown = clips(list(HELDOUT_CONTENTS), list(HELDOUT_MOTIONS), HELDOUT)
    _clips(audit.heldout, {f"held{n}": frames for n, frames in enumerate(unknown)})
    made = {
        "copy": known[0],
        "motion": clip(next(iter(MOTION_CONTENTS)), list(CORPUS_MOTIONS)[1]),
        "own": clip(list(HELDOUT_CONTENTS)[1], list(HELDOUT_MOTIONS)[3], 77),
    }
    for name, frames in made.items():
        write_video(audit.generated / f"{name}.mp4", frames, fps=FPS)
    audit.config.update(
        audit="mine",
        corpus={"folder": str(audit.corpus), "heldout": {"folder": str(audit.heldout)}},
        models={MODEL: {"kind": "videos", "folder": str(audit.generated)}},
    )
    _run(audit, Plan(audit.config))
    (audit.results / "report").mkdir()
    (audit.results / "report" / "index.html").write_text("<!doctype html><title>mine</title>", encoding="utf-8")
    return audit


def _clips(folder: Path, named: dict[str, Frames]) -> None:
    folder.mkdir(parents=True)
    rows = [(f"{name}.mp4", CAPTION if name == "clip2" else f"caption of {name}") for name in named]
    for name, frames in named.items():
        write_video(folder / f"{name}.mp4", frames, fps=FPS)
    with (folder / "captions.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "caption"), *rows])


def _run(audit: Audit, plan: Plan) -> None:
    """The stages one after the other, as the rules call them."""
    out = audit.results
    for side in ("corpus", "heldout"):
        settings = plan.settings("corpus", side)
        write_listing(settings["sources"], False, out / f"corpus/{side}/listing.parquet")
        make_manifest(settings["sources"], plan.media_roots(side), Limits(), 0.0, out / f"corpus/{side}.parquet")
    manifest, settings = out / "corpus/corpus.parquet", plan.settings("features", "corpus")
    corpus = [_features(out, f"corpus/items-00{n}") for n in range(CHUNKS)]
    for n, outputs in enumerate(corpus):
        items = corpus_chunk(manifest, n, CHUNKS)
        write_features(items, root=plan.media_roots("corpus"), settings=settings, threads=1, outputs=outputs)
    held = _features(out, "heldout/background")
    null = null_clips(out / "corpus/heldout.parquet")
    write_features(null, root=plan.media_roots("heldout"), settings=settings, threads=1, outputs=held)
    videos, theirs = out / f"generate/{MODEL}/videos-000.videos.parquet", _features(out, f"{MODEL}/videos-000")
    tables.write_table(videos, list_videos(audit.generated, None, Limits(), MODEL), tables.VIDEOS)
    items, settings = tables.read_table(videos), plan.features_settings(MODEL)
    write_features(items, root=audit.generated, settings=settings, threads=1, outputs=theirs)
    _judge(out, plan, corpus, held, theirs, videos)


def _judge(
    out: Path, plan: Plan, corpus: list[dict[str, Path]], held: dict[str, Path], theirs: dict[str, Path], videos: Path
) -> None:
    """Matches and verdicts; the null videos are the held-out clips as they are, for the model's format is theirs."""
    settings = plan.settings("retrieve")
    searched: dict[str, Any] = {
        "corpus_frames": [c["frames"] for c in corpus],
        "corpus_flow": [c["flow"] for c in corpus],
        "background_frames": [held["frames"]],
        "background_flow": [held["flow"]],
        "excluded": {},
        "settings": settings,
        "threads": 1,
    }
    matches, null = out / f"retrieve/{MODEL}.parquet", out / f"retrieve/{MODEL}.null.parquet"
    own = own_clips([videos], out / "corpus/corpus.parquet")
    retrieve(frames=[theirs["frames"]], flow=[theirs["flow"]], own=own, out=matches, **searched)
    alike = alike_clips([held["frames"]], [held["flow"]], settings)
    retrieve(frames=[held["frames"]], flow=[held["flow"]], own={}, alike=alike, out=null, **searched)
    prompts = out / "prompts/prompts.parquet"
    tables.write_table(prompts, [], tables.PROMPTS)
    write_metrics(
        videos=[videos],
        items=[theirs["status"]],
        frames=[theirs["frames"]],
        flow=[theirs["flow"]],
        matches=matches,
        null_matches=null,
        prompts=prompts,
        settings=plan.settings("metrics"),
        out=out / f"metrics/{MODEL}.parquet",
    )


def _features(out: Path, name: str) -> dict[str, Path]:
    names = {"frames": "frames", "flow": "flow", "status": "items"}
    return {key: out / f"features/{name}.{suffix}.parquet" for key, suffix in names.items()}
