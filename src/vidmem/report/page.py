"""The page: everything that the template shows, gathered; and its writing as one file that needs no network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from vidmem import tables
from vidmem.report import plots, rates, strips, words
from vidmem.report.detection import default_detectors, detector_plots, transferred
from vidmem.report.environment import environment, frame_of
from vidmem.report.gallery import PAGE, Card
from vidmem.report.inputs import ReportInputs, numbers, ok_rows
from vidmem.report.mitigated import mitigation_blocks
from vidmem.report.ratios import ratios
from vidmem.report.repeats import repeated
from vidmem.report.sizes import CRITERIA, size_plot, size_words
from vidmem.report.study import study_groups
from vidmem.report.thresholds import KINDS, line


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
    seen = {name: {kind: line(f.metrics, kind).videos for kind in KINDS} for name, f in inputs.models.items()}
    nulls = {kind: max((videos[kind] for videos in seen.values()), default=0) for kind in KINDS}
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            title=str(settings.get("title", "Memorisation audit")),
            summary=summary,
            answer=words.answer(summary, detectors, rows_by(frames["truth_pooled"], "kind"), nulls),
            rates=rate_groups(frames["rates"]),
            study=study_groups(frames["study"]),
            null_videos=seen,
            thresholds=groups_by(frames["thresholds"], "model"),
            seeds=any(model["agreement"]["videos"] for model in summary["models"].values()),
            cards=cards,
            per_page=PAGE,
            found=bool(cards and cards[0].finding.found),
            called=len(frames["findings"]),
            has_flow=has_flow,
            has_cells=any(
                block.match.cells is not None or block.shown.where for card in cards for block in card.blocks
            ),
            distributions=distributions(inputs),
            doses=dose_blocks(frames["dose_response"]),
            known=known_truth(frames["truth_auc"]),
            sizes=size_blocks(summary),
            criteria=CRITERIA,
            detectors=detectors,
            detector_plots=detector_plots(inputs, detectors),
            detector_table=frames["detect"].filter(~pl.col("steps").str.starts_with("step:")).to_dicts(),
            transferred=transferred(frames["transfer"], detectors),
            ratios=ratios(inputs),
            mitigation=mitigation_blocks(inputs, settings, out_dir),
            search=frames["search"].to_dicts(),
            tiles=frames["corpus"].to_dicts(),
            captions=frames["captions"].to_dicts(),
            repeats=repeated(inputs, frames, settings, out_dir),
            multiplicity_plot=_multiplicity_plot(frames["multiplicities"]),
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


def rows_by(frame: pl.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    """The rows of a table by what one of its columns says, which names each row once."""
    return {row[column]: row for row in frame.to_dicts()}


def groups_by(frame: pl.DataFrame, column: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of a table in groups of one value of a column, in the table's order."""
    return {str(key): part.to_dicts() for (key,), part in frame.group_by([column], maintain_order=True)}


def known_truth(judged: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """By model and kind the rows of `truth_auc`, of models whose truth is decided for some video.

    It is for none of a model that was trained on some of the clips.
    """
    known = {name: {row["kind"]: row for row in rows} for name, rows in groups_by(judged, "model").items()}
    return {name: kinds for name, kinds in known.items() if any(row["decided"] for row in kinds.values())}


def dose_blocks(doses: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """By model its rows of the table `dose_response` and their plot; one dose alone is no curve, and left out."""
    found = groups_by(doses, "model")
    return {name: {"rows": rows, "plot": plots.dose(name, rows)} for name, rows in found.items() if len(rows) > 1}


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


def _multiplicity_plot(multiplicities: pl.DataFrame) -> Any:
    return plots.multiplicities(multiplicities.rows()) if 1 < len(multiplicities) <= 24 else None
