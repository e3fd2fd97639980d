"""Ten thousand videos and two hundred findings: the page stays small, quick and paged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import SETTINGS, Open
from report_world import World

from vidmem import tables
from vidmem.report.build import build_report

VIDEOS, PROMPTS, FINDINGS = 10_000, 2_500, 200
INTERACTIVE_S = 2.0
ELEMENTS = 8_000  # at first: what costs the browser time, however fast it is


def grown(path: Path, schema: Any, times: int, key: str = "video_id") -> None:
    """The rows of a table `times` times over, each under ids of its own."""
    rows, made_by = tables.read_table(path), tables.read_made_by(path)
    parts = []
    for n in range(times):
        ids = {key: pl.col(key) + f"-{n}"}
        if "prompt_id" in rows.columns:
            ids["prompt_id"] = pl.col("prompt_id") + f"x{n % (PROMPTS // 4)}"
        parts.append(rows.with_columns(**ids))
    tables.write_table(path, pl.concat(parts), schema, made_by)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = World(tmp_path_factory.mktemp("large"))
    model = world.model("planted", hits=3)
    times = VIDEOS // 12 + 1
    inputs = world.inputs({"planted": model})
    grown(model.metrics, tables.METRICS, times)
    grown(model.videos[0].table, tables.VIDEOS, times)
    rows = tables.read_table(inputs.prompts)
    many = [rows.with_columns(prompt_id=pl.col("prompt_id") + f"x{n}") for n in range(PROMPTS // 4)]
    tables.write_table(inputs.prompts, pl.concat(many), tables.PROMPTS)
    out = tmp_path_factory.mktemp("out") / "report"
    small = {"clip_width": 64, "strip_width": 32, "strip_frames": 2}  # how many there are counts here, not how large
    build_report(inputs, SETTINGS | small | {"findings": FINDINGS, "prompt_pages": 20}, out)
    return out


def test_a_large_audit_is_interactive_in_two_seconds(large: Path, browse: Open) -> None:
    """The main thread's own time, from the address to a filter's answer: what else the machine does is not counted."""
    opened = browse(large / "index.html", "#rates")
    page = opened.page
    assert page.locator("#cards > *").count() == FINDINGS and page.locator(".card:visible").count() == 20
    assert page.locator("*").count() < ELEMENTS
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.reload()
    before = opened.count()
    page.select_option("#f-kind", "motion")
    assert opened.count() != before
    spent = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    assert 0 < spent["TaskDuration"] < INTERACTIVE_S, spent["TaskDuration"]
    assert opened.complaints == []


def test_media_come_when_they_are_near(large: Path, browse: Open) -> None:
    asked: list[str] = []
    opened = browse(large / "index.html")
    opened.page.on("request", lambda request: asked.append(request.url))
    opened.page.reload()
    opened.page.wait_for_load_state("networkidle")
    assert len([url for url in asked if url.endswith(".mp4")]) < 20
    films = sum(p.stat().st_size for p in (large / "media").glob("*.mp4"))
    assert films > 0


def test_all_prompts_are_listed_and_paged(large: Path, browse: Open) -> None:
    opened = browse(large / "prompts" / "index.html")
    page = opened.page
    assert page.locator("#prompts tbody tr").count() == PROMPTS
    assert page.locator("#prompts tbody tr:visible").count() == 50
    page.fill("#f-q", "red kite")
    assert opened.count() == f"{PROMPTS // 4} of {PROMPTS} fit"
    assert opened.complaints == []


def test_size_grows_with_findings_not_with_videos(large: Path) -> None:
    size = {name: sum(p.stat().st_size for p in (large / name).rglob("*")) for name in ("media", "prompts")}
    assert (large / "index.html").stat().st_size < 3_000_000
    assert size["media"] / FINDINGS < 25_000 and size["prompts"] < 2_500_000  # the demo weighs pictures of full size
