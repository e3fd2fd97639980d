"""Which motion score tells a shared trajectory from chance, whatever the clips show? Run by hand:

    python bench/truth/motion.py --out bench/truth

Writes motion.csv (one row a format and variant) and natural.csv (one row a format and kind of clip). Every clip is
rendered, so what it shares with another is known; nothing is downloaded. About six minutes on one core.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from clips import FORMATS, Spec, clip_of, specs

from vidmem.config.analysis import Metrics, Retrieve
from vidmem.features.flow import DisFlow
from vidmem.features.run import motion_fields
from vidmem.features.sampling import Plan, sample_clip
from vidmem.progress import progress
from vidmem.similarity import camera, motion

Fields = camera.Fields
FLOW = {"grid": 16, "rate_hz": 8.0, "max_flows": 64}
FLOOR = Metrics().still_floor
WINDOW = Retrieve().window


@dataclass(frozen=True)
class Variant:
    """A score: raw OFS-k, or windows of camera-residual fields to a power; z: normalised by both clips' null scores."""

    name: str
    k: int
    model: camera.Model = "affine"
    power: float = 0.5
    raw: bool = False
    z: bool = False
    same_format: bool = False  # references pass through the model's format too


VARIANTS = [
    *[Variant(f"OFS-{k} raw", k, raw=True) for k in (1, 3, 5, 7)],
    *[Variant(f"residual (affine), window {k}, power .5", k) for k in (1, 3, 5, 7)],
    Variant("residual (4 parameters), window 7, power .5", 7, "similarity"),
    Variant("residual (affine), window 7, power 1", 7, power=1.0),
    Variant("residual (affine), window 7, power .75", 7, power=0.75),
    Variant("no camera model, window 7, power .5", 7, "none"),
    Variant("residual (affine), window 5, power .5, z", 5, z=True),
    Variant("residual (affine), window 7, power .5, z", 7, z=True),
    Variant("residual (affine), window 7, power .5, references in the format", 7, same_format=True),
]


def main() -> None:
    """Render, score, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--flow-size", type=int, default=128)
    arguments = parser.parse_args()
    clips = specs()
    fields = {name: _fields(clips, name, arguments.flow_size) for name in FORMATS}
    scores = [_judge(v, name, clips, fields) for name in FORMATS for v in VARIANTS]
    _write(arguments.out / "motion.csv", scores)
    _write(arguments.out / "natural.csv", [r for name in FORMATS for r in _natural(name, clips, fields[name])])


def _fields(clips: list[Spec], fmt: str, size: int) -> list[Fields]:
    engine = DisFlow(size, 1)
    plan = Plan(2.0, 32, FLOW["rate_hz"], int(FLOW["max_flows"]), size, "centre")
    shown = progress(clips, len(clips), f"flow {fmt}")
    return [motion_fields(sample_clip(clip_of(s, FORMATS[fmt]), plan), engine, FLOW) for s in shown]


def _scorer(v: Variant) -> Callable[[list[Fields], list[Fields]], Any]:
    if v.raw:
        return lambda xs, ys: np.array([[motion.ofs_k(x, y, v.k).score for y in ys] for x in xs])

    def score(xs: list[Fields], ys: list[Fields]) -> Any:
        ours, theirs = ([motion.motion_vectors(f, v.model, v.power) for f in part] for part in (xs, ys))
        return np.array([motion.score_against(x, theirs, v.k, FLOOR, v.power) for x in ours])

    return score


def _judge(v: Variant, fmt: str, clips: list[Spec], fields: dict[str, list[Fields]]) -> dict[str, Any]:
    references = [n for n, s in enumerate(clips) if s.role == "reference"]
    queries = [n for n, s in enumerate(clips) if s.role in ("motion", "null", "content")]
    score = _scorer(v)
    there = fields[fmt if v.same_format else "full"]
    ours, theirs = [fields[fmt][n] for n in queries], [there[n] for n in references]
    table = score(ours, theirs)
    role = np.array([clips[n].role for n in queries])
    if v.z:  # every other null clip is background, the rest of them stay queries
        null = np.flatnonzero(role == "null")[::2]
        background = [fields["full"][queries[n]] for n in null]
        reverse = score(theirs, background)
        table = motion.z_normalise(table, score(ours, background)[:, None], reverse[None])
        keep = np.setdiff1d(np.arange(len(queries)), null)
        table, role, queries = table[keep], role[keep], [queries[n] for n in keep]
    same = np.array([[clips[q].motion == clips[r].motion for r in references] for q in queries])
    return {"format": fmt, "variant": v.name, **_figures(table, same, role)}


def _figures(table: Any, same: Any, role: Any) -> dict[str, Any]:
    """Pairs: same motion against unrelated. Queries: the best score of the whole corpus, held-out motions as null."""
    shared = table[role == "motion"]
    mine = same[role == "motion"]
    unrelated = np.concatenate([shared[~mine], table[role == "null"].ravel()])
    best, null = shared.max(axis=1), table[role == "null"].max(axis=1)
    threshold = float(np.quantile(null, 0.99, method="higher"))
    return {
        "pair_auc": round(_auc(shared[mine], unrelated), 4),
        "query_auc": round(_auc(best, null), 4),
        "recall_at_1": round(float(np.mean([m[s.argmax()] for m, s in zip(mine, shared, strict=True)])), 3),
        "threshold_1pct": round(threshold, 3),
        "tpr_at_1pct_fpr": round(float((best > threshold).mean()), 3),
        "same_content_other_motion_called": round(float((table[role == "content"].max(axis=1) > threshold).mean()), 3),
    }


def _auc(positive: Any, negative: Any) -> float:
    order = np.sort(negative)
    below, up_to = (np.searchsorted(order, positive, side=side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(order))


def _natural(fmt: str, clips: list[Spec], fields: list[Fields]) -> list[dict[str, Any]]:
    rows = []
    kinds = {"still": ["still"], "pan": ["pan"], "zoom": ["zoom"], "object": ["reference", "motion", "null", "content"]}
    for kind, roles in kinds.items():
        judged = [
            camera.classify(f, still_floor=FLOOR, camera_explained=Metrics().camera_explained)
            for s, f in zip(clips, fields, strict=True)
            if s.role in roles
        ]
        rest = np.array([n.mean_residual for n in judged])
        rows.append(
            {
                "format": fmt,
                "clips": kind,
                "n": len(judged),
                "called_natural": round(float(np.mean([n.natural for n in judged])), 3),
                "residual_min": round(float(rest.min()), 4),
                "residual_median": round(float(np.median(rest)), 4),
                "residual_max": round(float(rest.max()), 4),
                "explained_median": round(float(np.median([n.explained for n in judged])), 3),
            }
        )
    return rows


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
