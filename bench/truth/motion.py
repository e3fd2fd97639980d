"""Which motion score tells a shared movement from chance, whatever the clips show? Run by hand:

    python bench/truth/motion.py --seed 0 --out bench/truth

Writes motion.csv (a row a world and variant), motion_degradations.csv (ours and OFS-3 by family and level) and
natural.csv (which clips are called natural, by each filter). Clips are rendered, or real ones in another appearance, so
what two share is known; nothing is downloaded. About fifteen minutes on one core; `--quick` leaves out all variants
but the default and OFS-3, and the other flow engines.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from clips import FORMATS
from motion_scores import DEFAULT, OFS3, Table, Variant, table, variants
from worlds import REAL_FORMAT, World, behind_few, degraded, natural, pooled, real, rendered

from vidmem import stats
from vidmem.config.analysis import Metrics
from vidmem.similarity import camera
from vidmem.similarity.motion import pool

DRAWS = 200
Row = dict[str, Any]


def main() -> None:
    """Render, score, write, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    tables = judge_all(arguments.seed, quick=arguments.quick)
    for name, rows in tables.items():
        write(arguments.out / f"{name}.csv", rows)


def judge_all(seed: int, *, quick: bool) -> dict[str, list[Row]]:
    """All tables by name."""
    full = rendered("full")
    worlds = [*(rendered(f) for f in FORMATS if f != "full"), full, real(full), real(full, fmt=REAL_FORMAT)]
    scores = []
    for world in worlds:
        shortest = min(len(f) for f in world.queries)
        for variant in [DEFAULT, OFS3] if quick else variants():
            if variant.unit == "field" or min(variant.lengths) <= shortest:  # else no query has such a window
                scores.append(judge(world, variant, seed))
    for variant in [] if quick else [v for v in variants() if "spread" in v.name or v == DEFAULT]:
        scores.append(judge(behind_few(full), variant, seed))
    for engine in [] if quick else _engines():
        base = rendered("full", engine)
        for world in (rendered("64px-12f", engine), real(base, engine)):
            scores.append(judge(world, DEFAULT, seed, f"ours, flow {engine}"))
    return {"motion": scores, "motion_degradations": _degradations(full, seed), "natural": _natural()}


def judge(world: World, variant: Variant, seed: int, name: str | None = None) -> Row:
    """One row of motion.csv, printed too."""
    row = {"world": world.name, "variant": name or variant.name, **figures(world, table(world, variant), seed)}
    print(f"{row['world']:26s} {row['variant']:62s}", *(f"{k} {row[k]}" for k in SHOWN), flush=True)
    return row


SHOWN = ("pair_auc", "pair_tpr_at_0.1pct", "recall_at_1", "tpr_at_1pct", "content_called")


def figures(world: World, scores: Table, seed: int) -> Row:
    """Pairs: one movement against unrelated ones. Queries: the best score of the whole corpus, against null queries.

    `content_called`: share of the queries with a reference's content on another trajectory that are called at the
    threshold for 1 %. Intervals resample movements (rendered) or pieces of film (real).
    """
    positive, pairs, labels, groups = _pairs(world, scores)
    mine, best = world.role == "motion", scores.max(axis=1)
    null = best[world.role == "null"]
    hits = {k: _found(scores[mine], world.same[mine], k) for k in (1, 5)}
    row: Row = {"queries": int(mine.sum()), "null_queries": len(null), "pairs": int(positive.sum())}
    row |= _with_interval("pair_auc", stats.auc(pairs, labels), stats.auc_interval(pairs, labels, groups, draws=DRAWS))
    for share, column in ((0.01, "pair_tpr_at_1pct"), (0.001, "pair_tpr_at_0.1pct")):
        row[column] = _round(stats.tpr_at_fpr(pairs, labels, share))
    for k, found in hits.items():
        row |= _with_interval(f"recall_at_{k}", float(found.mean()), _interval(found, world.group[mine], seed))
    both = np.concatenate([best[mine], null])
    row["query_auc"] = _round(stats.auc(both, np.arange(len(both)) < mine.sum()))
    threshold = stats.Null.fit(null).threshold(0.01)
    called = best[mine] >= threshold
    row |= _with_interval("tpr_at_1pct", float(called.mean()), _interval(called, world.group[mine], seed))
    other = best[world.role == "content"]
    row["content_called"] = _round(float((other >= threshold).mean())) if len(other) else None
    return row


