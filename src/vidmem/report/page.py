"""The page: everything that the template shows, gathered; and its writing as one file that needs no network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from vidmem import stats, tables
from vidmem.report import plots, rates, strips, words
from vidmem.report.corpus_facts import duplicates
from vidmem.report.detection import default_detectors, detector_plots, transferred
from vidmem.report.environment import environment, frame_of
from vidmem.report.gallery import Card
from vidmem.report.inputs import ReportInputs, numbers, ok_rows
from vidmem.report.mitigated import mitigation_blocks
from vidmem.report.ratios import ratios
from vidmem.report.repeats import repeated
from vidmem.report.sizes import CRITERIA, size_plot, size_words
from vidmem.report.study import study_groups
from vidmem.report.thresholds import KINDS, line

JUDGED = ("content", "motion")  # kinds whose truth may be known


def render_page(
    inputs: ReportInputs,
    settings: Mapping[str, Any],
    summary: Mapping[str, Any],
    frames: Mapping[str, pl.DataFrame],
    cards: list[Card],
    out_dir: Path,
    pages: Mapping[str | None, str],
) -> str:
    """The page as HTML text. Writes the colour wheel under `out_dir/media` where a card shows flow, and the sheet of
    what the corpus repeats.

    `pages`: the file below `prompts/` that holds all videos of a prompt, by prompt_id.
    """
    has_flow = any(block.shown.full_flow for card in cards for block in card.blocks)
    if has_flow:
        strips.save(strips.colour_wheel(144), out_dir / "media" / "wheel.webp")
    config_text = yaml.safe_dump(dict(inputs.config), sort_keys=False, allow_unicode=True, width=100)
    detectors = default_detectors(inputs)
    nulls = {kind: max((line(f.metrics, kind).videos for f in inputs.models.values()), default=0) for kind in KINDS}
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            title=str(settings.get("title", "Memorisation audit")),
            summary=summary,
            answer=words.answer(summary, detectors, pooled_truth(frames["truth"]), nulls),
            rates=rate_groups(frames["rates"]),
            study=study_groups(frames["study"]),
            thresholds=frames["thresholds"].to_dicts(),
            seeds=any(model["agreement"]["videos"] for model in summary["models"].values()),
            cards=cards,
            found=bool(cards and cards[0].finding.found),
            called=len(frames["findings"]),
            has_flow=has_flow,
            has_cells=any(
                block.match.cells is not None or block.shown.where for card in cards for block in card.blocks
            ),
            distributions=distributions(inputs),
            doses={
                name: plots.dose(name, model["truth"]["dose_response"])
                for name, model in summary["models"].items()
                if model["truth"] and model["truth"]["dose_response"]
            },
            known=known_truth(summary),
            sizes=size_blocks(summary),
            criteria=CRITERIA,
            detectors=detectors,
            detector_plots=detector_plots(inputs, detectors),
            detector_table=frames["detect"].filter(~pl.col("steps").str.starts_with("step:")).to_dicts(),
            transferred=transferred(frames["transfer"], detectors),
            ratios=ratios(inputs),
            mitigation=mitigation_blocks(inputs, settings, out_dir),
            search=frames["search"].to_dicts(),
            duplicates=duplicates(inputs),
            repeats=repeated(inputs, frames, settings, out_dir),
            multiplicity_plot=_multiplicity_plot(inputs),
            skipped=skipped_groups(frames["skipped"]),
            table_names=sorted(frames),
            config=dict(inputs.config),
            config_text=config_text,
            config_hash=hashlib.sha256(config_text.encode()).hexdigest(),
            references=str(settings.get("references", "show")),
            pages=pages,
            **frame_of(("player.js", "gallery.js")),
        )
    )


def rate_groups(frame: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Rows of the rate table by model: {"prompt_set", "videos", "prompts", "content": row, "motion": .., ..}."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in frame.to_dicts():
        lines = groups.setdefault(row["model"], [])
        if not lines or lines[-1]["prompt_set"] != row["prompt_set"]:
            lines.append({key: row[key] for key in ("prompt_set", "videos", "prompts")})
        lines[-1][row["kind"]] = row
    return {name: _telling(lines) for name, lines in groups.items()}


def _telling(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of one model without those that would say of the same videos what another line says."""
    whole, corpus, *sets = lines
    if len(sets) < 2:
        return [whole]
    captions = [line for line in sets if line["prompt_set"] not in rates.NO_CAPTIONS]
    return [whole, corpus, *sets] if 1 < len(captions) < len(sets) else [whole, *sets]


def distributions(inputs: ReportInputs) -> dict[str, dict[str, Any]]:
    """Score plots by kind and model, all of one kind on one scale."""
    found: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        scores = {n: numbers(ok_rows(tables.read_table(f.metrics)), f"{kind}_score") for n, f in inputs.models.items()}
        nulls = {n: line(f.metrics, kind) for n, f in inputs.models.items()}
        every = np.concatenate([np.empty(0), *scores.values(), *(n.scores for n in nulls.values())])
        if not len(every):
            continue
        limits = [n.threshold for n in nulls.values() if n.threshold is not None]
        low, high = min(0.0, float(every.min()), *limits), max(1.0, float(every.max()), *limits)
        found[kind] = {
            n: plots.distribution(n, kind, scores[n], nulls[n].scores, nulls[n].threshold, (low, high))
            for n in inputs.models
            if len(scores[n])
        }
    return found


def pooled_truth(truth: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """Precision and recall of the verdicts over all models of known truth, by kind."""
    found = {}
    for kind in JUDGED:
        judged = ok_rows(truth).drop_nulls([f"{kind}_truth", f"{kind}_verdict"])
        precision, recall = stats.precision_recall(
            judged[f"{kind}_truth"].to_numpy(), judged[f"{kind}_verdict"].to_numpy()
        )
        found[kind] = {"precision": precision, "recall": recall}
    return found


def known_truth(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Truth of the models of which it is decided for some video; a model trained on some of the clips has none."""
    known = {name: model["truth"] for name, model in summary["models"].items() if model["truth"]}
    return {name: truth for name, truth in known.items() if any(truth[kind]["decided"] for kind in JUDGED)}


def size_blocks(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By family of planted models: curve, sizes in words by criterion, and the shares; empty where none was asked."""
    return {
        family: {
            **entry,
            "words": {name: size_words(size) for name, size in entry["sizes"].items()},
            "plot": size_plot(family, entry["memorised_share"], entry["shares"]),
        }
        for family, entry in (summary["effective_size"] or {}).items()
    }


def skipped_groups(skipped: pl.DataFrame, most: int = 12) -> list[dict[str, Any]]:
    """Skipped things by stage, subject and reason: how many, and the first `most` ids."""
    grouped = skipped.group_by(["stage", "subject", "status", "reason"], maintain_order=True).agg(
        pl.len().alias("n"), pl.col("id").head(most).alias("ids")
    )
    return grouped.to_dicts()


def _multiplicity_plot(inputs: ReportInputs) -> Any:
    histogram = duplicates(inputs)["histogram"]
    return plots.multiplicities(histogram) if 1 < len(histogram) <= 24 else None
