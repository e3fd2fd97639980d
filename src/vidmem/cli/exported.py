"""The tables that a report exports: what each is, and what its columns mean, for their reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.agreement import AGREEMENT
from vidmem.report.beside import AUCS, POOLED
from vidmem.report.compare import COMPARED, PAIRS
from vidmem.report.corpus_facts import SKIPPED
from vidmem.report.detection import DETECTORS
from vidmem.report.doses import DOSE
from vidmem.report.files import VERDICTS
from vidmem.report.mitigation import COST
from vidmem.report.rates import RATES
from vidmem.report.ratios import RATIOS
from vidmem.report.search_facts import SEARCH
from vidmem.report.thresholds import THRESHOLDS
from vidmem.tables import columns
from vidmem.tables.columns import Columns, ends, with_interval
from vidmem.tables.described import TABLES

Schema = Mapping[str, Any]
_MODEL: Columns = {"model": ("", "Name of the model.")}


@dataclass(frozen=True)
class Exported:
    """A table of the report: what a `row` is, when it is there, its polars schema, what its columns mean, and the name
    of the workflow's table (`tables.described`) whose columns it has."""

    row: str
    schema: Schema
    columns: Columns
    there: str = ""
    base: str = ""


def _of_all_models(name: str, row: str, there: str = "", without: str = "", more: Columns | None = None) -> Exported:
    """A table of the workflow, of all models: with the model's name before it, and text columns behind."""
    found = _as_it_is(name, row)
    schema = {key: kind for key, kind in found.schema.items() if key != without}
    behind = more or {}
    return Exported(
        row,
        {"model": pl.String, **schema, **dict.fromkeys(behind, pl.String)},
        {**_MODEL, **found.columns, **behind},
        there,
        name,
    )


def _as_it_is(name: str, row: str) -> Exported:
    table = next(table for table in TABLES if table.name == name)
    return Exported(row, tables.empty_table(table.schema).schema, table.columns, base=name)


