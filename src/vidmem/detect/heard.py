"""What was heard while videos were sampled, beside what the audit says of them: the material of every detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem import tables

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Names = npt.NDArray[np.object_]

LABELS = ("content", "motion", "either")
MAGNITUDES = (
    "content_magnitude", "motion_magnitude", "uncond_norm", "cosine", "departure", "moved", "departure_motion",
    "moved_motion",
)  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """Signals and verdicts of the videos that have both, sorted by prompt and seed.

    `videos`: video_id, group (its prompt, or itself without one), seed, and content, motion, either (null: no
    verdict). `columns`: signals by name, float64 (videos, steps), and `profile` (videos, steps, latent frames); NaN
    where a signal is missing. Step 0 is the noisiest.
    """

    videos: pl.DataFrame
    columns: dict[str, Floats]

    @property
    def steps(self) -> int:
        """Sampling steps."""
        return int(next(iter(self.columns.values())).shape[1])

    @property
    def seeds(self) -> int:
        """Most videos of one prompt."""
        return int(self.videos.group_by("group").len()["len"].max() or 0)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Units:
    """What is judged: `values` (n,) or (n, features), `labels` (n,) and the prompt of each, `groups` (n,)."""

    values: Floats
    labels: Flags
    groups: Names


def gather(signals: pl.DataFrame, metrics: pl.DataFrame) -> Heard | str:
    """Signals (`tables.SIGNALS`) joined with verdicts (`tables.METRICS`), or why there is nothing to judge."""
    known = signals.filter(pl.col("status") == tables.OK)
    judged = metrics.filter(pl.col("status") == tables.OK)
    if known.is_empty() or judged.is_empty():
        return _why_not(known, signals, metrics)
    content, motion = pl.col("content_memorised"), pl.col("motion_memorised")
    videos = judged.select(
        "video_id",
        pl.coalesce("prompt_id", "video_id").alias("group"),
        pl.col("seed").fill_null(0),
        content.cast(pl.Boolean).alias("content"),
        motion.cast(pl.Boolean).alias("motion"),
        (content.cast(pl.Boolean) | motion.cast(pl.Boolean)).alias("either"),
    ).join(known.select("video_id").unique(), on="video_id", how="semi")
    if videos.is_empty():
        return "no verdicts: no video with signals was judged"
    videos = videos.sort("group", "seed", "video_id").with_row_index("row")
    rows = known.join(videos.select("video_id", "row"), on="video_id")
    shape = (len(videos), int(rows["step"].max() or 0) + 1)  # type: ignore[arg-type]
    at = (rows["row"].to_numpy(), rows["step"].to_numpy())
    columns = {name: _filled(rows, name, at, shape) for name in MAGNITUDES}
    return Heard(videos.drop("row"), {**columns, "profile": _profiles(rows, at, shape)})


def _filled(rows: pl.DataFrame, name: str, at: tuple[npt.NDArray[np.intp], ...], shape: tuple[int, int]) -> Floats:
    table = np.full(shape, np.nan)
    if name in rows.columns:
        table[at] = rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return table


def _profiles(rows: pl.DataFrame, at: tuple[npt.NDArray[np.intp], ...], shape: tuple[int, int]) -> Floats:
    lists = rows["profile"].to_list() if "profile" in rows.columns else []
    frames = max((len(p) for p in lists if p), default=0)
    table = np.full((*shape, frames), np.nan)
    for row, step, profile in zip(*at, lists, strict=True) if lists else ():
        if profile and len(profile) == frames:
            table[row, step] = profile
    return table


def _why_not(known: pl.DataFrame, signals: pl.DataFrame, metrics: pl.DataFrame) -> str:
    """Why there is nothing to detect: no signals, or no verdicts to hold them against."""
    table, otherwise = signals, "no signals: the videos were not sampled by this audit"
    if len(known):
        table, otherwise = metrics, "no verdicts: no video was judged"
    reasons = table["reason"].drop_nulls().unique().sort().to_list()
    return str(reasons[0]) if reasons else otherwise


def units(heard: Heard, values: Floats, label: str, seeds: int) -> Units:
    """Values of videos (videos,) or (videos, features), brought to what is judged; those without value or verdict go.

    With one seed every video stands by itself, under its own verdict. With more the first `seeds` videos of a prompt
    are one unit: the mean of their values, positive if any of them is.
    """
    verdict = heard.videos[label].cast(pl.Int8).fill_null(-1).to_numpy()
    finite = np.isfinite(values) if values.ndim == 1 else np.isfinite(values).all(1)
    keep = finite & (verdict >= 0)
    values, verdict, groups = values[keep], verdict[keep], heard.videos["group"].to_numpy()[keep]
    if seeds == 1 or not len(groups):
        return Units(values, verdict > 0, groups)
    names, first, member = np.unique(groups, return_index=True, return_inverse=True)  # sorted: one prompt is one run
    early = np.arange(len(groups)) - first[member] < seeds
    counts = np.bincount(member[early], minlength=len(names)).astype(float)
    means = np.zeros((len(names), *values.shape[1:]))
    np.add.at(means, member[early], values[early])
    hits = np.bincount(member[early], weights=(verdict > 0)[early], minlength=len(names))
    return Units(means / counts.reshape(-1, *[1] * (values.ndim - 1)), hits > 0, names)
