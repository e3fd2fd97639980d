"""What the report says about the corpus: what was compared, what was skipped and why, what stands twice."""

from __future__ import annotations

from typing import Any

import polars as pl

from vidmem import tables
from vidmem.report.inputs import ReportInputs, read_all

MOST_CAPTIONS = 5  # on the page
SKIPPED: dict[str, Any] = {
    "stage": pl.String,
    "subject": pl.String,
    "id": pl.String,
    "status": pl.String,
    "reason": pl.String,
}


def skipped_rows(inputs: ReportInputs) -> list[dict[str, Any]]:
    """One row a thing that isn't ok, at the first stage that lost it: corpus items, generated videos, features."""
    rows = _lost("corpus", "corpus", tables.read_table(inputs.manifest), "item_id")
    for name, files in inputs.models.items():
        rows += _lost("generate", name, read_all(s.table for s in files.videos), "video_id")
    gone = {(r["subject"], r["id"]) for r in rows}
    for name, found in inputs.features.items():
        rows += [r for r in _lost("features", name, read_all(found.items), "video_id") if (name, r["id"]) not in gone]
    gone = {(r["subject"], r["id"]) for r in rows}
    for name, files in inputs.models.items():
        metrics = _lost("metrics", name, tables.read_table(files.metrics), "video_id")
        rows += [r for r in metrics if (name, r["id"]) not in gone]
    return rows


def _lost(stage: str, subject: str, frame: pl.DataFrame, key: str) -> list[dict[str, Any]]:
    if frame.is_empty():
        return []
    lost = frame.filter(pl.col("status") != tables.OK).select(key, "status", "reason").sort(key, "status")
    return [
        {"stage": stage, "subject": subject, "id": name, "status": status, "reason": reason or "no reason given"}
        for name, status, reason in lost.iter_rows()
    ]


def corpus_summary(inputs: ReportInputs) -> dict[str, Any]:
    """{"items", "ok", "skipped": [{"item_id", "reason"}]}; ok + skipped = items.

    An item is ok when it could be compared: its file was read, and features came of it (or of the same file under
    another item's name).
    """
    manifest = tables.read_table(inputs.manifest, ["item_id", "same_as", "status", "reason"])
    without = {
        row["id"]: row["reason"]
        for row in skipped_rows(inputs)
        if (row["stage"], row["subject"]) == ("features", "corpus")
    }
    skipped = []
    for item, same_as, status, reason in manifest.iter_rows():
        if status != tables.OK:
            skipped.append({"item_id": item, "reason": reason or "no reason given"})
        elif (same_as or item) in without:
            skipped.append({"item_id": item, "reason": without[same_as or item]})
    return {"items": len(manifest), "ok": len(manifest) - len(skipped), "skipped": skipped}


def corpus_tables(inputs: ReportInputs) -> dict[str, pl.DataFrame]:
    """How often clips and captions stand in the corpus, as it is told on the page.

    `corpus`: what was counted, and how many; `multiplicities`: by times in the corpus, ascending, the distinct files
    that stand so often; `captions`: the `MOST_CAPTIONS` captions that stand most often, of those that repeat.
    """
    summary = corpus_summary(inputs)
    frame = tables.read_table(inputs.manifest, ["item_id", "same_as", "caption", "kind", "status"])
    frame = frame.filter(pl.col("status") == tables.OK)
    per_clip = frame.group_by(pl.coalesce("same_as", "item_id").alias("clip")).len()
    captions = frame.drop_nulls("caption").group_by("caption").len().sort(["len", "caption"], descending=[True, False])
    counts = {
        "items": summary["items"],
        "compared": summary["ok"],
        "distinct clips": len(per_clip),
        "clips that stand more than once": len(per_clip.filter(pl.col("len") > 1)),
        "distinct captions": len(captions),
        "images": len(frame.filter(pl.col("kind") == "image")),
        "items without a caption": int(frame["caption"].null_count()),
    }
    most = captions.filter(pl.col("len") > 1).head(MOST_CAPTIONS)
    return {
        "corpus": pl.DataFrame(list(counts.items()), {"what": pl.String, "number": pl.Int64}, orient="row"),
        "multiplicities": per_clip.group_by(pl.col("len").cast(pl.Int64).alias("times"))
        .agg(pl.len().cast(pl.Int64).alias("clips"))
        .sort("times"),
        "captions": most.select("caption", pl.col("len").cast(pl.Int64).alias("times")),
    }
