"""What the report says about the corpus: what was compared, what was skipped and why, what stands twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem import tables
from vidmem.report.inputs import ReportInputs, read_all

MOST_CAPTIONS = 5  # on the page
Counted = tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]  # hashes, and how often each was there
SKIPPED: dict[str, Any] = {
    "stage": pl.String,
    "subject": pl.String,
    "id": pl.String,
    "status": pl.String,
    "reason": pl.String,
}


def skipped_rows(inputs: ReportInputs) -> list[dict[str, Any]]:
    """One row a thing that isn't ok, at the first stage that lost it: corpus items, generated videos, features."""
    rows = _lost("corpus", "corpus", _not_ok([inputs.manifest], "item_id"), "item_id")
    for name, files in inputs.models.items():
        rows += _lost("generate", name, read_all(s.table for s in files.videos), "video_id")
    gone = {(r["subject"], r["id"]) for r in rows}
    for name, found in inputs.features.items():
        rows += [r for r in _lost("features", name, _not_ok(found.items), "video_id") if (name, r["id"]) not in gone]
    gone = {(r["subject"], r["id"]) for r in rows}
    for name, files in inputs.models.items():
        metrics = _lost("metrics", name, tables.read_table(files.metrics), "video_id")
        rows += [r for r in metrics if (name, r["id"]) not in gone]
    return rows


def _not_ok(paths: Sequence[Path], key: str = "video_id") -> pl.DataFrame:
    """Of the corpus' tables what is not ok; no more of them is held, for they may be large."""
    return (
        tables.read_where(paths, pl.col("status") != tables.OK, [key, "status", "reason"]) if paths else pl.DataFrame()
    )


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
    without = {
        row["id"]: row["reason"]
        for row in skipped_rows(inputs)
        if (row["stage"], row["subject"]) == ("features", "corpus")
    }
    file = pl.coalesce("same_as", "item_id")
    lost = (pl.col("status") != tables.OK) | file.is_in(list(without))
    found = tables.read_where(inputs.manifest, lost, ["item_id", "same_as", "status", "reason"]).with_columns(file=file)
    skipped = [
        {
            "item_id": row["item_id"],
            "reason": without[row["file"]] if row["status"] == tables.OK else row["reason"] or "no reason given",
        }
        for row in found.iter_rows(named=True)
    ]
    items = tables.count_rows(inputs.manifest)
    return {"items": items, "ok": items - len(skipped), "skipped": skipped}


def corpus_tables(inputs: ReportInputs) -> dict[str, pl.DataFrame]:
    """How often clips and captions stand in the corpus, as it is told on the page.

    `corpus`: what was counted, and how many; `multiplicities`: by times in the corpus, ascending, the distinct files
    that stand so often; `captions`: the `MOST_CAPTIONS` captions that stand most often, of those that repeat.
    """
    summary = corpus_summary(inputs)
    clips, captions, images = _counted(inputs)
    times, distinct = np.unique(clips[1], return_counts=True)
    counts = {
        "items": summary["items"],
        "compared": summary["ok"],
        "distinct clips": len(clips[0]),
        "clips that stand more than once": int((clips[1] > 1).sum()),
        "distinct captions": len(captions[0]),
        "images": images,
        "items without a caption": int(clips[1].sum() - captions[1].sum()),
    }
    return {
        "corpus": pl.DataFrame(list(counts.items()), {"what": pl.String, "number": pl.Int64}, orient="row"),
        "multiplicities": pl.DataFrame({"times": times, "clips": distinct}, {"times": pl.Int64, "clips": pl.Int64}),
        "captions": _most_frequent(inputs, *captions),
    }


def _counted(inputs: ReportInputs) -> tuple[Counted, Counted, int]:
    """Clips and captions of the ok items, each as hashes and how often they stand, and the number of images.

    A hash takes 8 bytes an item, whatever its caption takes: ten million items fit in memory.
    """
    clips, captions, images = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)], 0
    for frame in tables.iter_ok(inputs.manifest, ["item_id", "same_as", "caption", "kind"]):
        clips.append(frame.select(pl.coalesce("same_as", "item_id").hash()).to_series().to_numpy())
        captions.append(frame["caption"].drop_nulls().hash().to_numpy())
        images += int((frame["kind"] == "image").sum())
    return _times(clips), _times(captions), images


def _times(hashes: list[npt.NDArray[np.uint64]]) -> Counted:
    found, times = np.unique(np.concatenate(hashes), return_counts=True)
    return found, times.astype(np.int64)


def _most_frequent(inputs: ReportInputs, hashes: npt.NDArray[np.uint64], times: npt.NDArray[np.int64]) -> pl.DataFrame:
    """The `MOST_CAPTIONS` captions that stand most often, of those that repeat; of equals the first by the alphabet."""
    least = max([2, *np.sort(times)[-MOST_CAPTIONS:][:1].tolist()])
    known = pl.DataFrame({"hash": hashes[times >= least], "times": times[times >= least]})
    most = pl.DataFrame(schema={"caption": pl.String, "times": pl.Int64})
    for frame in tables.iter_ok(inputs.manifest, ["caption"]) if len(known) else ():
        here = frame.select("caption").drop_nulls().unique().with_columns(hash=pl.col("caption").hash())
        both = pl.concat([most, here.join(known, on="hash").select("caption", "times")]).unique()
        most = both.sort(["times", "caption"], descending=[True, False]).head(MOST_CAPTIONS)
    return most
