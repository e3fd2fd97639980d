"""What the search left out: matches that an index missed, and corpus clips too short to be searched by motion."""

from __future__ import annotations

from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.inputs import ModelFiles, ReportInputs

SEARCH: dict[str, Any] = {
    "model": pl.String,
    "index": pl.String,
    "kind": pl.String,
    "proposed": pl.Int64,
    "queries": pl.Int64,
    "recall_at_1": pl.Float64,
    "recall_at_k": pl.Float64,
    "searched_whole": pl.Int64,
}
MEASURED = ("proposed", "queries", "recall_at_1", "recall_at_k")


def search_summary(files: ModelFiles) -> dict[str, Any]:
    """{"index": kind, "content": what was measured or None, "motion": likewise}; None: every vector was compared."""
    index = tables.read_made_by(files.matches).get("index") or {}
    measured = {kind: index.get(kind) or None for kind in ("content", "motion")}
    return {
        "index": index.get("kind") or "exact",
        **{
            kind: said and {**{n: said.get(n) for n in MEASURED}, "searched_whole": len(said.get("searched_whole", {}))}
            for kind, said in measured.items()
        },
    }


def search_table(inputs: ReportInputs) -> pl.DataFrame:
    """One row a model and kind that was searched through an index, under `SEARCH`."""
    rows = []
    for name, files in inputs.models.items():
        found = search_summary(files)
        rows += [
            {"model": name, "index": found["index"], "kind": kind, **found[kind]}
            for kind in ("content", "motion")
            if found[kind]
        ]
    return pl.DataFrame(rows, schema=SEARCH)


def short_clips(inputs: ReportInputs) -> dict[str, Any] | None:
    """Corpus clips with fewer flow fields than a window: {"window", "number", "first": ids}; None: not recorded.

    All models are searched in one corpus, so the first model's table says it for all.
    """
    for files in inputs.models.values():
        noted = tables.read_made_by(files.matches).get("short_corpus_clips")
        if noted:
            return {"window": noted["window"], "number": noted["number"], "first": list(noted["first"])}
    return None
