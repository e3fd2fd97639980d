"""Nearest-neighbour distance ratios in the report: their line, their words, and their numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_world import World

from vidmem import tables
from vidmem.report.ratios import BINS, COPY_UNDER, ratio_plot, ratios


def test_the_line_lies_between_two_bins() -> None:
    assert pytest.approx(round(COPY_UNDER * BINS)) == COPY_UNDER * BINS


def test_ratios_are_told_in_words_and_one_space_may_be_missing() -> None:
    both = str(ratio_plot("m", {"feature": np.array([0.1, 0.5, 0.9, 1.0]), "pixel": np.array([0.2, 0.3])}))
    assert "in features 25% of 4 under 1/3; in pixels 100% of 2 under 1/3" in both
    alone = str(ratio_plot("m", {"feature": np.empty(0), "pixel": np.array([0.2, 0.4])}))
    assert "features" not in alone and "in pixels 50% of 2 under 1/3" in alone
    assert both.count("<path") > alone.count("<path")


def test_the_numbers_are_those_of_the_verdicts_and_a_model_without_any_is_left_out(tmp_path: Path) -> None:
    world = World(tmp_path, per_prompt=1)
    inputs = world.inputs({"m": world.model("m", hits=3), "none": world.model("none", empty=True)})
    values = tables.read_table(inputs.models["m"].metrics)["d1_d2_pixel"].to_list()
    found = ratios(inputs)
    assert set(found) == {"m"} and found["m"]["feature"] is None
    under = [v for v in values if v < 1 / 3]
    assert found["m"]["pixel"]["share"] == len(under) / len(values) == 0.5
    assert f"in pixels 50% of {len(values)} under 1/3" in found["m"]["plot"]
