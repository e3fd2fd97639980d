"""Hand the prompts on as a data set: JSON lines, CSV and Parquet with a card, and never a video.

    python -m vidmem.prompts.export --prompts results/<audit>/prompts/prompts.parquet --out folder

Each of the three files holds all rows, and can be imported by another audit (`prompts.imported`).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from vidmem import tables
from vidmem.promptlist import safe_cell
from vidmem.prompts.card import Facts, card
from vidmem.userfiles import sha256_of

FILES = ("prompts.jsonl", "prompts.csv", "prompts.parquet")
# as `tables.PROMPTS`, but flat: lists are JSON text, so that the files agree cell by cell and any reader takes them
FLAT = pa.schema([f.with_type(pa.string()) if pa.types.is_list(f.type) else f for f in tables.PROMPTS])

Row = dict[str, Any]


def export_prompts(prompts: Path, out: Path) -> None:
    """Write `FILES` and README.md (the card, last) into the folder `out` from a table under `tables.PROMPTS`.

    The same table gives the same bytes. Raises `ValueError` for a file that is no such table.
    """
    rows, made_by = _read(prompts)
    out.mkdir(parents=True, exist_ok=True)
    _write_jsonl(out / FILES[0], rows)
    escaped = _write_csv(out / FILES[1], rows)
    tables.write_table(out / FILES[2], rows, FLAT, made_by)
    facts = Facts(
        counts=_counts(rows),
        made_by=made_by,
        files={name: sha256_of(out / name) for name in FILES},
        escaped=escaped,
        controls=sorted({str(r["origin"]) for r in rows if r["set"] == "control"}),
    )
    (out / "README.md").write_text(card(facts), encoding="utf-8")


def _read(prompts: Path) -> tuple[list[Row], dict[str, Any]]:
    try:
        table, made_by = tables.read_table(prompts), tables.read_made_by(prompts)
    except tables.DamagedTable as error:  # the user named it: nobody is told to delete a file of his own
        raise ValueError(f"{prompts}: no table of prompts ({error.why})") from None
    except OSError as error:
        raise ValueError(f"{prompts}: no table of prompts ({error})") from None
    if table.columns != tables.PROMPTS.names:
        raise ValueError(f"{prompts}: no table of prompts: its columns are {', '.join(table.columns)}")
    return [_flat(row) for row in table.iter_rows(named=True)], _portable(made_by)


def _flat(row: Row) -> Row:
    return {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in row.items()}


def _portable(made_by: Mapping[str, Any]) -> dict[str, Any]:
    """What made the table, without the paths of the machine that it was made on."""
    settings = dict(made_by.get("settings", {}))
    if settings.get("imported"):
        settings["imported"] = Path(settings["imported"]).name
    settings.pop("imported_file", None)
    return {**made_by, "settings": settings}


def _write_jsonl(path: Path, rows: Sequence[Row]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _write_csv(path: Path, rows: Sequence[Row]) -> int:
    """Write the rows; returns how many cells were made safe."""
    safe = [{k: safe_cell(v) if isinstance(v, str) else v for k, v in row.items()} for row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FLAT.names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(safe)
    return sum(a[k] != b[k] for a, b in zip(rows, safe, strict=True) for k in a)


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    """Rows of each set, in the table's order."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["set"]] = counts.get(row["set"], 0) + 1
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Export the prompts of an audit."""
    parser = argparse.ArgumentParser(prog="python -m vidmem.prompts.export", description="Write prompts as a data set.")
    parser.add_argument("--prompts", type=Path, required=True, help="results/<audit>/prompts/prompts.parquet")
    parser.add_argument("--out", type=Path, required=True, help="folder that the files are written into")
    given = parser.parse_args(arguments)
    try:
        export_prompts(given.prompts, given.out)
    except (ValueError, OSError) as error:
        print(f"vidmem: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(f"{given.out}: {', '.join((*FILES, 'README.md'))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
