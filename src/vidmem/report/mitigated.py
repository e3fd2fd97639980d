"""The section of the page about remedies: what stands there of each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vidmem import tables
from vidmem.report.inputs import MitigationFiles, ReportInputs
from vidmem.report.mitigation import KINDS, Outcome, best, cost, outcomes, price
from vidmem.report.pairs import pairs_of
from vidmem.report.tradeoff import tradeoff
from vidmem.report.words import interval, percent

COLUMNS = {  # of the table, beside the rates: measure -> head
    "content_fidelity": "Content fidelity",
    "text_fidelity": "Text fidelity",
    "usable": "Usable",
    "sharpness": "Sharpness",
    "consistency": "Consistency",
    "dynamics": "Dynamics",
    "diversity": "Diversity",
    "frechet": "Fréchet distance",
    "denoiser_calls": "Denoiser calls",
}


def mitigation_blocks(inputs: ReportInputs, settings: Mapping[str, Any], out: Path) -> dict[str, dict[str, Any]]:
    """By model: sentences, plots, rows by group and strips; writes the strips below `out`. Empty without remedies."""
    return {name: _block(inputs, name, files, settings, out) for name, files in inputs.mitigate.items()}


def _block(
    inputs: ReportInputs, model: str, files: MitigationFiles, settings: Mapping[str, Any], out: Path
) -> dict[str, Any]:
    found = outcomes(tables.read_table(files.table))
    costs = {name: cost(compared) for name, compared in files.branches.items()}
    plots = {kind: tradeoff(model, kind, found) for kind in KINDS}
    return {
        "answer": [answer(found, kind) for kind in KINDS],
        "plots": {kind: plot for kind, plot in plots.items() if plot},
        "groups": {group: _rows(found, group, costs) for group in ("flagged", "unflagged")},
        "base_cost": cost(files.base),
        "columns": COLUMNS,
        "pairs": pairs_of(inputs, files, found, settings, out),
    }


def _rows(found: Sequence[Outcome], group: str, costs: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the table shows of a group: a line of what was before, and one a branch; None where none was asked again."""
    mine = [o for o in found if o.group == group and o.taken("content")]
    if not mine:
        return None
    lines = [{"outcome": o, "cost": costs[o.branch], "price": price(o)} for o in mine]
    return {"first": mine[0], "lines": lines, "prompts": mine[0].rows["content"]["prompts"]}


def answer(found: Sequence[Outcome], kind: str) -> Markup:
    """What the best remedy that keeps fidelity does to the rate of `kind`, in one sentence."""
    chosen = best(found, kind)
    if chosen is None:
        return Markup("No remedy keeps at least 85 % of the fidelity, so none is named against {}.").format(kind)
    row = chosen.rows[kind]
    shown = interval(row["after_low"], row["after_high"])
    after = Markup("<strong>{}</strong>{}").format(percent(row["after"]), f" [{shown}]" if shown else "")
    if row["after"] >= row["before"]:
        text = Markup("No remedy that keeps at least 85 % of the fidelity lowers {}: the best leaves {}, from {}.")
        return text.format(kind, after, percent(row["before"]))
    text = Markup("Against {}, <b>{}</b> at strength {} does most of those that keep fidelity: from {} to {}")
    said = text.format(kind, chosen.remedy, f"{chosen.strength:g}", percent(row["before"]), after)
    loss = chosen.loss(str(chosen.fidelity))
    what = str(chosen.fidelity).replace("_", " ")
    changed = "none of the {} is lost" if loss is None or loss <= 0 else "{} of the {} is lost"
    arguments = (what,) if loss is None or loss <= 0 else (percent(loss), what)
    return said + Markup("; ") + Markup(changed).format(*arguments) + Markup(".")  # noqa: S704 - our own words
