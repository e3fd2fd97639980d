"""Numbers and strangers' text as the page shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidmem.report.words import MOST_TEXT, interval, p_value, percent, plain, points, signed, when


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.0, "0 %"), (1.0, "100 %"), (0.998, "99.8 %"), (0.456, "46 %"), (0.013, "1.3 %")],
)
def test_percent_is_finer_at_the_ends(value: float | None, shown: str) -> None:
    assert percent(value) == shown


def test_differences_have_a_sign_and_a_true_minus() -> None:
    assert (signed(-0.2101), signed(0.5, 1), signed(None)) == ("−0.210", "+0.5", "–")
    assert (points(-0.21), points(0.0), points(None)) == ("−21.0", "+0.0", "–")


def test_interval_of_nothing_is_empty() -> None:
    assert interval(None, None) == ""
    assert interval(0.0, 0.021) == "0–2.1 %"
    assert interval(0.2, 0.45) == "20–45 %"
    assert interval(2 / 3, 2 / 3) == "67–67 %"


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.2, "0.20"), (1e-5, "1 × 10⁻⁵"), (3e-12, "3 × 10⁻¹²"), (0.0, "0")]
)
def test_small_p_values_are_powers_of_ten(value: float | None, shown: str) -> None:
    assert p_value(value) == shown


def test_times_of_both_sides_are_one_sentence() -> None:
    assert when((0.4, 1.9), (2.1, 3.6), "video") == "0.4–1.9 s of the video is 2.1–3.6 s of the clip"
    assert when((0.25, 0.25), (10.0, 10.0), None) == "0.25 s of the video is 10 s of the clip"
    assert when((0.0, 0.125), (0.0, 0.0), "image") == "0–0.12 s of the video is the image"


@given(st.text(max_size=2 * MOST_TEXT))
def test_text_becomes_one_bounded_line_without_control_characters(text: str) -> None:
    shown = plain(text)
    assert len(shown) <= MOST_TEXT
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
