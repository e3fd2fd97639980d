"""What the report reads: paths of every stage's tables, and the few readers that more than one part needs.

The report stands on the roof: it sees all tables, so a change to a stage that keeps the schemas changes nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from vidmem import tables
from vidmem.userfiles import Roots


@dataclass(frozen=True)
class VideoShard:
    """One shard of videos: its table (`tables.VIDEOS`), and the folder that the table's paths start from."""

    table: Path
    media_root: Path


@dataclass(frozen=True)
class FeatureFiles:
    """Feature tables of one subject (a model, or `corpus`); lists may be empty."""

    items: Sequence[Path] = ()
    frames: Sequence[Path] = ()
    flow: Sequence[Path] = ()


@dataclass(frozen=True)
class ModelFiles:
    """Everything that the stages made for one model."""

    videos: Sequence[VideoShard]
    matches: Path
    metrics: Path
    detect: Path | None = None  # None, or a table of skipped rows: the model gives no signals
    truth: Path | None = None  # None: nothing was planted
    signals: Sequence[Path] = ()


@dataclass(frozen=True)
class Compared:
    """Videos of a model or of a branch of it under a remedy, and the benchmarks of the jobs that sampled them."""

    videos: Sequence[VideoShard]
    benchmarks: Sequence[Path] = ()


@dataclass(frozen=True)
class MitigationFiles:
    """What remedies did to a model: `tables.MITIGATE`, `tables.ASKED_AGAIN`, and the videos of both sides."""

    table: Path
    prompts: Path
    base: Compared
    branches: Mapping[str, Compared]


@dataclass(frozen=True)
class Side:
    """One of two audits that are compared: its metrics tables by model, and its prompts where it has any.

    `videos`: tables of the models' videos, which name the files of those that have no prompt.
    """

    audit: str
    metrics: Mapping[str, Path]
    prompts: Path | None = None
    videos: Mapping[str, Sequence[Path]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportInputs:
    """The report's inputs.

    `features` is keyed by subject (`corpus` and the models' names), `benchmarks` by stage (Snakemake's TSV files),
    `datasets` by audit (tables under `tables.DATASET`, this audit's first; of other audits they may not be there yet).
    """

    audit: str
    config: Mapping[str, Any]
    manifest: Path
    corpus_root: Roots  # one folder, or one for each corpus by its name
    prompts: Path | None
    models: Mapping[str, ModelFiles]
    features: Mapping[str, FeatureFiles] = field(default_factory=dict)
    benchmarks: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    effective_size: Path | None = None  # None: no model was trained on several numbers of clips
    datasets: Mapping[str, Path] = field(default_factory=dict)
    transfer: Path | None = None  # None: there are no two models to take a threshold from one to the other
    mitigate: Mapping[str, MitigationFiles] = field(default_factory=dict)  # by model; empty: no remedy was tried
    compare: Sequence[Side] = ()  # two audits, or none
    duplicates: Path | None = None  # None: what stands more than once in the corpus was told by captions alone

    @property
    def draws(self) -> int:
        """Bootstrap draws for the intervals."""
        return int((self.config.get("metrics") or {}).get("bootstrap", 1000))


def read_all(paths: Iterable[Path], columns: list[str] | None = None) -> pl.DataFrame:
    """Rows of several tables of one schema; an empty frame without columns for no paths."""
    found = list(paths)
    return tables.read_table(found, columns) if found else pl.DataFrame()


def ok_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows whose status is ok."""
    return frame.filter(pl.col("status") == tables.OK) if "status" in frame.columns else frame


def text_of(prompts: Path | None) -> dict[str, str]:
    """Prompt texts by prompt_id."""
    if prompts is None:
        return {}
    frame = tables.read_table(prompts, ["prompt_id", "text"])
    return {key: text or "" for key, text in frame.iter_rows()}


def numbers(frame: pl.DataFrame, column: str) -> npt.NDArray[np.float64]:
    """The finite values of a column, as float64 of shape (n,)."""
    if column not in frame.columns:
        return np.empty(0)
    values = frame[column].cast(pl.Float64).drop_nulls().to_numpy()
    return np.asarray(values[np.isfinite(values)], np.float64)


def flow_of(paths: Iterable[Path], ids: Sequence[str]) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[Any]]]:
    """Flow of the videos `ids`: times (n,) in seconds and vectors (n, 2 * grid * grid) float32, by video_id."""
    found: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[Any]]] = {}
    wanted = pa.array(list(ids), pa.string())
    for path in paths if ids else ():
        batches = tables.iter_batches(path, ["video_id", "time_s", "vector"])
        parts = [part.filter(pc.is_in(part.column("video_id"), wanted)) for part in batches]
        if not parts:
            continue
        table = pa.Table.from_batches(parts)
        names = np.asarray(table.column("video_id").to_pylist(), object)
        times = table.column("time_s").to_numpy()
        vector = table.column("vector").combine_chunks()
        flat = np.asarray(vector.flatten().to_numpy(zero_copy_only=False), np.float32)
        rows = flat.reshape(len(names), -1) if len(names) else flat
        for name in dict.fromkeys(names):
            mine = np.flatnonzero(names == name)
            mine = mine[np.argsort(times[mine], kind="stable")]
            found[name] = times[mine], rows[mine]
    return found
