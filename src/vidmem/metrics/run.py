"""Stage `metrics`: from matches to one row a generated video, with every score, p-value and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from vidmem import tables
from vidmem.metrics.thresholds import Calibration, calibrate
from vidmem.similarity.camera import Natural, classify
from vidmem.stats import benjamini_hochberg

Row = dict[str, Any]
KINDS = ("content", "motion")
COSINE_CEILING = 0.95  # an identical copy scores 1; a normalised motion score has no such bound


def write_metrics(
    *,
    videos: Sequence[Path],
    items: Sequence[Path],
    flow: Sequence[Path],
    matches: Path,
    null_matches: Path,
    prompts: Path,
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write `tables.METRICS` of one model. `settings` is the dump of the config section plus `grid`."""
    found = tables.read_table(matches)
    calibrations = calibrate_kinds(tables.read_table(null_matches), settings)
    sets = dict(tables.read_table(prompts).select("prompt_id", "set").iter_rows())
    features = {r["video_id"]: r for r in tables.read_table(items).iter_rows(named=True)}
    natural = natural_motions(flow, _first(found, "motion"), settings)
    best = {kind: {r["video_id"]: r for r in _first(found, kind).iter_rows(named=True)} for kind in KINDS}
    own = _own_similarity(found)
    rows = []
    for video in tables.read_table(videos).iter_rows(named=True):
        key = video["video_id"]
        row = {name: video[name] for name in ("video_id", "prompt_id", "seed", "status", "reason")}
        row["prompt_set"] = sets.get(video["prompt_id"])
        lost = next((r for r in (video, features.get(key)) if r and r["status"] != tables.OK), None)
        if lost:
            row.update(status=lost["status"], reason=lost["reason"])
        elif key not in best["content"]:
            row.update(status=tables.FAILED, reason="no features: the video is in no feature table")
        else:
            row.update(_content(best["content"][key], own.get(key), calibrations["content"]))
            row.update(_motion(best["motion"].get(key), natural.get(key), calibrations["motion"], settings))
            row["verdict"] = _verdict(row)
        rows.append(row)
    _add_p_values(rows, calibrations)
    made_by = {"settings": dict(settings), **{kind: c.describe() for kind, c in calibrations.items()}}
    tables.write_table(out, rows, tables.METRICS, made_by)


def calibrate_kinds(null_matches: pl.DataFrame, settings: Mapping[str, Any]) -> dict[str, Calibration]:
    """Thresholds of both kinds from the best matches of the null videos (`tables.MATCHES`)."""
    found = {}
    for kind in KINDS:
        best = _first(null_matches, kind)
        few = len(best) < int(settings["min_null"])
        # a score that is normalised by fewer clips than that is noise: then the window's own cosine is judged
        column = "ofs_residual" if kind == "motion" and few else "score"
        found[kind] = calibrate(
            best[column].to_numpy().astype(np.float64),
            fpr=float(settings["fpr"]),
            min_null=int(settings["min_null"]),
            customary=float(settings[f"customary_{kind}"]),
            ceiling=COSINE_CEILING if kind == "content" or few else float("inf"),
        )
    return found


def _first(matches: pl.DataFrame, kind: str) -> pl.DataFrame:
    return matches.filter((pl.col("kind") == kind) & (pl.col("rank") == 1))


def _own_similarity(matches: pl.DataFrame) -> dict[str, Row]:
    """The best of a prompt's own clips, by video."""
    own = matches.filter((pl.col("kind") == "content") & pl.col("own")).sort("score", descending=True)
    return {r["video_id"]: r for r in own.unique("video_id", keep="first", maintain_order=True).iter_rows(named=True)}


