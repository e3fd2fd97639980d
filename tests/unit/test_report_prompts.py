"""A page a prompt: every model and seed, small pictures from the features, and what there is no page for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from report_world import HOSTILE, World

from vidmem import tables
from vidmem.report.build import build_report
from vidmem.report.files import make_tables
from vidmem.report.prompt_pages import prompts_of
from vidmem.report.thumbs import MOMENTS, SIDE, coloured, thumbs_of

SETTINGS: dict[str, Any] = {"findings": 4, "strip_frames": 4, "strip_width": 64, "clip_width": 64}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Any]:
    made = World(tmp_path_factory.mktemp("world"), per_prompt=2)
    models = {"planted": made.model("planted", hits=6), "folder": made.model("folder", hits=2, prompts=False)}
    return made, made.inputs(models)


@pytest.fixture(scope="module")
def report(world: tuple[World, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "report"
    build_report(world[1], SETTINGS | {"prompt_pages": 3}, out)
    return out


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_a_page_holds_all_models_and_seeds_with_the_numbers_of_the_table(report: Path) -> None:
    videos = pl.read_parquet(report / "tables" / "videos.parquet")
    pages = sorted((report / "prompts").glob("p?.html"))
    assert len(pages) == 3
    for page in pages:
        mine = videos.filter(pl.col("prompt_id") == page.stem)
        lines = soup(page).select("table.seeds tbody tr")
        assert len(lines) == len(mine) == 2
        for line in lines:
            row = mine.filter((pl.col("model") == line.th.text) & (pl.col("seed") == int(line.select("td")[0].text)))
            cells = [td.get_text(" ", strip=True) for td in line.select("td")]
            for kind, cell in zip(("content", "template", "motion"), cells[3:6], strict=True):
                score, threshold = row[f"{kind}_score"][0], row[f"{kind}_threshold"][0]
                assert cell == f"{score:.3f} {'≥' if score >= threshold else '<'} {threshold:.3f}"
            assert cells[2] == row["verdict"][0]


def test_pictures_are_on_a_sheet_and_said_in_words(report: Path) -> None:
    page = soup(report / "prompts" / "p1.html")
    strips = page.select("svg.strip")
    assert len(strips) >= 3 and all(s["aria-label"] for s in strips)
    sheets = {s.image["href"] for s in strips}
    assert len(sheets) == 1
    with Image.open(report / "prompts" / sheets.pop()) as sheet:
        assert sheet.width == SIDE * MOMENTS and sheet.height == SIDE * len(strips)
    tops = [int(s["viewbox" if s.has_attr("viewbox") else "viewBox"].split()[1]) for s in strips]
    assert tops == [SIDE * n for n in range(len(strips))]


def test_findings_and_prompts_link_to_each_other(report: Path) -> None:
    ids = {c["id"] for c in soup(report / "index.html").select("article.card")}
    for page in (report / "prompts").glob("*.html"):
        for link in soup(page).select("a[href*='#finding-']"):
            assert link["href"].split("#")[1] in ids
    assert soup(report / "index.html").select("a[href^='prompts/p']")
    for link in soup(report / "index.html").select("a[href^='prompts/']"):
        assert (report / link["href"]).is_file()


def test_the_list_counts_every_prompt_and_links_those_with_a_page(report: Path) -> None:
    lines = soup(report / "prompts" / "index.html").select("#prompts tbody tr")
    assert len(lines) == 5  # four prompts, and the videos without one
    links = [line.a["href"] for line in lines if line.a]
    assert len(links) == 4 and links[-1] == "no-prompt.html"
    videos = pl.read_parquet(report / "tables" / "videos.parquet")
    assert sum(int(line.select("td.num")[1].text) for line in lines) == len(videos)
    called = [int(line.select("td.num")[2].text) for line in lines]
    assert sum(called) == int(videos["content_memorised"].sum())


def test_the_surest_prompt_is_first_and_a_hostile_one_is_text(world: tuple[World, Any], report: Path) -> None:
    found = prompts_of(world[1], make_tables(world[1])["videos"], 10)
    sure = [
        min((r[f"{k}_p_value"] for r in p.videos for k in ("content", "motion") if r[f"{k}_memorised"]), default=9)
        for p in found
        if p.prompt_id
    ]
    assert sure == sorted(sure)
    texts = [p.text for p in found]
    assert texts.count(HOSTILE) == 1 and texts[-1] is None
    listed = (report / "prompts" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in listed and "&lt;script&gt;alert" in listed


def test_a_small_picture_has_the_fine_grey_and_the_coarse_colour() -> None:
    fine = np.zeros((SIDE, SIDE), np.uint8)
    fine[:, ::2] = 200
    red = bytes([220, 30, 30]) * (tables.THUMBNAIL_BYTES // 3)
    picture = coloured(red, fine.tobytes()).astype(float)
    assert picture[..., 0].mean() > picture[..., 1].mean() + 40
    luma = picture @ [0.299, 0.587, 0.114]
    assert (luma[:, ::2].mean() - luma[:, 1::2].mean()) > 80


def test_pictures_are_few_and_in_order_and_missing_ones_are_none(world: tuple[World, Any]) -> None:
    found = thumbs_of(world[1], {"planted": {"planted-00", "nobody"}, "no such model": {"x"}})
    assert set(found) == {("planted", "planted-00")}
    assert len(found["planted", "planted-00"]) == MOMENTS


def test_left_out_references_have_no_pictures_on_prompt_pages(world: tuple[World, Any], tmp_path: Path) -> None:
    build_report(world[1], SETTINGS | {"references": "omit"}, tmp_path / "report")
    for page in (tmp_path / "report" / "prompts").glob("p*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"Moments of the reference", text) and "left out of this report" in text
