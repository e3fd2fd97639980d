"""Two videos against each other: the content score and the motion score of an audit, without a workflow.

The scores are those of the stages `features` and `retrieve`, by their own code; see docs/method.md for the equations,
which are this project's own. A pair has no null distribution, so nothing is called a copy here: only an audit's
thresholds, which were set on videos that can't be copies, say what a score means.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidmem.cli.extract import FeatureTables, default_settings, extract
from vidmem.cli.results import Judged, Results, search_settings
from vidmem.config.analysis import Metrics
from vidmem.metrics.natural import natural_motions
from vidmem.retrieve.background import Background
from vidmem.retrieve.content import content_matches
from vidmem.retrieve.content_row import ContentSettings
from vidmem.retrieve.motion import MotionSettings, motion_matches
from vidmem.retrieve.run import MAX_BACKGROUND
from vidmem.search.library import Library, load_library, sample_library
from vidmem.search.moving import motion_vectors_of
from vidmem.similarity.content import similarities
from vidmem.similarity.motion import windows

Row = dict[str, Any]
A, B = "a", "b"  # ids of the two videos
_SPANS = ("start_s", "end_s")


@dataclass(frozen=True)
class Content:
    """Whether a frame of one video comes back in the other. Times in seconds, ends exclusive; scores as in the method.

    `gsscd_max` in [-1, 1] is of the two frames at `a_time_s` and `b_time_s`; `gsscd_k` of the best run of frames,
    `vsscd` of whole videos. `a_fraction`, `b_fraction`: share of each video's frames with a match in the other at the
    customary similarity. `normalised`: `gsscd_max` less what the frame scores with clips that share nothing with the
    audit's corpus; None without an audit, or where that has no such clips. `template`: the largest part of a frame
    that comes back, as a share of it.
    """

    gsscd_max: float
    a_time_s: float
    b_time_s: float
    gsscd_k: float
    vsscd: float
    a_fraction: float
    b_fraction: float
    a_start_s: float
    a_end_s: float
    b_start_s: float
    b_end_s: float
    normalised: float | None
    template: float | None


@dataclass(frozen=True)
class Motion:
    """Whether the movement of one video comes back in the other, whatever it shows.

    `ofs_residual` in [-1, 1] is our score of the best window of flow fields, with the camera taken out; `ofs` of raw
    flow, `ofs3` of three fields, the study's. `normalised`: held against unrelated clips of the audit, in standard
    deviations; None without one. The windows are the longest that match. `natural`: why such motion is no evidence
    (`still`, `camera`), None where it is some. `speed`: how much faster a plays the movement of b.
    """

    ofs_residual: float
    ofs: float
    ofs3: float
    normalised: float | None
    a_start_s: float
    a_end_s: float
    b_start_s: float
    b_end_s: float
    speed: float
    natural: str | None


@dataclass(frozen=True)
class Comparison:
    """What two videos share.

    `content_over_time`: (time in a, similarity of the most similar frame of b, its time) of each frame of a that is
    compared; `motion_over_time`: (start in a, best score of that window with one of b). `motion` is None where there
    is none to compare, and `motion_reason` says why. `judged` holds both scores beside thresholds of the models of an
    `audit`; `background` counts the unrelated clips that scores were held against.
    """

    a: str
    b: str
    content: Content
    motion: Motion | None
    motion_reason: str | None
    window_s: float
    content_over_time: list[tuple[float, float, float]]
    motion_over_time: list[tuple[float, float]]
    audit: str | None
    background: int
    judged: list[Judged]

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Side:
    """The two videos as libraries of one clip each, and the background, of one kind of features."""

    a: Library
    b: Library
    background: Library


def compare(a: str | Path, b: str | Path, *, audit: str | Path | None = None, model: str | None = None) -> Comparison:
    """Content and motion similarity of two video or image files, with the frames and windows that match best.

    `audit`: the folder `results/<audit>`; features are then made as its own were, scores are held against its
    background clips, and are put beside its models' thresholds, or those of one `model`. A threshold is set for the
    best match in the whole corpus of a video in the model's output format, so for one pair it is stricter than it says.

    The same on every run. Raises `ValueError`, one line, for a file or an audit that can't be used.

    Real footage, and the same shot badly compressed:

    >>> from vidmem import compare
    >>> from vidmem.corpus.made.footage import footage_files
    >>> files = footage_files()
    >>> found = compare(files["carphone_distorted.mp4"], files["carphone_pristine.mp4"])
    >>> 0.6 < found.content.gsscd_max < 0.8
    True
    >>> found.motion.ofs_residual > 0.6, found.motion.natural
    (True, None)
    >>> found.judged  # nothing is called a copy without an audit
    []
    """
    results = None if audit is None else Results(audit)
    features = default_settings() if results is None else results.features_settings
    settings = search_settings(features) if results is None else results.search_settings
    models = [] if results is None else results.chosen(model)
    with tempfile.TemporaryDirectory(prefix="vidmem-") as folder:
        made = extract({A: a, B: b}, features, Path(folder))
        frames, flow = (_side(path, results, kind) for path, kind in ((made.frames, "frames"), (made.flow, "flow")))
        barred = _same_content(frames, float(settings["duplicate_from"]))
        row = _content_row(frames, settings, barred, held=results is not None and not results.corpus_is_null)
        moving = _motion_row(flow, settings, barred)
        reason = None if moving else _too_short(flow, settings)
        natural = None if moving is None else _natural(made, moving, results, settings)
        judged = [one for name in models if results for one in results.judge(name, row, moving, natural)]
        unrelated = len(flow.background) - len(barred[A] & set(flow.background.ids))
        return Comparison(
            a=str(a),
            b=str(b),
            content=_content(row),
            motion=None if moving is None else _motion(moving, natural, results is not None and unrelated >= 2),
            motion_reason=reason,
            window_s=int(settings["window"]) / float(settings["rate_hz"]),
            content_over_time=_content_over_time(frames),
            motion_over_time=_motion_over_time(flow, settings),
            audit=None if results is None else str(audit),
            background=unrelated,
            judged=judged,
        )


def _side(path: Path, results: Results | None, kind: str) -> _Side:
    both = load_library(path)
    numbers = both.numbers()
    a, b = (both.take([numbers[name]] if name in numbers else []) for name in (A, B))
    if results is None:
        return _Side(a, b, both.take([]))
    return _Side(a, b, sample_library(results.background(kind), MAX_BACKGROUND))


def _same_content(frames: _Side, duplicate_from: float) -> dict[str, set[str]]:
    """Background clips that show what one of the two shows, and so are not unrelated to them; the same set for both."""
    clips, both = frames.background, np.concatenate([frames.a.vectors, frames.b.vectors])
    found: set[str] = set()
    if len(clips):
        best = np.maximum.reduceat((both @ clips.vectors.T).max(axis=0), clips.starts[:-1])
        found = {clips.ids[n] for n in np.flatnonzero(best >= duplicate_from)}
    return {A: found, B: found}


def _content_row(frames: _Side, settings: Mapping[str, Any], barred: Mapping[str, set[str]], held: bool) -> Row:
    chosen = ContentSettings(
        segment=int(settings["segment"]),
        match_from=float(settings["match_from"]),
        rate_hz=float(settings["frame_rate_hz"]),
        top_k=1,
    )
    background = frames.background if held else frames.background.take([])
    return content_matches(frames.a, [frames.b], background, chosen, own={}, excluded={}, background_excluded=barred)[0]


def _motion_row(flow: _Side, settings: Mapping[str, Any], barred: Mapping[str, set[str]]) -> Row | None:
    """The row of both videos; None where one has too few fields for a window."""
    chosen = MotionSettings(
        window=int(settings["window"]),
        floor=float(settings["floor"]),
        grid=int(settings["grid"]),
        rate_hz=float(settings["rate_hz"]),
        top_k=1,
        candidates=1,
        speeds=tuple(settings["speeds"]),
    )
    background = Background(flow.background.ids, motion_vectors_of(flow.background, chosen.grid))
    rows = motion_matches(flow.a, [flow.b], background, chosen, own={}, excluded={}, background_excluded=barred)
    return rows[0] if rows else None


def _too_short(flow: _Side, settings: Mapping[str, Any]) -> str:
    window, counts = int(settings["window"]), {A: len(flow.a.vectors), B: len(flow.b.vectors)}
    short = [f"{name} has {count}" for name, count in counts.items() if count < window]
    return f"too short to compare movements: a window has {window} flow fields, {' and '.join(short)}"


def _natural(made: FeatureTables, row: Row, results: Results | None, settings: Mapping[str, Any]) -> str | None:
    """Why the matched window of a is no evidence: still, or the camera's motion alone."""
    chosen = results.metrics_settings() if results else _default_metrics(settings)
    return natural_motions([made.flow], {A: row}, chosen)[A].reason


