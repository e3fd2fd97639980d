"""Progress: plain lines where there is no terminal, and the items untouched."""

from __future__ import annotations

import pytest

from vidmem import progress as module
from vidmem.progress import progress


def test_items_pass_through_and_the_end_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("abc"), 3, "reading")) == ["a", "b", "c"]
    assert "reading: 3 of 3" in capsys.readouterr().err


def test_lines_say_what_how_many_the_rate_and_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINE_EVERY_S", 0.0)
    list(progress(range(2), 4, "reading"))
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("reading: 1 of 4, ") and "/s, " in first and first.endswith(" s left")


def test_nothing_to_do_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress([], 0, "reading")) == []
    assert "0 of 0" in capsys.readouterr().err