def _pairs(world: World, scores: Table) -> tuple[Any, Any, Any, Any]:
    """Pairs that decide something: of motion queries all, of null queries all."""
    mine = np.isin(world.role, ["motion", "null"])
    use = ~world.ignored[mine]
    labels = world.same[mine] & (world.role[mine] == "motion")[:, None]
    groups = np.broadcast_to(world.group[mine][:, None], labels.shape)
    return labels[use], scores[mine][use], labels[use], groups[use]


def _found(scores: Table, same: npt.NDArray[np.bool_], k: int) -> npt.NDArray[np.bool_]:
    """Whether a reference of the query's movement is among its k best."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(same, order, axis=1).any(axis=1)


def _interval(hits: npt.NDArray[np.bool_], groups: Any, seed: int) -> tuple[float, float] | None:
    return stats.bootstrap_ci(hits, groups, seed=seed)


def _with_interval(name: str, value: float | None, interval: tuple[float, float] | None) -> Row:
    low, high = interval or (None, None)
    return {name: _round(value), f"{name}_low": _round(low), f"{name}_high": _round(high)}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _engines() -> list[str]:
    raft = ["raft_large"] if os.environ.get("VIDMEM_RAFT_WEIGHTS") else []
    return ["dis-consistent", "farneback", *raft]


def _degradations(base: World, seed: int) -> list[Row]:
    """Ours beside OFS-3, at each one's threshold for 1 % on undegraded null queries; and pooled."""
    rows: list[Row] = []
    null = base.part(base.role == "null")
    thresholds = {v: stats.Null.fit(table(null, v).max(axis=1)).threshold(0.01) for v in (DEFAULT, OFS3)}
    kept: dict[str, list[tuple[Any, Any]]] = {"ours": [], "ofs3": []}
    for family, level, world in degraded(base):
        row: Row = {"family": family, "level": level, "queries": len(world.queries), "pooled": pooled(family)}
        for short, v in (("ours", DEFAULT), ("ofs3", OFS3)):
            scores = table(world, v)
            pairs, labels = scores.ravel(), world.same.ravel()
            if pooled(family):
                kept[short].append((pairs, labels))
            row[f"{short}_pair_auc"] = _round(stats.auc(pairs, labels))
            row[f"{short}_recall_at_1"] = _round(float(_found(scores, world.same, 1).mean()))
            row[f"{short}_tpr_at_1pct"] = _round(float((scores.max(axis=1) >= thresholds[v]).mean()))
        rows.append(row)
        print(*row.values(), flush=True)
    rows.append({"family": "all pooled", "level": "", "queries": "", "pooled": True} | _pooled(kept))
    return rows


def _pooled(kept: dict[str, list[tuple[Any, Any]]]) -> Row:
    row: Row = {}
    for short, parts in kept.items():
        scores, labels = (np.concatenate([p[n] for p in parts]) for n in (0, 1))
        finite = np.where(np.isfinite(scores), scores, scores[np.isfinite(scores)].min() - 1)
        row[f"{short}_pair_auc"] = _round(stats.auc(finite, labels))
    return row


def _natural() -> list[Row]:
    """Which clips are called natural, by each filter alone and by both."""
    settings = Metrics()
    found = natural()
    rows = []
    for kind in ("still", "pan", "zoom", "object"):
        fields = [pool(f, 16) for k, f in found if k == kind]
        judged = [camera.classify(f, still_floor=settings.still_floor, camera_explained=2.0) for f in fields]
        both = [
            camera.classify(f, still_floor=settings.still_floor, camera_explained=settings.camera_explained)
            for f in fields
        ]
        rest = np.array([n.mean_residual for n in judged])
        rows.append(
            {
                "clips": kind,
                "n": len(fields),
                "still_filter": _round(float(np.mean([n.mean_flow < settings.still_floor for n in judged]))),
                "camera_filter": _round(float(np.mean([n.explained >= settings.camera_explained for n in judged]))),
                "residual_filter": _round(float(np.mean(rest < settings.still_floor))),
                "called_natural": _round(float(np.mean([n.natural for n in both]))),
                "residual_min": _round(float(rest.min())),
                "residual_max": _round(float(rest.max())),
            }
        )
    return rows


def write(path: Path, rows: list[Row]) -> None:
    """Write a table."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
