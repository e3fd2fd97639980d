"""From the judged matches of one video to its columns of `tables.METRICS`, and to one word for what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vidmem.metrics.judged import Judged
from vidmem.metrics.natural import common
from vidmem.similarity.camera import Natural
from vidmem.stats import benjamini_hochberg

Row = dict[str, Any]
CONTENT_SCORES = ("gsscd_max", "gsscd_k", "vsscd", "content_normalised", "gen_fraction", "ref_fraction")
TIMES = ("gen_time_s", "ref_time_s")
RANGES = ("gen_start_s", "gen_end_s", "ref_start_s", "ref_end_s")


def content_columns(best: Row, own: Row | None, judged: Judged) -> Row:
    """Content: the best match of the whole corpus, and the best of the prompt's own clips."""
    score, threshold = judged.score(best), judged.calibration.threshold
    return {
        "content_score": score,
        "content_ref_id": best["ref_id"],
        **{f"content_{name}": best[name] for name in TIMES + RANGES},
        "content_threshold": threshold,
        "content_memorised": score >= threshold,
        **{name: best[name] for name in (*CONTENT_SCORES, "d1_d2_pixel", "d1_d2_feature")},
        "own_similarity": own["gsscd_max"] if own else None,
        "own_first": own["rank"] == 1 if own else None,
    }


def template_columns(best: Row | None, judged: Judged) -> Row:
    """Template: the largest part of a frame that comes back. A whole frame that comes back is its largest part."""
    if best is None:
        return {"template_memorised": False}
    return {
        "template_score": best["template"],
        "template_ref_id": best["ref_id"],
        **{name: best[name] for name in ("template_gen_time_s", "template_ref_time_s", "template_map")},
        "template_threshold": judged.calibration.threshold,
        "template_memorised": judged.score(best) >= judged.calibration.threshold,
    }


def motion_columns(best: Row | None, natural: Natural | None, judged: Judged, settings: Mapping[str, Any]) -> Row:
    """Motion, whatever the video shows. One without flow (one frame) has no motion: natural, not memorised."""
    if natural is None:
        return {"natural_motion": True, "natural_reason": "no flow", "motion_memorised": False}
    threshold = judged.calibration.threshold
    row: Row = {
        "mean_flow": natural.mean_flow,
        "camera_explained": natural.explained,
        "natural_reason": natural.reason,
        "motion_threshold": threshold,
        "motion_memorised": False,
    }
    if best is not None:
        score = judged.score(best)
        if row["natural_reason"] is None and common(best["background"], judged.calibration, settings):
            row["natural_reason"] = "common"
        row.update(
            motion_score=score,
            motion_ref_id=best["ref_id"],
            motion_gen_time_s=best["gen_start_s"],
            motion_ref_time_s=best["ref_start_s"],
            motion_gen_end_s=best["gen_end_s"],
            motion_ref_end_s=best["ref_end_s"],
            **{name: best[name] for name in ("ofs", "ofs3", "ofs_residual", "speed")},
            motion_memorised=score >= threshold and row["natural_reason"] is None,
        )
    return {**row, "natural_motion": row["natural_reason"] is not None}


def verdict(row: Row, own: Row | None, content: Judged) -> str:
    """One word for a row of `tables.METRICS`: the most that comes back, of a whole frame, a part of it, a movement.

    `own` is the best match among the prompt's own clips: verbatim is what reproduces one of them.
    """
    if row["content_memorised"]:
        mine = own is not None and content.score(own) >= content.calibration.threshold
        return "verbatim" if mine else "retrieved"
    if row["template_memorised"]:
        return "template"
    return "motion" if row["motion_memorised"] else "none"


def add_p_values(rows: list[Row], judged: Mapping[str, Judged]) -> None:
    """p-values of all videos, and their Benjamini-Hochberg adjustment over the videos of this model."""
    for kind, calibration in ((kind, j.calibration) for kind, j in judged.items()):
        if calibration.null is None:
            continue
        scored = [row for row in rows if row.get(f"{kind}_score") is not None]
        p_values = calibration.p_values(np.array([row[f"{kind}_score"] for row in scored], np.float64))
        for row, p, q in zip(scored, p_values, benjamini_hochberg(np.array(p_values, float)), strict=True):
            row[f"{kind}_p_value"] = p
            row[f"{kind}_q_value"] = float(q)
