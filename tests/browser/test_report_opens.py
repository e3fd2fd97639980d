"""The report in a real browser, opened from disk: it draws, fetches nothing, and lets no caption run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Open
from PIL import Image
from report_world import HOSTILE

PAGES = ("index.html", "prompts/index.html", "prompts/p0.html", "compare.html")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_disk_without_complaint_or_network(report: Path, browse: Open, name: str) -> None:
    opened = browse(report / name)
    for film in opened.page.locator("video:visible").all():
        film.evaluate("v => { v.preload = 'auto'; }")
    opened.page.wait_for_load_state("networkidle")
    assert opened.complaints == []
    assert opened.page.locator("h1").inner_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_hostile_caption_stays_text(report: Path, browse: Open, name: str) -> None:
    opened = browse(report / name)
    text = " ".join(HOSTILE.split())
    assert opened.page.get_by_text(text[:60]).count() > 0
    assert opened.page.locator("script").count() == (1 if name.endswith("index.html") else 0)
    assert opened.page.locator("img[src=x]").count() == 0
    assert not [c for c in opened.complaints if c.startswith("dialog")]


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_stops_what_a_caption_could_bring(report: Path, browse: Open, name: str) -> None:
    opened = browse(report / name)
    opened.page.evaluate(
        """() => {
          const main = document.querySelector("main");
          main.insertAdjacentHTML("beforeend", "<img src=nothing.png onerror='window.ran = 1'>");
          const script = document.createElement("script");
          script.textContent = "window.ran = 2";
          document.body.append(script);
          fetch("https://example.org/").catch(() => undefined);
        }"""
    )
    opened.page.wait_for_timeout(300)
    assert opened.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in c for c in opened.complaints)
    assert not [c for c in opened.complaints if c.startswith("net:")]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_drawn_and_no_wider_than_the_window(report: Path, browse: Open, tmp_path: Path, width: int) -> None:
    for name in PAGES:
        page = browse(report / name, viewport={"width": width, "height": 844}).page
        assert page.evaluate("document.documentElement.scrollWidth") == width, name
        page.screenshot(path=tmp_path / "page.png")
        pixels = np.asarray(Image.open(tmp_path / "page.png").convert("L"), float)
        assert pixels.std() > 5 and len(np.unique(pixels)) > 50


def test_without_scripts_everything_is_there(report: Path, browse: Open) -> None:
    page = browse(report / "index.html", java_script_enabled=False).page
    assert page.locator(".card:visible").count() == page.locator(".card").count() > 20
    assert page.locator("#cards > noscript > .card").count() == page.locator(".card").count() - 20
    assert page.locator("video[controls]").count() > 20
    assert not page.locator("#filters").is_visible()
