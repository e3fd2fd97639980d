"""The gallery in use: filters, pages, links to one finding, keys, and both sides of a match playing in step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import SETTINGS, Open, Opened
from PIL import Image
from report_world import FPS, FRAMES, World

from vidmem.media import write_video
from vidmem.report.build import build_report

SIDE = 48
AHEAD = round(0.25 * FPS)  # frames: what matches at 0.25 s of a video is 0.5 s of its reference


def shown(opened: Opened) -> list[str]:
    return [str(card.get_attribute("id")) for card in opened.page.locator(".card:visible").all()]


def listed(opened: Opened) -> int:
    """Findings on the page, those of later pages among them, which are text until they are turned to."""
    return opened.page.locator("#cards > *").count()


def focused(opened: Opened) -> str:
    return str(opened.page.evaluate("document.activeElement.id"))


def test_filters_change_the_count_and_clear_brings_all_back(report: Path, browse: Open) -> None:
    opened = browse(report / "index.html")
    page, all_ = opened.page, opened.count()
    total = listed(opened)
    assert all_ == f"{total} of {total} fit, page 1 of 2" and len(shown(opened)) == 20
    page.select_option("#f-model", "my-folder")
    fewer = page.locator("#cards > [data-model=my-folder]").count()
    assert opened.count() == f"{fewer} of {total} shown" and len(shown(opened)) == fewer
    page.select_option("#f-kind", "content")
    page.fill("#f-min", "0.85")
    scores = page.eval_on_selector_all(
        ".card:not([hidden])", "c => c.map(e => Number(e.dataset.scores.match(/content:([^ ]+)/)[1]))"
    )
    assert scores and min(scores) >= 0.85
    page.fill("#f-q", "no caption holds this")
    assert opened.count() == f"0 of {total} shown" and page.locator("#f-none").is_visible()
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function("document.getElementById('f-count').textContent.includes('page 1')")
    assert opened.count() == all_
    assert opened.complaints == []


def test_a_set_and_an_order_can_be_chosen(report: Path, browse: Open) -> None:
    opened = browse(report / "index.html")
    surest = shown(opened)
    opened.page.select_option("#f-set", "control")
    assert set(opened.page.eval_on_selector_all(".card:not([hidden])", "c => c.map(e => e.dataset.set)")) == {"control"}
    opened.page.select_option("#f-set", "")
    opened.page.select_option("#f-sort", "least")
    assert shown(opened)[0] != surest[0] and "sort=least" in opened.state()
    opened.page.select_option("#f-sort", "")
    assert shown(opened) == surest


def test_a_link_restores_the_finding_its_page_and_the_filters(report: Path, browse: Open) -> None:
    first = browse(report / "index.html")
    first.page.select_option("#f-sort", "least")
    first.page.get_by_role("button", name="Next page").click()
    wanted = shown(first)[1]
    first.page.locator(f"#{wanted} a.permalink").click()
    state = first.state()
    assert state.startswith(f"#{wanted}") and "sort=least" in state and "page=2" in state
    again = browse(report / "index.html", state)
    assert focused(again) == wanted
    assert shown(again) == shown(first) and again.count() == first.count()
    assert again.page.input_value("#f-sort") == "least"
    above = "id => Math.abs(document.getElementById(id).getBoundingClientRect().top) < 100"
    again.page.wait_for_function(above, arg=wanted)  # scrolling is smooth


def test_a_link_with_filters_that_hide_the_finding_still_shows_it(report: Path, browse: Open) -> None:
    opened = browse(report / "index.html")
    planted = opened.page.locator(".card[data-model=planted]").first.get_attribute("id")
    again = browse(report / "index.html", f"#{planted}&model=my-folder")
    again.page.wait_for_function("id => document.activeElement.id === id", arg=planted)
    assert planted in shown(again)


def test_the_gallery_can_be_walked_with_keys_alone(report: Path, browse: Open) -> None:
    opened = browse(report / "index.html")
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('card')"):
            break
    ids = shown(opened)
    assert focused(opened) == ids[0] and opened.state().startswith(f"#{ids[0]}")
    page.keyboard.press("ArrowDown")
    assert focused(opened) == ids[1]
    page.keyboard.press("ArrowRight")
    film = page.locator(f"#{ids[1]} video").first
    page.wait_for_function("v => v.currentTime > 0", arg=film.element_handle())
    page.keyboard.press("Space")
    page.wait_for_function("v => !v.paused && v.currentTime > 0", arg=film.element_handle())
    page.keyboard.press("Space")
    assert film.evaluate("v => v.paused")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "permalink"
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Play both in step":
            break
    page.keyboard.press("Enter")
    page.wait_for_function("v => !v.paused", arg=film.element_handle())
    for _ in range(len(ids) - 2):
        page.locator(f"#{focused_card(opened)}").focus()
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")  # past the end of the first page
    assert "page=2" in opened.state() and focused(opened) == shown(opened)[0]
    assert opened.complaints == []


def focused_card(opened: Opened) -> str:
    return str(opened.page.evaluate("document.activeElement.closest('.card').id"))


def clock(ahead: int) -> np.ndarray:
    """A film whose frame k has a white column at place k + `ahead`: uint8 (FRAMES, SIDE, SIDE, 3)."""
    made = np.full((FRAMES, SIDE, SIDE, 3), 40, np.uint8)
    wide = SIDE // (FRAMES + AHEAD)
    for k in range(FRAMES):
        made[k, :, (k + ahead) * wide : (k + ahead + 1) * wide] = 250
    return made


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose videos and references bear the number of each of their frames."""
    world = World(tmp_path_factory.mktemp("clocks"), per_prompt=1)
    inputs = world.inputs({"planted": world.model("planted", hits=4)})
    for i in range(4):
        write_video(world.root / "planted" / "media" / f"{i}.mp4", clock(0), FPS)
        write_video(world.corpus / f"c{i}.mp4", clock(0), FPS)
    out = tmp_path_factory.mktemp("out") / "report"
    build_report(inputs, SETTINGS | {"clip_width": 192}, out)
    return out


