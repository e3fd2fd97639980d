"""A folder of videos with known truth: originals and degraded copies of corpus clips, and unrelated clips."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vidmem import text
from vidmem.config.media import Limits
from vidmem.generate.known.clips import Row, Side, read_truth
from vidmem.generate.known.degrade import DEGRADATIONS, Shot
from vidmem.media import MediaRef, read_clip, write_video
from vidmem.progress import progress

PROMPT_COLUMNS = ("path", "prompt", "seed")
TRUTH_COLUMNS = ("path", "content_truth", "item_id", "motion_truth", "degradation")
MAX_FRAMES = 600


def make_replay(
    manifests: Mapping[str, str | Path],
    media_roots: Mapping[str, str | Path],
    truth_csv: str | Path,
    settings: Mapping[str, Any],
    out_dir: str | Path,
    threads: int = 2,
) -> None:
    """Write `copies` copies of corpus clips and `unrelated` clips that the corpus lacks to `out_dir`, with two tables.

    Every second copy is the file as it is, the others are degraded, one way after the other; where there are fewer
    clips than asked for, they come again, degraded. prompts.csv: path, prompt (the clip's caption), seed.
    truth.csv: path, content_truth, item_id (of the copied corpus clip), motion_truth (true for copies of clips whose
    object moves, false for still and camera-only ones and for unrelated clips, empty for real footage), degradation.
    `settings`: copies, unrelated, seed. The choice depends on ids and seed, not on the order of the manifest.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    truth, seed = read_truth(truth_csv), int(settings["seed"])
    plans = []
    for side_name, count in (("corpus", settings["copies"]), ("unrelated", settings["unrelated"])):
        side = Side.read(manifests[side_name], media_roots[side_name])
        plans += _plan(side, side_name, int(count), seed)
    rows = [_make(out, plan, truth, seed) for plan in progress(plans, len(plans), "make replay")]
    cv2.setNumThreads(before)
    seeds: dict[str, int] = {}
    for row in rows:
        row["seed"] = seeds[row["prompt"]] = seeds.get(row["prompt"], -1) + 1
    _write(out / "prompts.csv", PROMPT_COLUMNS, rows)
    _write(out / "truth.csv", TRUTH_COLUMNS, rows)


def _plan(side: Side, side_name: str, count: int, seed: int) -> list[Row]:
    """What is to be written: which clip, under which name, how degraded ("" for as it is)."""
    distinct = side.distinct()
    order = sorted(distinct, key=lambda item: text.stable_fraction("replay", seed, item))
    if not order:
        return []
    names, plans, degraded = list(DEGRADATIONS), [], 0
    for number in range(count):
        item = order[number % len(order)]
        plain = number < len(order) and number % 2 == 0
        how = "" if plain else names[degraded % len(names)]
        degraded += not plain
        plans.append({
            "side": side_name,
            "item": item,
            "caption": distinct[item]["caption"] or "",
            "ref": side.ref(distinct[item]),
            "name": f"{'copy' if side_name == 'corpus' else 'unrelated'}-{number:03d}",
            "how": how,
        })  # fmt: skip
    return plans


def _make(out: Path, plan: Row, truth: Mapping[str, Row], seed: int) -> Row:
    ref: MediaRef = plan["ref"]
    if plan["how"] or ref.offset is not None:
        path = f"{plan['name']}.mp4"
        clip = read_clip(ref, rate_hz=None, max_frames=MAX_FRAMES, limits=Limits())
        shot = Shot(clip.frames, clip.info.fps or 1.0)
        if plan["how"]:
            draw = int(text.stable_fraction("degrade", seed, plan["name"], plan["item"]) * 2**32)
            shot = DEGRADATIONS[plan["how"]](shot, np.random.default_rng(draw))
        write_video(out / path, shot.frames, shot.fps, crf=shot.crf)
    else:
        path = plan["name"] + ref.path.suffix.lower()
        shutil.copyfile(ref.path, out / path)
    copied = plan["side"] == "corpus"
    natural = truth[plan["item"]]["natural_motion"] if plan["item"] in truth else None
    return {
        "path": path,
        "prompt": plan["caption"],
        "content_truth": "true" if copied else "false",
        "item_id": plan["item"] if copied else "",
        "motion_truth": {None: "", True: "false", False: "true"}[natural] if copied else "false",
        "degradation": plan["how"],
    }


def _write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
