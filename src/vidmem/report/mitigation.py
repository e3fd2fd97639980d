"""What remedies did, in numbers: tables, the summary, and what each remedy costs in words."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.inputs import Compared, MitigationFiles, ReportInputs, read_all

Row = dict[str, Any]
KINDS = ("content", "motion")
FIDELITY = ("content_fidelity", "text_fidelity")  # the first that can be taken is the one that is spoken of
MOST_LOSS = 0.15  # of fidelity, relative: what a remedy may cost
CHANCE = {"text_fidelity": 0.5}  # what a video of nothing in particular scores

COST: dict[str, Any] = {
    "model": pl.String,
    "branch": pl.String,
    "videos": pl.Int64,
    "seconds_per_video": pl.Float64,
    "memory_mb": pl.Float64,
}


@dataclass(frozen=True)
class Outcome:
    """One branch and group: rows of `tables.MITIGATE` by measure."""

    branch: str
    remedy: str
    kind: str
    strength: float
    group: str
    rows: Mapping[str, Row]

    def taken(self, measure: str) -> bool:
        """Whether the measure could be taken."""
        return measure in self.rows and self.rows[measure]["before"] is not None

    @property
    def fidelity(self) -> str | None:
        """The measure of fidelity that is spoken of: the content's where it is known, else the text's."""
        return next((name for name in FIDELITY if self.taken(name)), None)

    def loss(self, measure: str) -> float | None:
        """How much of the measure is lost, as a share of what lay above chance; None: there was nothing to lose."""
        row, chance = self.rows.get(measure), CHANCE.get(measure, 0.0)
        if row is None or row["before"] is None or row["before"] <= chance or row["after"] is None:
            return None
        return float(1 - (row["after"] - chance) / (row["before"] - chance))

    def keeps_fidelity(self) -> bool:
        """Whether at most `MOST_LOSS` of the fidelity is lost."""
        loss = self.loss(self.fidelity) if self.fidelity else None
        return loss is not None and loss <= MOST_LOSS


def outcomes(table: pl.DataFrame) -> list[Outcome]:
    """The branches and groups of a table of `tables.MITIGATE`, in its order."""
    found = []
    for key, part in table.group_by("branch", "group", maintain_order=True):
        first = part.row(0, named=True)
        rows = {row["measure"]: row for row in part.iter_rows(named=True)}
        found.append(Outcome(str(key[0]), first["remedy"], first["kind"], first["strength"], str(key[1]), rows))
    return found


def best(found: Sequence[Outcome], kind: str) -> Outcome | None:
    """Of the branches that keep fidelity the one with the lowest rate of `kind`; the most faithful one of equals."""
    kept = [o for o in found if o.group == "flagged" and o.taken(kind) and o.keeps_fidelity()]
    return min(kept, key=lambda o: (o.rows[kind]["after"], o.loss(str(o.fidelity)), o.branch), default=None)


def price(outcome: Outcome) -> list[str]:
    """What a remedy costs, as short phrases; none where nothing is much worse than it was."""
    said = []
    fallen, parts = outcome.loss("content"), outcome.rows.get("template")
    if fallen is not None and fallen > 0.5 and parts and parts["before"] and parts["after"] > 0.5 * parts["before"]:
        # a whole-frame vector is misled by a spoilt patch beside a copy; the search for parts is not
        said.append(f"a part of the frame still comes back in {parts['after']:.0%} of the videos")
    lost = outcome.loss("usable")
    if lost is not None and lost > 0.02:
        said.append(f"{lost:.0%} of the videos show nothing")
    for name, what in (("content_fidelity", "the content"), ("text_fidelity", "the text")):
        loss = outcome.loss(name)
        if loss is not None and loss > MOST_LOSS:
            said.append(f"fidelity to {what} falls by {loss:.0%}")
    changed = {
        "sharpness": (0.5, 1.5, "blurred", "noisy or crisper"),
        "dynamics": (0.5, 1.5, "hardly moves", "restless"),
    }
    for name, (low, high, less, more) in changed.items():
        row = outcome.rows.get(name)
        if row and row["before"] and row["after"] is not None:
            ratio = row["after"] / row["before"]
            if not low <= ratio <= high:
                said.append(f"{less if ratio < low else more} ({name} × {ratio:.2g})")
    steady = outcome.rows.get("consistency")
    if steady and steady["change"] is not None and steady["change"] < -0.1:
        said.append(f"frames agree less ({steady['before']:.2f} to {steady['after']:.2f})")
    return said


def cost(compared: Compared) -> Row:
    """Videos, seconds each and the most memory of the jobs that sampled them, by Snakemake's benchmarks.

    Loading the model is in the seconds; None where no benchmark can be read.
    """
    videos = len(read_all([shard.table for shard in compared.videos], ["video_id"]))
    runs = [row for path in compared.benchmarks for row in _benchmark(path)]
    seconds, memory = [r[0] for r in runs], [r[1] for r in runs if math.isfinite(r[1])]
    return {
        "videos": videos,
        "seconds_per_video": sum(seconds) / videos if seconds and videos else None,
        "memory_mb": max(memory, default=None),
    }


def _benchmark(path: Path) -> list[tuple[float, float]]:
    """Seconds and peak memory in MB of each run of a job; memory NaN where it was not measured."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [(_float(row.get("s")), _float(row.get("max_rss"))) for row in csv.DictReader(lines, delimiter="\t")]
    return [row for row in rows if math.isfinite(row[0])]