def _default_metrics(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**Metrics().model_dump(), "grid": settings["grid"], "window": settings["window"]}


def _content(row: Row) -> Content:
    sides = {f"{side}_{what}": row[f"{ours}_{what}"] for side, ours in ((A, "gen"), (B, "ref")) for what in _SPANS}
    return Content(
        gsscd_max=row["gsscd_max"],
        a_time_s=row["gen_time_s"],
        b_time_s=row["ref_time_s"],
        gsscd_k=row["gsscd_k"],
        vsscd=row["vsscd"],
        a_fraction=row["gen_fraction"],
        b_fraction=row["ref_fraction"],
        normalised=row["content_normalised"],
        template=row.get("template"),
        **sides,
    )


def _motion(row: Row, natural: str | None, held: bool) -> Motion:
    sides = {f"{side}_{what}": row[f"{ours}_{what}"] for side, ours in ((A, "gen"), (B, "ref")) for what in _SPANS}
    return Motion(
        ofs_residual=row["ofs_residual"],
        ofs=row["ofs"],
        ofs3=row["ofs3"],
        normalised=row["score"] if held else None,
        speed=row["speed"],
        natural=natural,
        **sides,
    )


def _content_over_time(frames: _Side) -> list[tuple[float, float, float]]:
    s = similarities(frames.a.vectors, frames.b.vectors)
    best = s.argmax(axis=1)
    times = zip(frames.a.times_s, s.max(axis=1), frames.b.times_s[best], strict=True)
    return [(float(time), float(score), float(there)) for time, score, there in times]


def _motion_over_time(flow: _Side, settings: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Best score of each window of a, at its own speed."""
    grid, window, floor = int(settings["grid"]), int(settings["window"]), float(settings["floor"])
    if not len(flow.a) or not len(flow.b):
        return []
    x, y = (windows(motion_vectors_of(side, grid)[0], window, floor) for side in (flow.a, flow.b))
    if not len(x) or not len(y):
        return []
    return [(float(t), float(s)) for t, s in zip(flow.a.times_s, (x @ y.T).max(axis=1), strict=False)]