_RATES: Columns = {
    **_MODEL,
    "prompt_set": ("", "Set of the prompts; `all` of them; `from the corpus`: no controls, imports and paraphrases."),
    "kind": ("", "`content`, `template`, `motion`, `either` (content or motion) or `any` of the three."),
    "videos": ("videos", "Videos with a verdict."),
    "prompts": ("prompts", "Their prompts."),
    "memorised": ("videos", "Videos that are memorised."),
    "rate": ("0..1", "Their share."),
    **ends(""),
}
_AGREEMENT: Columns = {
    **_MODEL,
    "agree_from": ("-1..1", "Similarity from which two seeds agree."),
    "videos": ("videos", "Videos whose prompt has two or more."),
    "prompts": ("prompts", "Their prompts."),
    "agreeing": ("videos", "Videos that agree with another seed."),
    "share": ("0..1", "Their share."),
    **ends(""),
    "largest": ("videos", "Largest set of seeds that all agree."),
    "mean_agreement": ("-1..1", "Mean similarity of a video to the other seeds of its prompt."),
}
_THRESHOLDS: Columns = {
    **_MODEL,
    "kind": ("", "`content`, `template` or `motion`."),
    "judged": ("", "What is judged, in words."),
    "threshold": ("", "The line: a score that reaches it is called."),
    "threshold_low": ("", "Lower end of the 95 % interval of the score that null videos reach at the stated rate."),
    "threshold_high": ("", "Upper end; null where the null videos can't tell."),
    "customary": ("", "The threshold that others use."),
    "fpr": ("0..1", "False-positive rate that the line stands for; null where none can be stated."),
    "fpr_low": ("0..1", "Lower end of the 95 % interval of the rate at which null videos reach it."),
    "fpr_high": ("0..1", "Upper end of it."),
    "method": ("", "`order statistic`, `tail fit`, `customary` or `ceiling`."),
    "reason": ("", "Why no rate can be stated."),
    "raised": ("", "The null alone would have put the line lower than the least part that is called one."),
    "null_videos": ("videos", "Videos that can't be copies, which it was set on."),
    "null_needed": ("videos", "Null videos that the rate needs without extrapolation."),
    "fit_p_value": ("0..1", "p-value of the tail's fit (Anderson–Darling)."),
}
_POOLED: Columns = {
    "kind": ("", "`content` or `motion`."),
    "decided": ("videos", "Videos whose truth is decided."),
    "positives": ("videos", "Those of them that are true."),
    **with_interval("precision", "0..1", "Share of the videos called memorised that are."),
    **with_interval("recall", "0..1", "Share of the memorised videos that are called so."),
}
_AUCS: Columns = {
    **_MODEL,
    **_POOLED,
    "auc": ("0..1", "Area under the ROC curve of the score that is judged."),
    "beside": ("", "The score that others use."),
    "auc_beside": ("0..1", "Its area, of the clip that our score ranks first."),
}
_DOSE: Columns = {
    **_MODEL,
    "multiplicity": ("items", "How often the prompt's clip stands in the corpus."),
    "n": ("videos", "Videos of such prompts."),
    "mean_similarity": ("-1..1", "Mean similarity to the own clip."),
    "retrieved_first": ("0..1", "Share of them whose best match is the own clip."),
    **{kind: ("0..1", f"Share of them called memorised by {kind}.") for kind in ("content", "template", "motion")},
}
_RATIOS: Columns = {
    **_MODEL,
    "space": ("", "`feature`: distances of frames' vectors; `pixel`: of grey pictures."),
    "videos": ("videos", "Videos of the model."),
    "known": ("videos", "Those whose ratio is known."),
    "median": ("0..1", "Median of the distance to the nearest clip over that to the second nearest."),
    "share": ("0..1", "Share of the ratios under one third."),
}
_DETECTORS: Columns = {
    **_MODEL,
    "label": ("", "What is to be noticed: `content`, `motion` or `either`."),
    "detector": ("", "The default detector."),
    "steps": ("", "Which steps of sampling it uses."),
    "seeds": ("", "Seeds, or noises, that a score is the mean of."),
    "calls": ("", "Calls of the denoiser for one prompt."),
    "seconds": ("s", "Sampling until the score is known, for one prompt, by the time that the audit's jobs took."),
}
_CORPUS: Columns = {"what": ("", "What was counted, in words."), "number": ("", "How many.")}
_TIMES: Columns = {
    "times": ("", "How often a clip stands in the corpus."),
    "clips": ("clips", "Distinct files that stand so often."),
}
_CAPTIONS: Columns = {"caption": ("", "The caption."), "times": ("items", "Items that bear it.")}
_SEARCH: Columns = {
    **_MODEL,
    "index": ("", "Kind of the index."),
    "kind": ("", "`content` or `motion`."),
    "proposed": ("", "Vectors that the index proposed for a video."),
    "queries": ("videos", "Videos that were searched exactly too."),
    "recall_at_1": ("0..1", "Share of them whose best match the index found."),
    "recall_at_k": ("0..1", "Share of their best matches that it found."),
    "searched_whole": ("videos", "Videos for which it could not propose, and everything was compared."),
}
_COST: Columns = {
    **_MODEL,
    "branch": ("", "The model itself, or a branch of it under a remedy."),
    "videos": ("videos", "Videos that were sampled."),
    "seconds_per_video": ("s", "Time of the jobs, the loading of the model included, by videos; null: no benchmark."),
    "memory_mb": ("MB", "The most memory of one of the jobs."),
}
_EVIDENCE: Columns = {
    "evidence": ("", "A column of `duplicates/corpus.parquet`."),
    "items": ("items", "Items that something stands beside."),
    "unknown": ("items", "Items of which it is not known."),
    "most": ("items", "The most that stands beside one item."),
}
_REPEATS: Columns = {
    "kind": ("", "`content`, `caption` or `motion`."),
    "component": ("", "Smallest item_id of the group."),
    "items": ("items", "Items in it."),
    "captions": ("captions", "Their distinct captions."),
    "videos": ("videos", "Their distinct videos."),
}
_SKIPPED: Columns = {
    "stage": ("", "The first stage that lost it."),
    "subject": ("", "The corpus, or the name of the model."),
    "id": ("", "Its item_id or video_id."),
    **columns.STATUS,
}
_COMPARED: Columns = {
    **_MODEL,
    "kind": ("", "`content`, `template` or `motion`."),
    "measure": ("", "`rate`: share that is called memorised; `score`: mean of what is judged."),
    "pairs": ("videos", "Pairs of the same model, prompt and seed, or of the same path."),
    "prompts": ("prompts", "Their prompts."),
    "first": ("the measure's", "Mean in the first audit."),
    "second": ("the measure's", "Mean in the second."),
    "difference": ("the measure's", "Second less first."),
    "difference_low": ("the measure's", "Lower end of its 95 % bootstrap interval over prompts."),
    "difference_high": ("the measure's", "Upper end of it."),
    "only_first": ("videos", "Pairs that are called in the first audit alone."),
    "only_second": ("videos", "Pairs that are called in the second alone."),
    **columns.STATUS,
}
_PAIRS: Columns = {
    **_MODEL,
    "prompt_id": ("", "The prompt; null where none is known."),
    "prompt": ("", "Its text."),
    "path": ("", "Path of the video in its folder, where no prompt is known."),
    "seed": ("", "The seed."),
    **{
        f"{name}_{side}": ("", f"{what} in the {side} audit.")
        for name, what in (
            ("video_id", "The video"),
            ("verdict", "The verdict"),
            *((f"{kind}_score", f"The {kind} score that is judged") for kind in ("content", "template", "motion")),
        )
        for side in ("first", "second")
    },
}
_COUNTS = {"evidence": pl.String, "items": pl.Int64, "unknown": pl.Int64, "most": pl.Int64}
_GROUPS = {"kind": pl.String, "component": pl.String, "items": pl.Int64, "captions": pl.Int64, "videos": pl.Int64}
_NUMBERS = {"what": pl.String, "number": pl.Int64}
_MULTIPLE = {"times": pl.Int64, "clips": pl.Int64}
_REPEATED = {"caption": pl.String, "times": pl.Int64}
_VERDICTS: Columns = {
    **_MODEL,
    "verdict": ("", "As in the metrics."),
    "videos": ("videos", "Videos that got it."),
}
_TEXT: Columns = {"prompt": ("", "The prompt's text.")}
_REMEDIES = "Only where remedies were tried."
_BOTH = "Only where two audits are compared (`report.compare`)."
_EVERY = "Only where the corpus was searched for more than captions."

