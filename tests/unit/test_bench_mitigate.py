"""The benchmark of remedies: its promises are kept by tables that keep them, and broken by tables that don't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mitigate as bench
import polars as pl
import pytest

from vidmem import tables

KEPT = {"content": (1.0, 0.05), "motion": (0.6, 0.2), "content_fidelity": (0.9, 0.8), "text_fidelity": (0.9, 0.9)}


def write(results: Path, **branches: dict[str, tuple[float, float]]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "branch": f"m.{name}.1", "remedy": name, "kind": "amg", "strength": 1.0, "group": "flagged", "prompts": 4,
            "videos": 8, "measure": measure, "before": pair[0], "after": pair[1], "change": pair[1] - pair[0],
            "status": tables.OK,
        }
        for name, measures in branches.items()
        for measure, pair in measures.items()
    ]  # fmt: skip
    tables.write_table(results / "mitigate" / "m.parquet", rows, tables.MITIGATE)
    tables.write_table(results / "mitigate" / "m.prompts.parquet", [], tables.ASKED_AGAIN)


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({}, set()),
        ({"content": (0.85, 0.0)}, {"content"}),  # it began too low to show anything
        ({"content": (1.0, 0.11)}, {"content"}),
        ({"motion": (0.6, 0.31)}, {"motion"}),
        ({"text_fidelity": (0.9, 0.83)}, {"content", "motion"}),  # 17 % of what lies above chance
    ],
)
def test_a_promise_is_kept_by_rates_that_fall_while_fidelity_stays(
    tmp_path: Path, capsys: Any, changed: dict[str, tuple[float, float]], broken: set[str]
) -> None:
    write(tmp_path, away={**KEPT, **changed})
    assert bench.main(["--results", str(tmp_path)]) == bool(broken)
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines if "BROKEN" in line and "text fidelity" in line} == broken


def test_a_promise_is_broken_by_the_stricter_fidelity_alone(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path, away={**KEPT, "content_fidelity": (0.9, 0.75)})
    assert bench.main(["--results", str(tmp_path)]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "content fidelity loss" in line]
    assert len(lines) == 2 and all("BROKEN" in line for line in lines)


def test_one_remedy_may_keep_each_promise(tmp_path: Path) -> None:
    write(tmp_path, one={**KEPT, "motion": (0.6, 0.6)}, other={**KEPT, "content": (1.0, 1.0)})
    assert bench.main(["--results", str(tmp_path), "--out", str(tmp_path)]) == 0
    curve = pl.read_csv(tmp_path / "mitigate.csv")
    assert curve["remedy"].to_list() == ["one", "other"] and curve["content_after"].to_list() == [0.05, 1.0]


def test_results_without_remedies_are_no_audit_of_them(tmp_path: Path, capsys: Any) -> None:
    assert bench.main(["--results", str(tmp_path)]) == 2
    assert "run an audit with a `mitigate` section first" in capsys.readouterr().err