def places(picture: Path) -> tuple[float, float]:
    """Numbers of the frames on show, left and right, by where the white columns are."""
    grey = np.asarray(Image.open(picture).convert("L"), float)
    band = grey[grey.shape[0] // 4 : grey.shape[0] // 3].mean(axis=0)
    half = len(band) // 2
    numbers = []
    for side in (band[: half - 2], band[half + 2 :]):
        bright = np.flatnonzero(side > 150)
        assert len(bright), "no column is on show"
        numbers.append(float(bright.mean()) / len(side) * (FRAMES + AHEAD) - 0.5)
    return numbers[0], numbers[1]


def test_both_videos_play_in_step_within_one_frame(clocks: Path, browse: Open, tmp_path: Path) -> None:
    opened = browse(clocks / "index.html", "#findings&kind=content")
    card = opened.page.locator(".card:visible").first
    film = card.locator("video").first
    film.scroll_into_view_if_needed()
    card.get_by_role("combobox", name="Speed").first.select_option("0.25")
    card.get_by_role("button", name="Play both in step").first.click()
    opened.page.wait_for_function("v => v.currentTime > 0", arg=film.element_handle())
    seen = []
    for n in range(5):
        film.screenshot(path=tmp_path / f"{n}.png")
        seen.append(places(tmp_path / f"{n}.png"))
        opened.page.wait_for_timeout(150)
    assert len({round(left) for left, _ in seen}) >= 3, "the videos did not move"
    assert all(abs(right - left - AHEAD) <= 1 for left, right in seen), seen
    card.get_by_role("button", name="Pause both").first.click()
    cursor = card.locator(".cursor").first
    before = cursor.get_attribute("transform")
    card.get_by_role("button", name="One frame on").first.click()
    opened.page.wait_for_function(
        "([c, was]) => c.getAttribute('transform') !== was", arg=[cursor.element_handle(), before]
    )
    assert opened.complaints == []


def test_what_is_on_screen_plays_when_asked_and_stops(clocks: Path, browse: Open) -> None:
    page = browse(clocks / "index.html", "#findings&kind=content").page
    film = page.locator(".card:visible video").first
    film.scroll_into_view_if_needed()
    page.wait_for_function("v => v.dataset.seen === '1'", arg=film.element_handle())
    page.get_by_label("Play what is on screen").check()
    page.wait_for_function("v => !v.paused", arg=film.element_handle())
    page.get_by_label("Play what is on screen").uncheck()
    page.wait_for_function("v => v.paused", arg=film.element_handle())
