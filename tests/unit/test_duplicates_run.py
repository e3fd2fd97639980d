"""The table of duplicates: one row an item, evidence by kind, and what is not known is null."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_duplicates_content import unit, write_frames
from test_duplicates_motion import GRID, again, wandering, write_flow

from vidmem import tables
from vidmem.config.duplicates import Duplicates
from vidmem.duplicates import write_duplicates
from vidmem.duplicates.run import relations
from vidmem.text import prompt_id

CAPTION = "A cyclist waits beside a bus in heavy city traffic, static shot"
NEARLY = "A cyclist waits beside the bus in heavy city traffic. Static shot"
OTHER = "Waves break on a rocky shore below a lighthouse"

labels = st.lists(st.tuples(*[st.integers(-1, 2)] * 3), min_size=1, max_size=12)


@given(labels)
def test_relations_count_the_others(rows: list[tuple[int, int, int]]) -> None:
    found = relations(*(np.array(column) for column in zip(*rows, strict=True)))
    for n, (caption, content, motion) in enumerate(rows):
        others = [row for m, row in enumerate(rows) if m != n]
        same_caption = [c for t, c, _ in others if t == caption]
        known = caption >= 0 and content >= 0
        expected = {
            "same_caption_same_video": same_caption.count(content) if known else None,
            "same_caption_other_video": len(same_caption) - same_caption.count(content) if known else None,
            "other_caption_same_video": len([1 for t, c, _ in others if c == content and t not in (caption, -1)])
            if known
            else None,
            "same_motion_other_video": len([1 for _, c, m in others if m == motion and c != content])
            if motion >= 0 and content >= 0
            else None,
        }
        assert {name: column[n] for name, column in found.items()} == expected


def write_corpus(folder: Path) -> dict[str, Any]:
    """Seven items: a clip, its copy in bytes, in content, and in movement; a template; a still image; a broken file."""
    rows: Sequence[tuple[str, str | None, str | None, str, str | None]] = (
        ("b-clip", CAPTION, "b-clip", "ok", None),
        ("a-bytes", CAPTION, "b-clip", "ok", None),
        ("c-copy", OTHER, "c-copy", "ok", None),
        ("d-template", NEARLY, "d-template", "ok", None),
        ("e-image", None, "e-image", "ok", None),
        ("f-broken", CAPTION, None, "skipped", "empty file"),
        ("g-black", OTHER, "g-black", "ok", None),
    )
    names = ("item_id", "caption", "same_as", "status", "reason")
    tables.write_table(folder / "corpus.parquet", [dict(zip(names, r, strict=True)) for r in rows], tables.MANIFEST)
    video, other, image = unit(0, 5), unit(1, 5), unit(2, 1)
    ids = ["b-clip"] * 5 + ["c-copy"] * 5 + ["d-template"] * 5 + ["e-image"]
    frames = write_frames(folder / "frames.parquet", ids, np.concatenate([video, video, other, image]))
    move = wandering(0, 12)
    flow = write_flow(folder / "flow.parquet", {"b-clip": move, "c-copy": move, "d-template": again(move, 1)})
    status = [{"video_id": n, "status": "ok"} for n in ("b-clip", "c-copy", "d-template", "e-image")]
    status.append({"video_id": "g-black", "status": "skipped", "reason": "no usable frame"})
    tables.write_table(folder / "items.parquet", status, tables.FEATURE_ITEMS)
    return {"manifest": folder / "corpus.parquet", "frames": [frames], "flow": [flow],
            "items": [folder / "items.parquet"]}  # fmt: skip


def duplicates(folder: Path, **changed: Any) -> pl.DataFrame:
    settings = {**Duplicates(semantic_limit=0).model_dump(), "grid": GRID, "still_floor": 0.02,
                "camera_explained": 0.95, **changed}  # fmt: skip
    write_duplicates(**write_corpus(folder), settings=settings, threads=1, out=folder / "out" / "corpus.parquet")
    return tables.read_table(folder / "out" / "corpus.parquet")


def test_every_item_has_a_row_with_its_evidence_by_kind(tmp_path: Path) -> None:
    found = {row["item_id"]: row for row in duplicates(tmp_path).iter_rows(named=True)}
    assert list(found) == ["b-clip", "a-bytes", "c-copy", "d-template", "e-image", "f-broken", "g-black"]
    clip = found["b-clip"]
    assert clip | {"prompt_id": None} == {
        "item_id": "b-clip", "corpus": None, "prompt_id": None, "caption_multiplicity": 2,
        "caption_component": "a-bytes", "caption_component_size": 3, "semantic_neighbours": None,
        "content_component": "a-bytes", "content_component_size": 3,
        "motion_component": "a-bytes", "motion_component_size": 4,
        "same_caption_same_video": 1, "same_caption_other_video": 1, "other_caption_same_video": 1,
        "same_motion_other_video": 1, "status": "ok", "reason": None,
    }  # fmt: skip
    assert clip["prompt_id"] == prompt_id(CAPTION)
    template = found["d-template"]
    assert (template["same_caption_same_video"], template["same_caption_other_video"]) == (0, 2)
    assert (template["other_caption_same_video"], template["same_motion_other_video"]) == (0, 3)
    assert template["caption_multiplicity"] == 1


def test_missing_evidence_is_null_with_a_reason(tmp_path: Path) -> None:
    found = {row["item_id"]: row for row in duplicates(tmp_path).iter_rows(named=True)}
    image = found["e-image"]
    assert image["prompt_id"] is image["caption_component"] is image["same_caption_same_video"] is None
    assert image["motion_component"] is image["same_motion_other_video"] is None
    assert (image["content_component"], image["content_component_size"]) == ("e-image", 1)
    broken = found["f-broken"]
    assert (broken["status"], broken["reason"], broken["prompt_id"]) == ("skipped", "empty file", prompt_id(CAPTION))
    assert all(broken[name] is None for name in broken if name.endswith(("component", "size", "video", "multiplicity")))
    black = found["g-black"]
    assert (black["status"], black["reason"]) == ("ok", "no features: no usable frame")
    assert (black["caption_multiplicity"], black["content_component_size"], black["motion_component"]) == (2, 1, None)


@pytest.mark.parametrize(("limit", "said"), [(1, "3 captions, semantic_limit is 1"), (3, "looked for")])
def test_semantic_neighbours_are_looked_for_up_to_a_limit(tmp_path: Path, limit: int, said: str) -> None:
    found = duplicates(tmp_path, semantic_limit=limit)
    known = found.filter(pl.col("caption_component").is_not_null())["semantic_neighbours"]
    assert known.null_count() == (len(known) if limit == 1 else 0)
    made_by = tables.read_made_by(tmp_path / "out" / "corpus.parquet")
    assert made_by["semantic"] == said
    assert made_by["motion_left_out"] == {"camera": 0, "short": 0, "still": 0}


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    duplicates(tmp_path)
    before = (tmp_path / "out" / "corpus.parquet").read_bytes()
    duplicates(tmp_path)
    assert (tmp_path / "out" / "corpus.parquet").read_bytes() == before
