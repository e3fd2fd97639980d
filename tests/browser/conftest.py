"""One Chromium for all browser tests, and reports of a small audit whose captions are hostile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from report_world import HOSTILE, World

from vidmem.report.build import build_report
from vidmem.report.inputs import Side

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SETTINGS: dict[str, Any] = {
    "title": "Memorisation audit",
    "findings": 30,
    "strip_frames": 4,
    "strip_width": 64,
    "clip_width": 96,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip all of this folder where there is no browser."""
    skip = pytest.mark.skip(reason="no Chromium on this machine (Debian: apt install chromium)")
    for item in items:
        if BROWSER is None and Path(__file__).parent in item.path.parents:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page and what it did that it should not: messages on the console, errors, requests that are of no file."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def state(self) -> str:
        """The address after its file."""
        return str(self.page.evaluate("location.hash"))

    def count(self) -> str:
        """What the gallery says of how many findings fit."""
        return self.page.locator("#f-count").inner_text()


class Open:
    """Opens files in contexts of their own."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[Any] = []

    def __call__(self, path: Path, state: str = "", **context: Any) -> Opened:
        made = self._browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
        self._contexts.append(made)
        page = made.new_page()
        opened = Opened(page)
        page.on("console", lambda message: opened.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: opened.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: opened.complaints.append(f"dialog: {dialog.message}"))
        page.on("requestfailed", lambda request: opened.complaints.append(f"failed: {request.url}"))
        page.on("request", lambda r: None if r.url.startswith("file:") else opened.complaints.append(f"net: {r.url}"))
        page.goto(path.as_uri() + state)
        return opened

    def close(self) -> None:
        """Close all that was opened."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Open]:
    opener = Open(chromium)
    yield opener
    opener.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two models, one without prompts, with 22 findings and a dataset of a hostile name."""
    made = World(tmp_path_factory.mktemp("world"))
    made.dataset, made.beside = HOSTILE, {"later": made.root / "later.parquet"}
    made.sized("planted")
    made.repeats()
    models = {
        "planted": made.model("planted", hits=12),
        "my-folder": made.model("my-folder", hits=12, known=False, prompts=False),
    }
    rates = {kind: (0.5, 0.25) for kind in ("content", "template", "motion", "content_fidelity", "text_fidelity")}
    rest = ("usable", "sharpness", "consistency", "dynamics", "diversity", "frechet", "denoiser_calls")
    made.mitigated("planted", {"planted.amg.1": {**rates, **dict.fromkeys(rest, (0.9, 0.8))}})
    out = tmp_path_factory.mktemp("report")
    sides = [Side(name, {"planted": models["planted"].metrics}) for name in ("tiny", HOSTILE)]
    build_report(replace(made.inputs(models), compare=sides), SETTINGS, out / "report", out / "summary.json")
    return out / "report"
