"""The report about remedies: its numbers, what it says of a remedy's price, and the page."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import World

from vidmem import tables
from vidmem.report.build import build_report
from vidmem.report.mitigated import answer
from vidmem.report.mitigation import best, cost, outcomes, price
from vidmem.report.pairs import shown_strength
from vidmem.report.summary import SCHEMA_FILE
from vidmem.report.tradeoff import BESIDE, LINE, spaced, tradeoff

Measures = dict[str, tuple[float, float] | None]
GOOD: Measures = {
    "content": (1.0, 0.05), "template": (1.0, 0.5), "motion": (0.8, 0.2), "content_fidelity": (0.9, 0.85),
    "text_fidelity": (0.95, 0.9), "usable": (1.0, 1.0), "sharpness": (400.0, 380.0), "consistency": (0.95, 0.94),
    "dynamics": (0.1, 0.09), "diversity": (0.1, 0.3), "frechet": (0.5, 0.6), "denoiser_calls": (40.0, 60.0),
}  # fmt: skip
WEAK: Measures = {**GOOD, "content": (1.0, 0.6), "motion": (0.8, 0.7), "content_fidelity": (0.9, 0.9)}
NOISE: Measures = {
    **GOOD, "content": (1.0, 0.0), "motion": (0.8, 0.0), "content_fidelity": (0.9, 0.1), "text_fidelity": (0.95, 0.5),
    "sharpness": (400.0, 9000.0), "consistency": (0.95, 0.5),
}  # fmt: skip
FROZEN: Measures = {**GOOD, "content": (1.0, 0.9), "motion": (0.8, 0.0), "dynamics": (0.1, 0.001)}
SPOILT: Measures = {**GOOD, "template": (1.0, 0.9)}
BLANK: Measures = {**GOOD, "content_fidelity": (0.9, 0.0), "usable": (1.0, 0.0), "sharpness": None, "dynamics": None}
BRANCHES = {"planted.away.0.5": WEAK, "planted.away.1": GOOD, "planted.away.4": NOISE, "planted.still.1": FROZEN}
SETTINGS = {"title": "Report", "findings": 3, "strip_frames": 4, "strip_width": 48}


def world(root: Path, branches: dict[str, Measures] = BRANCHES) -> tuple[World, Any]:
    made = World(root, per_prompt=1)
    files = {"planted": made.model("planted", hits=4)}
    made.mitigated("planted", branches)
    return made, made.inputs(files)


def found(root: Path, **branches: Measures) -> Any:
    _, inputs = world(root, {f"planted.{name}.1": measures for name, measures in branches.items()})
    return outcomes(tables.read_table(inputs.mitigate["planted"].table))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    _, inputs = world(root / "world")
    build_report(inputs, SETTINGS, root / "report")
    return root / "report"


def test_best_is_the_lowest_rate_of_the_branches_that_keep_fidelity(report: Path) -> None:
    summary = json.loads((report.parent / "summary.json").read_text())
    mitigation = summary["mitigation"]["planted"]
    assert mitigation["best"] == {"content": "planted.away.1", "motion": "planted.still.1"}
    assert mitigation["fidelity"] == "content_fidelity"
    assert mitigation["prompts"] == {"flagged": 1, "unflagged": 0}
    numbers = mitigation["branches"]["planted.away.1"]["flagged"]["content"]
    assert (numbers["before"], numbers["after"]) == (1.0, 0.05)
    assert numbers["change_ci95"] == [pytest.approx(-0.95), pytest.approx(-0.95)]


def test_summary_with_remedies_is_valid_under_its_schema(report: Path) -> None:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    summary = json.loads((report.parent / "summary.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(summary)
    del summary["mitigation"]["planted"]["branches"]["planted.away.1"]["flagged"]["content"]["change"]
    assert not validator.is_valid(summary)


def test_price_names_what_a_remedy_ruins_and_nothing_of_one_that_ruins_nothing(tmp_path: Path) -> None:
    said = {
        o.remedy: " ".join(price(o))
        for o in found(tmp_path, good=GOOD, noise=NOISE, frozen=FROZEN, blank=BLANK, spoilt=SPOILT)
        if o.group == "flagged"
    }
    assert said["good"] == ""
    assert said["spoilt"] == "a part of the frame still comes back in 90% of the videos"
    assert "fidelity to the content falls by 89%" in said["noise"] and "noisy" in said["noise"]
    assert "frames agree less (0.95 to 0.50)" in said["noise"]
    assert said["frozen"] == "hardly moves (dynamics × 0.01)"
    assert "100% of the videos show nothing" in said["blank"]


def test_without_content_fidelity_the_text_decides_and_without_any_nothing_is_called_best(tmp_path: Path) -> None:
    text = found(tmp_path / "a", away={**GOOD, "content_fidelity": None})
    assert text[0].fidelity == "text_fidelity" and best(text, "content") is not None
    none = found(tmp_path / "b", away={**GOOD, "content_fidelity": None, "text_fidelity": None})
    assert best(none, "content") is None
    assert "No remedy keeps" in answer(none, "content")
    assert tradeoff("planted", "content", none) is None


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.9, 1.0]), st.sampled_from([0.0, 0.5, 0.51, 1.0])), max_size=9))
def test_names_beside_each_other_are_a_line_apart_and_in_the_plot(ends: list[tuple[float, float]]) -> None:
    placed = spaced([{"x": x, "y": y, "name": str(n)} for n, (x, y) in enumerate(ends)])
    assert {p["name"] for p in placed} == {str(n) for n in range(len(ends))}
    for a, b in itertools.combinations(placed, 2):
        assert abs(a["x"] - b["x"]) >= BESIDE or abs(a["y"] - b["y"]) > LINE - 1e-6
    assert all(0 <= p["y"] <= 1 for p in placed)


def test_a_remedy_that_lowers_nothing_is_not_praised(tmp_path: Path) -> None:
    said = answer(found(tmp_path, late={**GOOD, "content": (1.0, 1.0)}), "content")
    assert said == (
        "No remedy that keeps at least 85 % of the fidelity lowers content: the best leaves <strong>100 %</strong>"
        " [100–100 %], from 100 %."
    )


def test_answer_names_the_remedy_and_both_rates(tmp_path: Path) -> None:
    said = answer(found(tmp_path, away=GOOD, noise=NOISE), "content")
    assert "<b>away</b> at strength 1" in said and "from 100 % to <strong>5.0 %</strong>" in said
    assert "5.6 % of the content fidelity is lost" in said


def test_strips_show_the_strongest_branch_that_keeps_fidelity(report: Path, tmp_path: Path) -> None:
    _, inputs = world(tmp_path)
    shown = shown_strength(outcomes(tables.read_table(inputs.mitigate["planted"].table)))
    assert [o.branch for o in shown] == ["planted.away.1", "planted.still.1"]
    page = (report / "index.html").read_text()
    assert page.count('<figure class="generated">\n  <figcaption>unmitigated') == 1
    assert "<figcaption>away 1 " in page and "<figcaption>still 1 " in page


def test_page_has_the_table_plots_and_no_markup_of_strangers(report: Path) -> None:
    page = (report / "index.html").read_text()
    section = page[page.index('<section id="mitigation"') : page.index('<section id="truth"')]
    assert "<script>" not in section and "A &#34;quoted&#34; &lt;script&gt;" in section
    assert section.count('<svg class="plot"') == 2
    assert "planted: content rate and content fidelity of flagged prompts: unmitigated 1.00, 0.90; away 0.5" in section
    assert section.count("<tr><th") >= 8 and "hardly moves" in section
    assert "5.2</td>" in section and "900&nbsp;MB" in section  # 26 seconds, 5 videos


def test_tables_of_the_report_hold_every_row_and_the_cost(report: Path) -> None:
    rows = pl.read_parquet(report / "tables" / "mitigation.parquet")
    assert len(rows) == len(BRANCHES) * 2 * len(GOOD) and set(rows["model"]) == {"planted"}
    costs = pl.read_csv(report / "tables" / "mitigation_cost.csv")
    assert costs["branch"].to_list() == ["planted", *BRANCHES]


def test_an_audit_without_remedies_has_no_section_and_no_table(tmp_path: Path) -> None:
    made = World(tmp_path / "world", per_prompt=1)
    summary = build_report(made.inputs({"planted": made.model("planted", hits=4)}), SETTINGS, tmp_path / "report")
    assert summary["mitigation"] is None
    assert 'id="mitigation"' not in (tmp_path / "report" / "index.html").read_text()
    assert not list((tmp_path / "report" / "tables").glob("mitigation*"))


def test_cost_without_benchmarks_is_unknown(tmp_path: Path) -> None:
    _, inputs = world(tmp_path)
    compared = inputs.mitigate["planted"].base
    assert cost(compared) == {"videos": 5, "seconds_per_video": 26 / 5, "memory_mb": 900.0}
    gone = type(compared)(compared.videos, [tmp_path / "no.tsv"])
    assert cost(gone) == {"videos": 5, "seconds_per_video": None, "memory_mb": None}
