"""What stands more than once in the corpus, as the report tells it: counts by evidence, groups, and their pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from bs4 import BeautifulSoup, Tag
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from report_world import HOSTILE_REASON, World, frames_of

from vidmem import tables
from vidmem.plan import Plan
from vidmem.report.build import build_report
from vidmem.report.inputs import FeatureFiles, ReportInputs
from vidmem.report.repeats import EVIDENCE, GROUPS, MOST_MEMBERS, repeat_tables, repeated
from vidmem.report.thumbs import SIDE

SETTINGS: dict[str, Any] = {"findings": 2, "strip_frames": 4, "strip_width": 64, "clip_width": 64, "prompt_pages": 1}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    made = World(tmp_path_factory.mktemp("world"), per_prompt=1)
    made.repeats(HOSTILE_REASON)
    return made.inputs({"planted": made.model("planted", hits=2)})


@pytest.fixture(scope="module")
def report(inputs: ReportInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "report"
    build_report(inputs, SETTINGS, out)
    return out


def section(folder: Path) -> Tag:
    found = BeautifulSoup((folder / "index.html").read_text("utf-8"), "html.parser").find(id="corpus")
    assert isinstance(found, Tag)
    return found


def test_items_are_counted_by_evidence_and_what_is_not_known_apart(inputs: ReportInputs) -> None:
    rows = repeat_tables(inputs)["duplicates"].to_dicts()
    assert {r["evidence"]: (r["items"], r["unknown"], r["most"]) for r in rows} == {
        "same_caption_same_video": (6, 0, 3),
        "same_caption_other_video": (5, 0, 4),  # four copies of item2 beside item3, and item3 beside them
        "other_caption_same_video": (0, 0, 0),
        "same_motion_other_video": (7, 1, 6),
        "semantic_neighbours": (0, 8, None),
    }


def test_every_component_of_more_than_one_item_is_in_the_table_the_largest_first(inputs: ReportInputs) -> None:
    rows = repeat_tables(inputs)["repeats"]
    assert rows.rows() == [
        ("content", "item2-0", 4, 1, 1),
        ("content", "item1-0", 2, 1, 1),
        ("caption", "item2-0", 5, 1, 2),
        ("caption", "item1-0", 2, 1, 1),
        ("motion", "item1-0", 7, 2, 3),
    ]


def test_the_page_says_what_the_tables_say(report: Path) -> None:
    shown = section(report)
    lines = {
        str(row.th.text): [cell.text for cell in row.find_all("td")]
        for row in shown.select('[aria-labelledby="repeats"] tbody tr')
    }
    kept = pl.read_parquet(report / "tables" / "duplicates.parquet").to_dicts()
    assert lines == {
        EVIDENCE[r["evidence"]]: [str(r["items"]), "–" if r["most"] is None else str(r["most"]), str(r["unknown"])]
        for r in kept
    }
    groups = {name: [p.text for p in shown.select(f".kind-{name} > li > p")] for name in GROUPS}
    assert groups == {
        "content": ["4 items under 1 caption", "2 items under 1 caption"],
        "caption": ["5 items of 2 videos under 1 caption"],
        "motion": ["7 items of 3 videos under 2 captions"],
    }
    members = [" ".join(p.text.split()) for p in shown.select(".kind-motion .refs p")]
    assert members == ["=1+1 a train leaves 4 ×", "a red kite over wet sand 2 ×", "two dancers, one lamp 1 ×"]
    assert HOSTILE_REASON in shown.text and not shown.find("script")


def test_each_file_has_one_row_of_pictures_and_every_picture_lies_on_the_sheet(report: Path) -> None:
    pictures = section(report).select("svg.strip")
    tops = {int(str(p["viewbox"]).split()[1]) for p in pictures}
    with Image.open(report / "media" / "repeats.webp") as sheet:
        assert sheet.height == SIDE * len(tops) == SIDE * 3
        assert max(tops) + SIDE <= sheet.height
    assert len(pictures) == 2 + 2 + 3


@pytest.mark.parametrize(("how", "seen"), [("omit", False), ("blur", True)])
def test_pictures_are_withheld_or_blurred_as_the_report_is_told(
    inputs: ReportInputs, tmp_path: Path, how: str, seen: bool
) -> None:
    rng = np.random.default_rng(5)
    noise = frames_of([f"item{i}-0" for i in range(4)])
    noise["picture"] = [rng.bytes(tables.PICTURE_BYTES) for _ in noise["picture"]]
    tables.write_table(tmp_path / "frames.parquet", noise, tables.frames_schema(4))
    asked = replace(inputs, features={"corpus": FeatureFiles(frames=[tmp_path / "frames.parquet"])})
    spread: dict[str, float | None] = {}
    for references in ("show", how):
        (tmp_path / references / "media").mkdir(parents=True)
        found = repeated(asked, repeat_tables(asked), {"references": references}, tmp_path / references)
        assert found is not None and found["groups"]["content"]
        sheet = tmp_path / references / "media" / "repeats.webp"
        spread[references] = _spread(sheet) if sheet.exists() else None
    assert (spread[how] is not None) is seen
    assert not seen or float(spread[how] or 0) < float(spread["show"] or 0) / 3


def _spread(sheet: Path) -> float:
    """Standard deviation of the grey levels of the first picture."""
    return float(np.asarray(Image.open(sheet).convert("L"))[:SIDE, :SIDE].std())


def test_an_audit_that_told_duplicates_by_captions_says_so(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    build_report(world.inputs({"m": world.model("m", hits=1)}), SETTINGS, tmp_path / "report")
    assert "by equal captions and equal files alone" in section(tmp_path / "report").text
    assert not list((tmp_path / "report" / "tables").glob("repeats.*"))


def test_a_corpus_in_which_nothing_stands_twice_says_so(tmp_path: Path) -> None:
    world = World(tmp_path / "w", per_prompt=1)
    lone = [{"item_id": "item0-0", "content_component": "item0-0", "content_component_size": 1, "status": "ok"}]
    tables.write_table(tmp_path / "d.parquet", lone, tables.DUPLICATES, {"semantic": "looked for"})
    world.duplicates = tmp_path / "d.parquet"
    build_report(world.inputs({"m": world.model("m", hits=1)}), SETTINGS, tmp_path / "report")
    assert "No two items show the same, say the same or move the same." in section(tmp_path / "report").text
    assert not (tmp_path / "report" / "media" / "repeats.webp").exists()


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_groups_do_not_hang_on_the_order_of_the_rows(
    tmp_path_factory: pytest.TempPathFactory, inputs: ReportInputs, videos: list[int], shuffled: Any
) -> None:
    """Against a count by hand of items that share a video."""
    names = [f"i{n:02d}" for n in range(len(videos))]
    first = {v: min(n for n, w in zip(names, videos, strict=True) if w == v) for v in videos}
    rows = [
        {"item_id": n, "content_component": first[v], "content_component_size": videos.count(v), "status": "ok"}
        for n, v in zip(names, videos, strict=True)
    ]
    shuffled.shuffle(rows)
    path = tmp_path_factory.getbasetemp() / "shuffled.parquet"
    tables.write_table(path, rows, tables.DUPLICATES)
    found = repeat_tables(replace(inputs, duplicates=path))["repeats"]
    wanted = sorted((-videos.count(v), first[v]) for v in set(videos) if videos.count(v) > 1)
    assert found.select("items", "component").rows() == [(-n, name) for n, name in wanted]


def test_a_group_shows_few_members(inputs: ReportInputs, tmp_path: Path) -> None:
    rows = [
        {"item_id": f"i{n:02d}", "prompt_id": f"p{n % 9}", "content_component": "i00", "content_component_size": 20}
        | {"status": "ok"}
        for n in range(20)
    ]
    tables.write_table(tmp_path / "d.parquet", rows, tables.DUPLICATES)
    asked = replace(inputs, duplicates=tmp_path / "d.parquet")
    found = repeated(asked, repeat_tables(asked), {}, tmp_path)
    assert found is not None
    (group,) = found["groups"]["content"]
    assert (group.items, group.captions, group.videos) == (20, 9, 1)
    assert [(m.item_id, m.times) for m in group.members] == [("i00", 3), ("i01", 3), ("i02", 2)][:MOST_MEMBERS]


def test_the_plan_hands_over_the_table_where_there_is_one() -> None:
    base: dict[str, Any] = {"audit": "a", "corpus": {"kind": "made"}, "models": {"p": {"kind": "planted"}}}
    asked = {"prompts": {"evidence": ["caption", "content"]}}
    assert Plan({**base, **asked}).report_files()["duplicates"] == "results/a/duplicates/corpus.parquet"
    assert Plan({**base, "prompts": {"evidence": ["caption"]}}).report_files()["duplicates"] is None
