"""From matches to verdicts: every rule of the verdict has a case that it decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from vidmem import tables
from vidmem.metrics import calibrate, write_metrics

GRID = 8
SETTINGS: dict[str, Any] = {
    "fpr": 0.05,
    "min_null": 20,
    "customary_content": 0.5,
    "customary_motion": 0.7,
    "still_floor": 0.02,
    "camera_explained": 0.9,
    "common_share": 0.1,
    "customary_template": 0.3,
    "template_least": 0.15,
    "agree_from": 0.9,
    "grid": GRID,
    "window": 5,
}
DIM = 4
LEVEL = 0.2  # of every video's likeness to background clips
MAP = [1.0, 0.25, float("nan"), 0.0]


def moving(kind: str) -> np.ndarray:
    """Five flow fields: an object that swings, a pan, or nothing."""
    fields = np.zeros((5, 2, GRID, GRID), np.float32)
    if kind == "object":
        for t in range(5):
            fields[t, 0, 2:5, t : t + 3] = 0.8
            fields[t, 1, 2:5, t : t + 3] = 0.4 * (-1) ** t
    elif kind == "pan":
        fields[:, 0] = 0.3
    return fields


def match(
    video: str, kind: str, ref: str, score: float, rank: int = 1, own: bool = False, **more: Any
) -> dict[str, Any]:
    times = {"gen_start_s": 0.0, "gen_end_s": 0.625, "ref_start_s": 0.125, "ref_end_s": 0.75}
    if kind == "content":
        times |= {"gen_time_s": 0.25, "ref_time_s": 0.5, "template": 0.0, "gen_fraction": 0.5, "ref_fraction": 0.25}
        times |= {"gsscd_max": score, "content_normalised": score - LEVEL}
    row = {"video_id": video, "kind": kind, "rank": rank, "ref_id": ref, "score": score, "own": own}
    return {**row, **times, "background": [0.0] * 30 if kind == "motion" else None, "ofs_residual": 0.9, **more}


@pytest.fixture
def judge(tmp_path: Path) -> Any:
    def run(
        videos: list[dict[str, Any]],
        matches: list[dict[str, Any]],
        flows: dict[str, np.ndarray],
        null: int = 100,
        lost: dict[str, str] | None = None,
        null_template: Any = lambda rng: float(rng.uniform(0, 0.1)),
        frames: dict[str, np.ndarray] | None = None,
    ) -> pl.DataFrame:
        base = {"model": "m", "status": "ok"}
        tables.write_table(tmp_path / "videos.parquet", [{**base, **v} for v in videos], tables.VIDEOS)
        items = [
            {"video_id": v["video_id"], "status": "skipped" if v["video_id"] in (lost or {}) else "ok",
             "reason": (lost or {}).get(v["video_id"])}
            for v in videos
        ]  # fmt: skip
        tables.write_table(tmp_path / "items.parquet", items, tables.FEATURE_ITEMS)
        flow = {
            "video_id": [v for v, f in flows.items() for _ in f],
            "index": [t for f in flows.values() for t in range(len(f))],
            "time_s": [t / 8 for f in flows.values() for t in range(len(f))],
            "magnitude": [0.0 for f in flows.values() for _ in f],
            "vector": np.concatenate(
                [np.empty((0, 2 * GRID * GRID)), *(f.reshape(len(f), -1) for f in flows.values())]
            ),
        }
        tables.write_table(tmp_path / "flow.parquet", flow, tables.flow_schema(GRID))
        seen = frames or {}
        columns = {
            "video_id": [v for v, x in seen.items() for _ in x],
            "frame": [i for x in seen.values() for i in range(len(x))],
            "time_s": [i / 4 for x in seen.values() for i in range(len(x))],
            "vector": np.concatenate([np.empty((0, DIM)), *seen.values()]),
            "thumbnail": [bytes(tables.THUMBNAIL_BYTES) for x in seen.values() for _ in x],
            "picture": [bytes(tables.PICTURE_BYTES) for x in seen.values() for _ in x],
        }
        tables.write_table(tmp_path / "frames.parquet", columns, tables.frames_schema(DIM))
        tables.write_table(tmp_path / "matches.parquet", matches, tables.MATCHES)
        rng = np.random.default_rng(0)
        nulls = [match(f"n{i}", "content", "r", float(rng.normal(0.25, 0.02))) for i in range(null)]
        nulls = [{**row, "template": null_template(rng)} for row in nulls]
        nulls += [match(f"n{i}", "motion", "r", float(rng.normal(2, 0.3))) for i in range(null)]
        tables.write_table(tmp_path / "null.parquet", nulls, tables.MATCHES)
        prompts = [{"prompt_id": "p", "set": "video-duplicated", "source_ids": ["own"]}]
        tables.write_table(tmp_path / "prompts.parquet", prompts, tables.PROMPTS)
        write_metrics(
            videos=[tmp_path / "videos.parquet"],
            items=[tmp_path / "items.parquet"],
            frames=[tmp_path / "frames.parquet"],
            flow=[tmp_path / "flow.parquet"],
            matches=tmp_path / "matches.parquet",
            null_matches=tmp_path / "null.parquet",
            prompts=tmp_path / "prompts.parquet",
            settings=SETTINGS,
            out=tmp_path / "metrics.parquet",
        )
        return tables.read_table(tmp_path / "metrics.parquet")

    return run


def test_each_verdict_has_its_case(judge: Any) -> None:
    videos = [
        {"video_id": v, "prompt_id": "p", "seed": 0} for v in ("verbatim", "retrieved", "template", "motion", "none")
    ]
    matches = [
        match("verbatim", "content", "own", 0.9, own=True),
        match("verbatim", "motion", "own", 9.0),
        match("retrieved", "content", "other", 0.9),
        match("retrieved", "content", "own", 0.2, rank=0, own=True),
        match("retrieved", "motion", "other", 1.0),
        match("template", "content", "other", 0.24, template=0.5),
        match("template", "motion", "other", 9.0),
        match("motion", "content", "other", 0.24),
        match("motion", "motion", "other", 9.0),
        match("none", "content", "other", 0.24),
        match("none", "motion", "other", 2.0),
    ]
    flows = {v["video_id"]: moving("object") for v in videos}
    rows = {r["video_id"]: r for r in judge(videos, matches, flows).iter_rows(named=True)}
    assert {v: r["verdict"] for v, r in rows.items()} == {v: v for v in rows}
    assert rows["verbatim"]["own_first"] is True and rows["retrieved"]["own_first"] is False
    assert rows["retrieved"]["own_similarity"] == pytest.approx(0.2)
    assert rows["motion"]["motion_memorised"] and not rows["motion"]["content_memorised"]
    assert rows["template"]["template_memorised"] and rows["template"]["motion_memorised"], "a part is more than motion"
    assert rows["template"]["template_p_value"] < 0.02 and not rows["motion"]["template_memorised"]
    assert rows["verbatim"]["content_p_value"] < 1e-4 < 0.2 < rows["none"]["content_p_value"]
    assert rows["verbatim"]["content_q_value"] >= rows["verbatim"]["content_p_value"]
    assert rows["verbatim"]["content_threshold"] == pytest.approx(0.29 - LEVEL, abs=0.03)
    assert rows["verbatim"]["content_score"] == pytest.approx(0.9 - LEVEL) != rows["verbatim"]["gsscd_max"]
    assert rows["verbatim"]["prompt_set"] == "video-duplicated"


@pytest.mark.parametrize(("kind", "reason"), [("still", "still"), ("pan", "camera"), ("object", None)])
def test_natural_motion_is_no_evidence_however_high_it_scores(judge: Any, kind: str, reason: str | None) -> None:
    rows = judge(
        [{"video_id": "v"}],
        [match("v", "content", "r", 0.1), match("v", "motion", "r", 9.0)],
        {"v": moving(kind)},
    )
    row = rows.row(0, named=True)
    assert (row["natural_motion"], row["natural_reason"]) == (reason is not None, reason)
    assert row["motion_memorised"] == (reason is None)


def test_a_movement_that_many_unrelated_clips_match_is_natural(judge: Any) -> None:
    matches = [match("v", "content", "r", 0.1), match("v", "motion", "r", 9.0, background=[8.0] * 5 + [0.0] * 25)]
    row = judge([{"video_id": "v"}], matches, {"v": moving("object")}).row(0, named=True)
    assert row["natural_reason"] == "common" and not row["motion_memorised"]


def test_ranges_in_time_are_given_on_both_sides(judge: Any) -> None:
    matches = [
        match("v", "content", "r", 0.9, gsscd_max=0.9, gsscd_k=0.8, vsscd=0.7, content_normalised=0.6),
        match("v", "motion", "r", 9.0, gen_start_s=0.0, ofs3=0.5, speed=1.25),
    ]
    row = judge([{"video_id": "v"}], matches, {"v": moving("object")}).row(0, named=True)
    found = {name.removeprefix("content_"): value for name, value in row.items() if name.endswith("_s")}
    content = ("gen_time_s", "ref_time_s", "gen_start_s", "gen_end_s", "ref_start_s", "ref_end_s")
    assert [found[name] for name in content] == [0.25, 0.5, 0.0, 0.625, 0.125, 0.75]
    motion = ("motion_gen_time_s", "motion_gen_end_s", "motion_ref_time_s", "motion_ref_end_s")
    assert [found[name] for name in motion] == [0.0, 0.625, 0.125, 0.75]
    scores = ("gsscd_max", "gsscd_k", "vsscd", "content_normalised", "gen_fraction", "ref_fraction")
    assert [row[name] for name in scores] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.25])
    assert [row[name] for name in ("ofs3", "speed", "ofs_residual")] == pytest.approx([0.5, 1.25, 0.9])


def test_the_part_of_a_frame_may_come_from_another_clip_than_the_best_match(judge: Any) -> None:
    place = {"template_gen_time_s": 0.5, "template_ref_time_s": 0.75, "template_map": MAP}
    matches = [
        match("v", "content", "best", 0.24, template=0.1),
        match("v", "content", "second", 0.23, rank=2, template=0.4, **place),
        match("v", "content", "third", 0.22, rank=3, template=0.3),
    ]
    row = judge([{"video_id": "v"}], matches, {}).row(0, named=True)
    assert row["verdict"] == "template" and row["content_ref_id"] == "best"
    assert row["template_ref_id"] == "second" and row["template_score"] == pytest.approx(0.4)
    assert (row["template_gen_time_s"], row["template_ref_time_s"]) == (0.5, 0.75)
    assert [None if v is None or np.isnan(v) else v for v in row["template_map"]] == [1.0, 0.25, None, 0.0]
    assert row["template_q_value"] == row["template_p_value"] <= 1 / 101


def test_of_a_prompts_own_clips_outside_the_best_only_one_may_give_the_part(judge: Any) -> None:
    matches = [
        match("v", "content", "best", 0.24, template=0.05),
        match("v", "content", "a", 0.2, rank=0, own=True, template=0.2),
        match("v", "content", "b", 0.1, rank=0, own=True, template=0.9),
    ]
    row = judge([{"video_id": "v"}], matches, {}).row(0, named=True)
    assert row["template_ref_id"] == "a", "null videos have no own clips, so many of them would not be a fair look"


@pytest.mark.parametrize("score", [0.02, 0.14])
def test_null_videos_that_share_nothing_make_no_cell_evidence(judge: Any, score: float) -> None:
    matches = [match("v", "content", "r", 0.1, template=score)]
    row = judge([{"video_id": "v"}], matches, {}, null_template=lambda rng: 0.0).row(0, named=True)
    assert row["template_threshold"] == 0.15 and not row["template_memorised"] and row["verdict"] == "none"
    assert row["template_p_value"] == pytest.approx(1 / 101), "counted, not extrapolated"


def test_the_template_threshold_follows_null_videos_that_share_more(judge: Any) -> None:
    matches = [match("v", "content", "r", 0.1, template=0.35)]
    row = judge([{"video_id": "v"}], matches, {}, null_template=lambda rng: float(rng.uniform(0.2, 0.4)))
    assert 0.35 < row["template_threshold"][0] <= 0.4 and not row["template_memorised"][0]


def test_matches_without_pictures_give_no_template(judge: Any) -> None:
    row = judge([{"video_id": "v"}], [match("v", "content", "r", 0.1, template=None)], {}).row(0, named=True)
    assert row["template_memorised"] is False and row["template_score"] is None and row["verdict"] == "none"


def test_a_video_shorter_than_the_window_is_not_judged_by_its_motion(judge: Any) -> None:
    matches = [
        match(v, kind, "r", score)
        for v in ("short", "long")
        for kind, score in (("content", 0.1), ("motion", 9.0))
    ]  # fmt: skip
    flows = {"short": moving("object")[:4], "long": moving("object")}
    videos = [{"video_id": "short"}, {"video_id": "long"}]
    rows = {r["video_id"]: r for r in judge(videos, matches, flows).iter_rows(named=True)}
    short = rows["short"]
    assert short["natural_reason"] == "shorter than the window: 4 of 5 fields"
    assert short["natural_motion"] and not short["motion_memorised"] and short["verdict"] == "none"
    assert short["mean_flow"] > 0.02 and short["content_score"] is not None
    assert rows["long"]["verdict"] == "motion"


def test_seeds_that_agree_are_counted_whatever_the_corpus_holds(judge: Any) -> None:
    same, other = np.eye(DIM)[[0, 1]], np.eye(DIM)[[2, 3]]
    videos = [{"video_id": v, "prompt_id": p, "seed": n} for n, (v, p) in enumerate(
        [("a", "p"), ("b", "p"), ("c", "p"), ("alone", "q"), ("nobody", None)])]  # fmt: skip
    frames = {"a": same, "b": same, "c": other, "alone": same, "nobody": same}
    matches = [match(v, "content", "r", 0.1) for v in frames]
    rows = {r["video_id"]: r for r in judge(videos, matches, {}, frames=frames).iter_rows(named=True)}
    found = {v: (r["agreement"], r["clique_size"]) for v, r in rows.items()}
    assert found == {"a": (0.5, 2), "b": (0.5, 2), "c": (0.0, 1), "alone": (None, None), "nobody": (None, None)}
    assert {r["verdict"] for r in rows.values()} == {"none"}


def test_a_video_without_flow_has_no_motion(judge: Any) -> None:
    row = judge([{"video_id": "v"}], [match("v", "content", "r", 0.9)], {}).row(0, named=True)
    assert row["content_memorised"] and not row["motion_memorised"] and row["natural_reason"] == "no flow"
    assert row["motion_score"] is None


def test_with_too_few_null_videos_the_customary_threshold_holds_and_no_rate_is_stated(
    judge: Any, tmp_path: Path
) -> None:
    matches = [match("v", "content", "r", 0.45), match("v", "motion", "r", 9.0, ofs_residual=0.6)]
    row = judge([{"video_id": "v"}], matches, {"v": moving("object")}, null=5).row(0, named=True)
    assert row["content_threshold"] == 0.5 and not row["content_memorised"] and row["content_p_value"] is None
    assert 0.89 <= row["motion_threshold"] <= 0.95, "the few null clips' windows score 0.9 as well"
    assert row["motion_score"] == pytest.approx(0.6) and not row["motion_memorised"]
    assert tables.read_made_by(tmp_path / "metrics.parquet")["content"]["fpr"] is None


def test_lost_videos_keep_a_row_with_the_reason(judge: Any) -> None:
    videos = [
        {"video_id": "a", "status": "failed", "reason": "truncated"},
        {"video_id": "b"},
        {"video_id": "c"},
    ]
    rows = judge(videos, [], {}, lost={"b": "no usable frame"})
    assert rows.select("video_id", "status", "reason").rows() == [
        ("a", "failed", "truncated"),
        ("b", "skipped", "no usable frame"),
        ("c", "failed", "no features: the video is in no feature table"),
    ]
    assert rows["verdict"].null_count() == 3


def test_calibration_describes_itself_as_plain_data() -> None:
    found = calibrate(np.linspace(0.1, 0.3, 50), fpr=0.01, min_null=20, customary=0.5).describe()
    assert found["fpr"] == 0.01 and found["null_videos"] == 50 and len(found["null_scores"]) == 50
    assert found["threshold"] > 0.3


def test_null_clips_that_resemble_the_corpus_cannot_raise_the_line_above_an_identical_copy() -> None:
    found = calibrate(np.linspace(0.2, 0.99, 50), fpr=0.01, min_null=20, customary=0.5, ceiling=0.95)
    assert (found.threshold, found.fpr) == (0.95, None)


def test_few_null_clips_can_raise_the_customary_threshold_but_not_lower_it() -> None:
    alike = calibrate(np.array([0.75, 0.78, 0.74]), fpr=0.01, min_null=20, customary=0.5, ceiling=0.95)
    assert 0.78 < alike.threshold <= 0.95 and alike.fpr is None
    apart = calibrate(np.array([0.1, 0.12, 0.11]), fpr=0.01, min_null=20, customary=0.5, ceiling=0.95)
    assert apart.threshold == 0.5
    assert calibrate(np.array([]), fpr=0.01, min_null=20, customary=0.5).threshold == 0.5


def test_content_is_judged_plainly_where_a_video_was_held_against_no_background(judge: Any) -> None:
    videos = [{"video_id": v, "prompt_id": "p", "seed": n} for n, v in enumerate("ab")]
    matches = [match("a", "content", "r", 0.9, content_normalised=None), match("b", "content", "r", 0.25)]
    rows = judge(videos, matches, {}).sort("video_id")
    assert rows["content_score"].to_list() == pytest.approx([0.9, 0.25])
    assert rows["content_memorised"].to_list() == [True, False]


def test_what_resembles_everything_is_less_evidence(judge: Any) -> None:
    videos = [{"video_id": v, "prompt_id": "p", "seed": n} for n, v in enumerate("ab")]
    matches = [match(v, "content", "r", 0.6, content_normalised=s) for v, s in (("a", 0.05), ("b", 0.4))]
    rows = judge(videos, matches, {}).sort("video_id")
    assert rows["gsscd_max"].to_list() == pytest.approx([0.6, 0.6])
    assert rows["content_memorised"].to_list() == [False, True]