def natural_motions(flow: Sequence[Path], best: pl.DataFrame, settings: Mapping[str, Any]) -> dict[str, Natural]:
    """Whether the matched window of each video moves as anyone's video does: still, or the camera's motion alone."""
    grid = int(settings["grid"])
    spans = {r["video_id"]: (r["gen_start_s"], r["gen_end_s"]) for r in best.iter_rows(named=True)}
    found = {}
    for path in flow:
        frame, vectors = tables.read_vectors(path)
        fields = vectors.reshape(-1, 2, grid, grid)
        times = frame["time_s"].to_numpy()
        for key, rows in frame.with_row_index("row").group_by("video_id", maintain_order=True):
            members = rows["row"].to_numpy()
            start, end = spans.get(str(key[0]), (None, None))
            if start is not None:
                inside = (times[members] >= start - 1e-6) & (times[members] < end - 1e-6)
                members = members[inside] if inside.any() else members
            found[str(key[0])] = classify(
                fields[members],
                still_floor=float(settings["still_floor"]),
                camera_explained=float(settings["camera_explained"]),
            )
    return found


def _content(best: Row, own: Row | None, calibration: Calibration) -> Row:
    return {
        "content_score": best["score"],
        "content_ref_id": best["ref_id"],
        "content_gen_time_s": best["gen_start_s"],
        "content_ref_time_s": best["ref_start_s"],
        "content_threshold": calibration.threshold,
        "content_memorised": bool(best["score"] >= calibration.threshold),
        **{name: best[name] for name in ("gsscd_k", "vsscd", "d1_d2_pixel", "d1_d2_feature")},
        "own_similarity": own["score"] if own else None,
        "own_first": own["rank"] == 1 if own else None,
    }


def _motion(best: Row | None, natural: Natural | None, calibration: Calibration, settings: Mapping[str, Any]) -> Row:
    """Scores and verdict of motion. A video without flow (one frame) has no motion: natural, not memorised."""
    if natural is None:
        return {"natural_motion": True, "natural_reason": "no flow", "motion_memorised": False}
    row: Row = {
        "mean_flow": natural.mean_flow,
        "camera_explained": natural.explained,
        "natural_reason": natural.reason,
        "motion_threshold": calibration.threshold,
        "motion_memorised": False,
    }
    if best is not None:
        score = best["score"] if calibration.null is not None else best["ofs_residual"]
        if row["natural_reason"] is None and _common(best["background"], calibration, settings):
            row["natural_reason"] = "common"
        row.update(
            motion_score=score,
            motion_ref_id=best["ref_id"],
            motion_gen_time_s=best["gen_start_s"],
            motion_ref_time_s=best["ref_start_s"],
            ofs=best["ofs"],
            motion_memorised=bool(score >= calibration.threshold) and row["natural_reason"] is None,
        )
    return {**row, "natural_motion": row["natural_reason"] is not None}


def _common(background: Sequence[float] | None, calibration: Calibration, settings: Mapping[str, Any]) -> bool:
    """Whether more than `common_share` of unrelated clips match the video as well as a copy must.

    Asked only where a rate can be stated at all: a share of fewer than `min_null` clips says nothing.
    """
    if calibration.fpr is None or not background or len(background) < int(settings["min_null"]):
        return False
    share = float(np.mean(np.asarray(background) >= calibration.threshold))
    return share > float(settings["common_share"])


def _verdict(row: Row) -> str:
    if row["content_memorised"]:
        own = row["own_similarity"]
        return "verbatim" if own is not None and own >= row["content_threshold"] else "retrieved"
    return "motion" if row["motion_memorised"] else "none"


def _add_p_values(rows: list[Row], calibrations: Mapping[str, Calibration]) -> None:
    """p-values of all videos, and their Benjamini-Hochberg adjustment over the videos of this model."""
    for kind, calibration in calibrations.items():
        scored = [row for row in rows if row.get(f"{kind}_score") is not None]
        p_values = calibration.p_values(np.array([row[f"{kind}_score"] for row in scored], np.float64))
        if calibration.null is None:
            continue
        for row, p, q in zip(scored, p_values, benjamini_hochberg(np.array(p_values, float)), strict=True):
            row[f"{kind}_p_value"] = p
            row[f"{kind}_q_value"] = float(q)
