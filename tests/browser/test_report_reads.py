"""The report for everyone: screen readers, the dark, a phone, and paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import Open

SERIOUS = {"serious", "critical"}
A4_BETWEEN_MARGINS = 695  # pixels of 1/96 inch: 210 mm less 26


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "prompts/index.html", "prompts/p1.html", "compare.html"])
def test_axe_finds_nothing_serious(report: Path, browse: Open, name: str, scheme: str) -> None:
    page = browse(report / name, color_scheme=scheme, bypass_csp=True).page
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    found = Axe().run(page).response["violations"]
    serious = [f"{v['id']}: {[n['html'][:120] for n in v['nodes'][:3]]}" for v in found if v["impact"] in SERIOUS]
    assert serious == []


def test_players_and_findings_have_names(report: Path, browse: Open) -> None:
    page = browse(report / "index.html").page
    card = page.locator(".card:visible").first
    tree = card.aria_snapshot()
    for said in ("article", "Play both in step", "Speed", "Frame", "Link to finding 1", "over time: "):
        assert said in tree
    unnamed = page.eval_on_selector_all(
        "button, input, select",
        "e => e.filter(x => !(x.ariaLabel || x.textContent.trim() || (x.labels || []).length)).length",
    )
    assert unnamed == 0


def test_the_dark_scheme_is_dark_and_plots_follow_it(report: Path, browse: Open) -> None:
    ink = """() => {
      const of = (name) => getComputedStyle(document.querySelector(name));
      return [of("body").backgroundColor, of("body").color, of(".plot text").fill];
    }"""
    grounds = {}
    for scheme in ("light", "dark"):
        colours = browse(report / "index.html", color_scheme=scheme).page.evaluate(ink)
        grounds[scheme] = [sum(map(int, c[c.index("(") + 1 : -1].split(",")[:3])) / 3 for c in colours]
    assert grounds["light"][0] > 230 > 60 > grounds["light"][1]
    assert grounds["dark"][0] < 60 < 200 < grounds["dark"][1]
    assert grounds["dark"][2] > 140 > grounds["light"][2]


def test_a_phone_can_filter_and_play(report: Path, browse: Open) -> None:
    page = browse(report / "index.html", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).page
    page.select_option("#f-model", "planted")
    card = page.locator(".card:visible").first
    button = card.get_by_role("button", name="Play both in step").first
    box = button.bounding_box()
    assert box is not None and box["height"] >= 32 and box["x"] + box["width"] <= 390
    button.tap()
    page.wait_for_function("v => !v.paused", arg=card.locator("video").first.element_handle())
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("name", ["index.html", "prompts/index.html", "prompts/p1.html", "compare.html"])
def test_on_paper_no_table_is_cut_off(report: Path, browse: Open, name: str) -> None:
    """A4 between its margins: nothing is wider than the page, for paper can't be scrolled."""
    page = browse(report / name, viewport={"width": A4_BETWEEN_MARGINS, "height": 1000}).page
    page.emulate_media(media="print")
    wide = "e => e.filter(x => x.scrollWidth > x.clientWidth + 1).map(x => x.getAttribute('aria-labelledby'))"
    assert page.eval_on_selector_all(".scroll", wide) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_BETWEEN_MARGINS


def test_on_paper_frames_stand_in_for_films_and_controls_are_gone(report: Path, browse: Open) -> None:
    page = browse(report / "index.html").page
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".card:visible").count() == page.locator("#cards > *").count() > 20
    assert page.locator(".frames img:visible").count() > 20
    for gone in ("#filters", ".player", ".controls", "header nav"):
        assert page.locator(gone).locator("visible=true").count() == 0, gone
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator(".card:visible").count() == 20
    assert len(page.pdf()) > 50_000
