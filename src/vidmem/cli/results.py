"""What a finished audit lets others know: its corpus' features, what they are searched by, and its thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from vidmem import tables
from vidmem.cli.errors import Failure
from vidmem.config import Audit
from vidmem.config.analysis import Metrics
from vidmem.metrics.natural import common
from vidmem.metrics.thresholds import Calibration
from vidmem.plan.settings import Settings
from vidmem.stats import Null

KINDS = ("content", "motion")


@dataclass(frozen=True)
class Judged:
    """A score beside the threshold of one model: `score` of the kind `column` names, and whether it reaches it.

    `fpr` is the false-positive rate that the threshold states, None where the audit could state none (`reason`);
    `p_value` the chance of such a score for a video that can't be a copy, None where it isn't known. `reached` is False
    too for natural motion, and `reason` then says which. `score` is None where there is none to judge.
    """

    model: str
    kind: str
    column: str
    score: float | None
    threshold: float
    fpr: float | None
    p_value: float | None
    reached: bool
    reason: str | None


def search_settings(features: Mapping[str, Any], corpus_is_null: bool = False) -> dict[str, Any]:
    """Settings of the stage `retrieve` by default, for features that were made with these settings."""
    known = {name: features[name] for name in ("frames", "flow", "crop", "sampling") if name in features}
    audit = Audit.model_validate({"audit": "pair", "corpus": {"kind": "made"}, "features": known})
    return Settings(audit, sampled=False, corpus_is_null=corpus_is_null).of("retrieve")


def _audit_of(folder: Path) -> Path:
    """`results/<audit>` of itself, and of `results/<audit>/features/corpus`."""
    parts = folder.absolute()
    return parts.parents[1] if (parts.parent.name, parts.name) == ("features", "corpus") else folder


class Results:
    """The folder `results/<audit>` of an audit whose corpus has features, or that of these features. Only read.

    Raises `Failure`, one line, for a folder that is none.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = _audit_of(Path(folder).expanduser())
        self.corpus_frames = self._chunks("frames")
        self.corpus_flow = self._chunks("flow")
        self.manifest = self.folder / "corpus" / "corpus.parquet"
        if not self.corpus_frames or not self.manifest.is_file():
            raise Failure(
                f"{self.folder}: no audit with features of its corpus; give results/<audit> of one that was run"
            )
        lacking = [p for p in (*self.corpus_flow, *self._background()) if not p.is_file()]
        if lacking:
            raise Failure(f"{lacking[0]}: is missing, the audit is not finished; run it first")
        # branches under remedies bear a full stop, and are judged by their model's thresholds
        self.models = sorted(p.stem for p in (self.folder / "metrics").glob("*.parquet") if "." not in p.stem)

    def _chunks(self, suffix: str) -> list[Path]:
        found = (self.folder / "features" / "corpus").glob("*.frames.parquet")
        names = sorted((p.name for p in found), key=lambda name: (len(name), name))
        return [self.folder / "features" / "corpus" / n.replace(".frames.", f".{suffix}.") for n in names]

    def _background(self) -> list[Path]:
        return [] if self.corpus_is_null else [*self.background("frames"), *self.background("flow")]

    @property
    def corpus_is_null(self) -> bool:
        """Whether the audit had no held-out clips, so that scores are held against the corpus itself."""
        return not (self.folder / "features" / "heldout").is_dir()

    def background(self, suffix: str) -> list[Path]:
        """Feature tables of the clips that scores are held against."""
        if self.corpus_is_null:
            return self.corpus_frames if suffix == "frames" else self.corpus_flow
        return [self.folder / "features" / "heldout" / f"background.{suffix}.parquet"]

    @property
    def features_settings(self) -> dict[str, Any]:
        """How the corpus' features were made, as `config.features.Features` has it."""
        settings: dict[str, Any] = tables.read_made_by(self.corpus_frames[0])["settings"]
        return settings

    @property
    def search_settings(self) -> dict[str, Any]:
        """How the audit searched its corpus; the defaults where it searched for no model yet."""
        for model in self.models:
            path = self.folder / "retrieve" / f"{model}.parquet"
            if path.is_file():
                settings: dict[str, Any] = tables.read_made_by(path)["settings"]
                return settings
        return search_settings(self.features_settings, self.corpus_is_null)

    def chosen(self, model: str | None) -> list[str]:
        """The models whose thresholds are asked for: all, or the one that is named."""
        if model is None:
            return self.models
        if model not in self.models:
            there = f"there are {', '.join(self.models)}" if self.models else "it has thresholds of none"
            raise Failure(f"{self.folder}: no model {model!r}; {there}")
        return [model]

    def metrics_settings(self) -> dict[str, Any]:
        """What is natural motion, by the audit; by default where it has no model."""
        chosen = [self.folder / "metrics" / f"{model}.parquet" for model in self.models[:1]]
        found = tables.read_made_by(chosen[0])["settings"] if chosen else Metrics().model_dump()
        search = self.search_settings
        return {**found, "grid": search["grid"], "window": search["window"]}

    def judge(
        self, model: str, content: Mapping[str, Any] | None, motion: Mapping[str, Any] | None, natural: str | None
    ) -> list[Judged]:
        """A video's best matches (rows of `tables.MATCHES`) beside the thresholds of a model."""
        made = tables.read_made_by(self.folder / "metrics" / f"{model}.parquet")
        rows = {"content": content, "motion": motion}
        return [_judged(model, kind, made[kind], rows[kind], natural, made["settings"]) for kind in KINDS]

    def items(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Caption, length and where the file lies (see `tables.MANIFEST`) of corpus items, by item_id."""
        columns = ["item_id", "corpus", "path", "offset", "size", "caption", "kind", "duration_s", "sha256"]
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        rows = [("item_id", "in", wanted)]
        frame = pl.DataFrame(
            pl.from_arrow(pq.read_table(self.manifest, columns=columns, filters=rows, partitioning=None))
        )
        return {row["item_id"]: row for row in frame.iter_rows(named=True)}

    def corpus_folders(self) -> dict[str, Path]:
        """The folder of each source of the corpus by its name; none where it isn't recorded."""
        listing = self.folder / "corpus" / "corpus" / "listing.parquet"
        sources = tables.read_made_by(listing).get("sources", {}) if listing.is_file() else {}
        return {name: self._folder(Path(settings["folder"]).expanduser()) for name, settings in sources.items()}

    def _folder(self, written: Path) -> Path:
        """A folder of the config: seen from where snakemake ran, or what the audit made itself and lies in it."""
        ran_in = self.folder.resolve().parents[1]  # results/<audit> lies there
        made = self.folder / Path(*written.parts[2:])
        return made if written.parts[:1] == ("results",) and made.is_dir() else ran_in / written

    def stored_frames(self, item: str) -> dict[str, list[Any]]:
        """Times and grey pictures (`tables.frames_schema`) of a corpus clip's frames."""
        columns, found = ["time_s", "picture"], []
        for path in self.corpus_frames:
            found.append(pq.read_table(path, columns=columns, filters=[("video_id", "=", item)], partitioning=None))
        stored: dict[str, list[Any]] = pa.concat_tables(found).to_pydict()
        return stored


def _judged(
    model: str,
    kind: str,
    line: Mapping[str, Any],
    row: Mapping[str, Any] | None,
    natural: str | None,
    settings: Mapping[str, Any],
) -> Judged:
    column, threshold, fpr, reason = str(line["column"]), float(line["threshold"]), line["fpr"], line["reason"]
    value = None if row is None else row.get(column)
    score = None if value is None else float(value)
    if score is None:
        why = "no such score for this video" if row is not None else "nothing to compare"
        return Judged(model, kind, column, None, threshold, fpr, None, False, why)
    reached = score >= threshold
    if kind == "motion":
        calibration = Calibration(threshold, line["customary"], fpr, line["null_videos"], None)
        if natural is None and common((row or {}).get("background"), calibration, settings):
            natural = "common"
        if natural is not None:
            reached, reason = False, f"natural motion: {natural}"
    return Judged(model, kind, column, score, threshold, fpr, _p_value(line["null_scores"], score), reached, reason)


def _p_value(null_scores: Sequence[float], score: float) -> float | None:
    if len(null_scores) < 2:
        return None
    return float(Null.fit(np.asarray(null_scores)).p_values(np.array([score]))[0])
