"""What remedies did in an audit that tried them, and whether the promises about them are kept. Run by hand:

    snakemake --configfile config/mitigate.yaml
    python bench/truth/mitigate.py --results results/mitigate

Prints the trade-off curve (a line a branch), then a line a promise: one remedy takes the content rate of flagged
prompts from .9 or more to .1 or less, and one halves the motion rate, at a loss of at most 15 % of the fidelity. Both
measures of fidelity are held to it: text fidelity, which every audit has, and content fidelity, which is stricter and
known of the made corpus alone. The status is 1 where a promise is broken. `--out` keeps the curve as mitigate.csv.
Nothing is computed anew: the numbers are those of the audit's tables, as its report has them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.mitigation import FIDELITY, KINDS, MOST_LOSS, Outcome, outcomes, price

FROM, TO, HALF = 0.9, 0.1, 0.5
SHOWN = (*KINDS, *FIDELITY)
CURVE = {
    "model": pl.String, "remedy": pl.String, "kind": pl.String, "strength": pl.Float64, "prompts": pl.Int64,
    "videos": pl.Int64, "content_before": pl.Float64, "content_after": pl.Float64, "motion_before": pl.Float64,
    "motion_after": pl.Float64, "template_before": pl.Float64, "template_after": pl.Float64,
    "content_fidelity_before": pl.Float64, "content_fidelity_after": pl.Float64, "content_fidelity_loss": pl.Float64,
    "text_fidelity_before": pl.Float64, "text_fidelity_after": pl.Float64, "text_fidelity_loss": pl.Float64,
    "price": pl.String,
}  # fmt: skip


def curve_row(model: str, outcome: Outcome) -> dict[str, Any]:
    """The line of one branch, flagged prompts."""
    rows = outcome.rows
    both = [(name, side) for name in (*SHOWN, "template") for side in ("before", "after")]
    return {
        "model": model,
        **{key: getattr(outcome, key) for key in ("remedy", "kind", "strength")},
        **{key: rows["content"][key] for key in ("prompts", "videos")},
        **{f"{name}_{side}": rows[name][side] if name in rows else None for name, side in both},
        **{f"{name}_loss": outcome.loss(name) for name in FIDELITY},
        "price": "; ".join(price(outcome)),
    }


def curve(results: Path) -> pl.DataFrame:
    """A row a branch of every model that remedies were tried on; `ValueError` where there is none."""
    found = sorted(p for p in (results / "mitigate").glob("*.parquet") if not p.name.endswith(".prompts.parquet"))
    if not found:
        raise ValueError(f"{results} holds no table of remedies: run an audit with a `mitigate` section first")
    rows = [
        curve_row(path.stem, outcome)
        for path in found
        for outcome in outcomes(tables.read_table(path))
        if outcome.group == "flagged" and outcome.taken("content")
    ]
    return pl.DataFrame(rows, schema=CURVE)


def keeping(found: pl.DataFrame, kind: str, fidelity: str) -> pl.DataFrame:
    """The branches that keep the promise about `kind` by this measure of fidelity, the lowest rate first."""
    before, after = pl.col(f"{kind}_before"), pl.col(f"{kind}_after")
    enough = (before >= FROM) & (after <= TO) if kind == "content" else (before > 0) & (after <= HALF * before)
    return found.filter(enough & (pl.col(f"{fidelity}_loss") <= MOST_LOSS)).sort(after, f"{fidelity}_loss")


def said(row: dict[str, Any]) -> str:
    """One line of the curve."""
    rates = "  ".join(f"{n} {_number(row[f'{n}_before'])} -> {_number(row[f'{n}_after'])}" for n in SHOWN)
    return f"{_name(row):32s} {rates}  {row['price']}".rstrip()


def promise(found: pl.DataFrame, kind: str, fidelity: str) -> tuple[bool, str]:
    """Whether the promise is kept, and the line that says so."""
    rows = keeping(found, kind, fidelity)
    wanted = f"from >= {FROM:g} to <= {TO:g}" if kind == "content" else f"to <= {HALF:g} of what it was"
    what = f"{kind} rate {wanted}, {fidelity.replace('_', ' ')} loss <= {MOST_LOSS:.0%}:"
    if not len(rows):
        return False, f"{what:72s} BROKEN"
    best = rows.row(0, named=True)
    numbers = f"{best[f'{kind}_before']:.2f} -> {best[f'{kind}_after']:.2f}, loss {best[f'{fidelity}_loss']:.0%}"
    return True, f"{what:72s} kept    {_name(best)}: {numbers}"


def _name(row: dict[str, Any]) -> str:
    return f"{row['model']} {row['remedy']} {row['strength']:g}"


def _number(value: float | None) -> str:
    return "  - " if value is None else f"{value:.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the curve and the promises; 1 where one is broken, 2 where there is nothing to read."""
    parser = argparse.ArgumentParser(description="What remedies did, and whether the promises are kept.")
    parser.add_argument("--results", type=Path, required=True, help="results/<audit> of an audit with remedies")
    parser.add_argument("--out", type=Path, help="folder for mitigate.csv")
    given = parser.parse_args(arguments)
    try:
        found = curve(given.results)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for row in found.iter_rows(named=True):
        print(said(row))
    if given.out:
        found.write_csv(given.out / "mitigate.csv", float_precision=4)
    print()
    kept = []
    for fidelity in ("text_fidelity", "content_fidelity"):
        for kind in KINDS:
            holds, line = promise(found, kind, fidelity)
            print(line)
            kept.append(holds)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    raise SystemExit(main())
