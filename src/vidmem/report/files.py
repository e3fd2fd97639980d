"""The report's tables as CSV, for spreadsheets, and Parquet, for programs; the short ones as LaTeX, for papers, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report import rates
from vidmem.report.agreement import agreement_table
from vidmem.report.beside import auc_table, pooled_table
from vidmem.report.corpus_facts import SKIPPED, corpus_tables, skipped_rows
from vidmem.report.detection import detector_table
from vidmem.report.doses import dose_table
from vidmem.report.inputs import ReportInputs, text_of
from vidmem.report.latex import table_tex
from vidmem.report.mitigation import mitigation_tables
from vidmem.report.ratios import ratio_table
from vidmem.report.repeats import repeat_tables
from vidmem.report.search_facts import search_table
from vidmem.report.sizes import size_table
from vidmem.report.study import study_table, study_tex
from vidmem.report.thresholds import KINDS, threshold_table

VERDICTS: dict[str, Any] = {"model": pl.String, "verdict": pl.String, "videos": pl.Int64}
_FORMULA = r"^([=+\-@\t\r])"


def make_tables(inputs: ReportInputs) -> dict[str, pl.DataFrame]:
    """The tables by name, with those that hold nothing in this audit."""
    metrics = {name: tables.read_table(files.metrics) for name, files in inputs.models.items()}
    truths = {n: tables.read_table(f.truth) for n, f in inputs.models.items() if f.truth is not None}
    truth = _by_model(truths, tables.TRUTH)
    return {
        "rates": rates.rate_table(
            [row for name, frame in metrics.items() for row in rates.rate_rows(name, frame, inputs.draws)]
        ),
        "study": study_table(inputs),
        "verdicts": pl.DataFrame(
            [
                {"model": name, "verdict": v, "videos": n}
                for name, frame in metrics.items()
                for v, n in rates.verdict_counts(frame).items()
            ],
            schema=VERDICTS,
        ),
        "agreement": agreement_table(inputs),
        "thresholds": threshold_table(inputs),
        "videos": _by_model(metrics, tables.METRICS).drop("template_map"),
        "findings": _findings(metrics, text_of(inputs.prompts)),
        "matches": _by_model({n: tables.read_table(f.matches) for n, f in inputs.models.items()}, tables.MATCHES),
        "detect": _by_model(
            {n: tables.read_table(f.detect) for n, f in inputs.models.items() if f.detect is not None}, tables.DETECT
        ),
        "detectors": detector_table(inputs),
        "transfer": _or_empty(inputs.transfer, tables.TRANSFER),
        "truth": truth,
        "truth_auc": auc_table(inputs),
        "truth_pooled": pooled_table(truth, inputs.draws),
        "ratios": ratio_table(inputs),
        "dose_response": dose_table(inputs),
        "effective_size": size_table(inputs),
        "search": search_table(inputs),
        **mitigation_tables(inputs),
        **corpus_tables(inputs),
        **repeat_tables(inputs),
        "skipped": pl.DataFrame(skipped_rows(inputs), schema=SKIPPED),
    }


def _by_model(frames: dict[str, pl.DataFrame], schema: Any) -> pl.DataFrame:
    if not frames:
        return _or_empty(None, schema).select(pl.lit("").alias("model"), pl.all()).clear()
    return pl.concat([f.select(pl.lit(name).alias("model"), pl.all()) for name, f in frames.items()])


def _or_empty(path: Path | None, schema: Any) -> pl.DataFrame:
    if path is not None:
        return tables.read_table(path)
    return tables.empty_table(schema)


def _findings(metrics: dict[str, pl.DataFrame], prompts: dict[str, str]) -> pl.DataFrame:
    """All videos called memorised by any kind, with the prompt's text."""
    frame = _by_model(metrics, tables.METRICS)
    called = pl.any_horizontal(pl.col(f"{kind}_memorised").fill_null(False) for kind in KINDS)
    texts = pl.DataFrame(
        {"prompt_id": list(prompts), "prompt": list(prompts.values())}, {"prompt_id": pl.String, "prompt": pl.String}
    )
    return frame.filter(called).join(texts, on="prompt_id", how="left", maintain_order="left")


def write_tables(frames: dict[str, pl.DataFrame], folder: Path) -> None:
    """Write each frame as `<name>.csv` and `<name>.parquet`, those of `latex.CAPTIONS` and the study's as `.tex` too.

    Lists (ROC points, similarity maps) are in the Parquet files alone. In CSV a text that a spreadsheet would run as
    a formula gets a leading apostrophe: captions come from strangers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet", compression="zstd")
        flat = frame.select(c for c, kind in frame.schema.items() if not isinstance(kind, pl.List))
        flat.with_columns(pl.col(pl.String).str.replace(_FORMULA, "'$1")).write_csv(folder / f"{name}.csv")
        paper = table_tex(name, frame)
        if paper:
            (folder / f"{name}.tex").write_text(paper, encoding="utf-8", newline="\n")
    (folder / "study.tex").write_text(study_tex(frames["study"]), encoding="utf-8", newline="\n")