EXPORTED: Mapping[str, Exported] = {
    "rates": Exported("One row a model, set of prompts and kind: how often.", RATES, _RATES),
    "study": _as_it_is("DATASET", "One row a model of this audit and of those beside it: model × dataset."),
    "verdicts": Exported("One row a model and verdict.", VERDICTS, _VERDICTS),
    "agreement": Exported("One row a model: seeds that come out nearly the same.", AGREEMENT, _AGREEMENT),
    "thresholds": Exported("One row a model and kind: where the line was drawn.", THRESHOLDS, _THRESHOLDS),
    "videos": _of_all_models("METRICS", "One row a video.", without="template_map"),
    "findings": _of_all_models("METRICS", "One row a video that is called memorised by any kind.", more=_TEXT),
    "matches": _of_all_models("MATCHES", "One row a video, kind and clip."),
    "detect": _of_all_models("DETECT", "One row a detector and use of steps and seeds."),
    "detectors": Exported("One row a model and label: the default detector and its cost.", DETECTORS, _DETECTORS),
    "transfer": _as_it_is("TRANSFER", "One row a detector, kind and pair of models."),
    "truth": _of_all_models("TRUTH", "One row a video of known truth."),
    "truth_auc": Exported("One row a model of known truth and kind.", AUCS, _AUCS),
    "truth_pooled": Exported("One row a kind: verdicts on all models of known truth.", POOLED, _POOLED),
    "ratios": Exported("One row a model and space: nearest-neighbour distance ratios.", RATIOS, _RATIOS),
    "dose_response": Exported("One row a model and multiplicity.", DOSE, _DOSE),
    "effective_size": _as_it_is("EFFECTIVE_SIZE", "One row a model that was trained on a number of clips."),
    "search": Exported("One row a model and kind that was searched through an index.", SEARCH, _SEARCH),
    "mitigation": _of_all_models("MITIGATE", "One row a branch, group of prompts and measure.", _REMEDIES),
    "mitigation_cost": Exported("One row a model or branch.", COST, _COST, _REMEDIES),
    "corpus": Exported("One row a count.", _NUMBERS, _CORPUS),
    "multiplicities": Exported("One row a number of times that clips stand in the corpus.", _MULTIPLE, _TIMES),
    "captions": Exported("One row a caption of those that repeat most.", _REPEATED, _CAPTIONS),
    "duplicates": Exported("One row a kind of evidence.", _COUNTS, _EVIDENCE, _EVERY),
    "repeats": Exported("One row a group of items that stand for one another.", _GROUPS, _REPEATS, _EVERY),
    "skipped": Exported("One row a thing that is not `ok`, at the first stage that lost it.", SKIPPED, _SKIPPED),
    "compared": Exported("One row a model, kind and measure: paired differences.", COMPARED, _COMPARED, _BOTH),
    "changed": Exported("One row a pair whose verdicts differ.", PAIRS, _PAIRS, _BOTH),
}