def _float(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def mitigation_tables(inputs: ReportInputs) -> dict[str, pl.DataFrame]:
    """`mitigation` (`tables.MITIGATE` of every model) and `mitigation_cost`; no tables where no remedy was tried."""
    if not inputs.mitigate:
        return {}
    every = [
        tables.read_table(files.table).select(pl.lit(name).alias("model"), pl.all())
        for name, files in inputs.mitigate.items()
    ]
    costs = [
        {"model": name, "branch": branch, **cost(compared)}
        for name, files in inputs.mitigate.items()
        for branch, compared in {name: files.base, **files.branches}.items()
    ]
    return {"mitigation": pl.concat(every), "mitigation_cost": pl.DataFrame(costs, schema=COST)}


def mitigation_summary(inputs: ReportInputs) -> dict[str, Any] | None:
    """By model: what its branches did to flagged and unflagged prompts; None where no remedy was tried."""
    if not inputs.mitigate:
        return None
    return {name: _model_summary(files) for name, files in inputs.mitigate.items()}


def _model_summary(files: MitigationFiles) -> dict[str, Any]:
    found = outcomes(tables.read_table(files.table))
    asked = tables.read_table(files.prompts, ["group", "prompt_id"]).unique()
    return {
        "prompts": {group: int((asked["group"] == group).sum()) for group in ("flagged", "unflagged")},
        "fidelity": next((o.fidelity for o in found if o.group == "flagged" and o.fidelity), None),
        "cost": cost(files.base),
        "best": {kind: chosen.branch if (chosen := best(found, kind)) else None for kind in KINDS},
        "branches": {
            name: {
                **_named(mine := [o for o in found if o.branch == name]),
                **{o.group: {measure: _numbers(row) for measure, row in o.rows.items()} for o in mine},
                "cost": cost(compared),
            }
            for name, compared in files.branches.items()
        },
    }


def _named(found: Sequence[Outcome]) -> Row:
    return {"remedy": found[0].remedy, "kind": found[0].kind, "strength": found[0].strength}


def _numbers(row: Row) -> Row:
    interval = None if row["change_low"] is None else [row["change_low"], row["change_high"]]
    return {**{key: row[key] for key in ("videos", "before", "after", "change", "reason")}, "change_ci95": interval}
