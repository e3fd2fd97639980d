"""The report in a real browser: it draws, its script runs under its own security policy, nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from report_world import HOSTILE, World

from vidmem.report.build import build_report

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SETTINGS = {"title": "Memorisation audit", "findings": 12, "strip_frames": 4, "strip_width": 64}

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = World(tmp_path_factory.mktemp("world"))
    made.dataset, made.beside = HOSTILE, {"later": made.root / "later.parquet"}
    inputs = made.inputs({"planted": made.model("planted", hits=6)})
    out = tmp_path_factory.mktemp("report")
    build_report(inputs, SETTINGS, out / "report", out / "summary.json")
    return out / "report" / "index.html"


def browse(page: Path, profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-sync",
        *quiet,
    ]
    extra = [f"--user-data-dir={profile}", "--enable-logging=stderr", *arguments, page.as_uri()]
    return subprocess.run([*command, *extra], text=True, capture_output=True, check=True, timeout=120)


def test_the_script_runs_and_hostile_captions_are_text(page: Path, tmp_path: Path) -> None:
    done = browse(page, tmp_path, "--virtual-time-budget=3000", "--dump-dom")
    dom = BeautifulSoup(done.stdout, "html.parser")
    assert HOSTILE.split()[0] in dom.get_text()
    assert len(dom.find_all("script")) == 1
    count = dom.find(id="f-count")
    assert count is not None and re.fullmatch(r"[1-9]\d* of \d+ shown", count.get_text()), "the script did not run"
    datasets = [th.get_text(" ", strip=True) for th in dom.select("#study tr.dataset th")]
    assert datasets == [" ".join(HOSTILE.split()) + " audit tiny", "later"]
    assert "CONSOLE" not in done.stderr, done.stderr[-2000:]


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_is_drawn(page: Path, tmp_path: Path, width: int) -> None:
    picture = tmp_path / "page.png"
    browse(page, tmp_path / "profile", f"--window-size={width},1600", f"--screenshot={picture}")
    pixels = np.asarray(Image.open(picture).convert("L"), float)
    assert pixels.shape == (1600, width)
    assert pixels.std() > 5 and len(np.unique(pixels)) > 50
