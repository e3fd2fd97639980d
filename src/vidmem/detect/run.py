"""Stage `detect`: could the memorisation have been noticed while sampling?

Labels are the audit's own verdicts. Prompts, not videos, are the unit: the scores of a prompt's seeds are averaged,
a prompt is positive if any of those videos is, and intervals resample prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from vidmem import tables
from vidmem.detect.combine import TooFewPrompts, out_of_fold
from vidmem.detect.defaults import DEFAULTS, Defaults, defaults_of, mark_defaults, other_of
from vidmem.detect.heard import LABELS, Floats, Heard, Units, gather, units
from vidmem.detect.judge import Row, gain, judge
from vidmem.detect.parts import NothingToCombine, parts, why_silent
from vidmem.detect.passes import noises_asked, pass_parts, pass_units, why_no_pass
from vidmem.detect.registry import COMBINED, DETECTORS, NAMES, PARTS, PASS_DETECTORS, PASS_PARTS, Detector
from vidmem.detect.scores import TooFewSteps, span_score, steps_used
from vidmem.progress import progress

Case = tuple[Units, Row, Floats]  # what was judged, its figures, and the AUC of each bootstrap draw
Judged = dict[tuple[str, str, str, int], Case]  # by detector, label, steps and seeds
Found = tuple[Row, Case | None]


def detect(
    signals: pl.DataFrame,
    metrics: pl.DataFrame,
    passes: pl.DataFrame | None = None,
    *,
    defaults: Defaults = DEFAULTS,
    draws: int = 500,
) -> list[Row]:
    """Rows of `tables.DETECT` from rows of `tables.SIGNALS`, `tables.METRICS` and perhaps `tables.PASSES`.

    What can't be judged is a row that says why: no signals, one latent frame, too few steps, verdicts all alike.
    """
    heard = gather(signals, metrics)
    if isinstance(heard, str):
        names = [n for n in NAMES if n not in PASS_DETECTORS or passes is not None]
        return [_nothing(name, label, _default_span(name), heard) for name in names for label in LABELS]
    rows: list[Row] = []
    judged: Judged = {}
    makers: list[Iterator[Found]] = [_detector(heard, detector, draws) for detector in DETECTORS.values()]
    makers.append(_combined(heard, draws))
    if passes is not None:
        makers.append(_passes(heard, passes, draws))
    for row, case in chain.from_iterable(progress(map(list, makers), len(makers), "detect")):
        rows.append(row)
        if case:
            judged[row["detector"], row["label"], row["steps"], row["seeds"]] = case
    for row in rows:
        row |= _beside(row, judged, defaults)
    return mark_defaults(rows, defaults)


def seeds_asked(most: int) -> list[int]:
    """Numbers of seeds that are reported, of `most` that there are."""
    return sorted({k for k in (1, 4, 16) if k <= most} | {most})


def _detector(heard: Heard, detector: Detector, draws: int) -> Iterator[Found]:
    """Rows of one detector: by label, span and seeds, and by step with all seeds."""
    values = detector.score(heard.columns)
    reason = why_silent(heard, detector, values)
    if reason:
        yield from ((_nothing(detector.name, label, detector.span, reason), None) for label in LABELS)
        return
    for span in detector.spans:
        try:
            score = span_score(values, span, state=detector.state)
        except TooFewSteps as error:
            yield from ((_nothing(detector.name, label, span, str(error)), None) for label in LABELS)
            continue
        yield from _judged(heard, detector.name, span, score, draws, seeds_asked(heard.seeds))
    for step in range(int(detector.state), heard.steps):
        yield from _judged(heard, detector.name, f"step:{step}", values[:, step], draws, [heard.seeds])


def _judged(heard: Heard, name: str, span: str, score: Floats, draws: int, seeds: Sequence[int]) -> Iterator[Found]:
    for label in LABELS:
        for k in seeds:
            cases = units(heard, score, label, k)
            figures, drawn = judge(cases, draws)
            calls = 2 * k * steps_used(span, heard.steps)
            row = {"detector": name, "label": label, "steps": span, "seeds": k, "calls": calls, **figures}
            if span.startswith("step:"):
                row |= {"fpr": [], "tpr": []}
            yield row, (cases, figures, drawn)


def _combined(heard: Heard, draws: int) -> Iterator[Found]:
    for span in PARTS:
        for label in LABELS:
            try:
                values = parts(heard, span)
                for k in seeds_asked(heard.seeds):
                    cases = units(heard, values, label, k)
                    cases = Units(out_of_fold(cases), cases.labels, cases.groups)
                    figures, drawn = judge(cases, draws)
                    calls = 2 * k * max(steps_used(s, heard.steps) for _, s in PARTS[span])
                    row = {"detector": COMBINED, "label": label, "steps": span, "seeds": k, "calls": calls, **figures}
                    yield row, (cases, figures, drawn)
            except (TooFewSteps, TooFewPrompts, NothingToCombine) as error:
                yield _nothing(COMBINED, label, span, str(error)), None


def _passes(heard: Heard, passes: pl.DataFrame, draws: int) -> Iterator[Found]:
    for detector in PASS_DETECTORS.values():
        for label in LABELS:
            reason = why_no_pass(passes, detector)
            if reason:
                yield _nothing(detector.name, label, detector.steps, reason), None
                continue
            for k in seeds_asked(noises_asked(passes, detector.needs)):
                cases = pass_units(heard, passes, detector, label, k)
                yield _passed(detector.name, label, detector.steps, k, k * detector.calls, cases, draws)
    for steps, names in PASS_PARTS.items():
        parted = [PASS_DETECTORS[name] for name in names]
        needs = [column for detector in parted for column in detector.needs]
        for label in LABELS:
            try:
                for k in seeds_asked(noises_asked(passes, needs)):
                    cases = pass_parts(heard, passes, steps, label, k)
                    cases = Units(out_of_fold(cases), cases.labels, cases.groups)
                    calls = k * max(detector.calls for detector in parted)
                    yield _passed(COMBINED, label, steps, k, calls, cases, draws)
            except (TooFewPrompts, NothingToCombine) as error:
                yield _nothing(COMBINED, label, steps, str(error)), None


def _passed(name: str, label: str, steps: str, noises: int, calls: int, cases: Units, draws: int) -> Found:
    figures, drawn = judge(cases, draws)
    row = {"detector": name, "label": label, "steps": steps, "seeds": noises, "calls": calls}
    return row | figures, (cases, figures, drawn)


def _beside(row: Row, judged: Judged, defaults: Defaults) -> Row:
    """The row's detector held against the one that it is compared with, on the same cases."""
    mine = judged.get((row["detector"], row["label"], row["steps"], row["seeds"]))
    other, span = other_of(row["detector"], row["label"], row["steps"], defaults)
    against = judged.get((other or "", row["label"], span, row["seeds"]))
    found = gain(mine, against) if mine and against else {}
    return {"beside": other, **found} if found else {}


def _default_span(name: str) -> str:
    if name in DETECTORS:
        return DETECTORS[name].span
    return PASS_DETECTORS[name].steps if name in PASS_DETECTORS else "first"


def _nothing(detector: str, label: str, span: str, reason: str) -> Row:
    keys = {"detector": detector, "label": label, "steps": span, "seeds": 0, "default": False}
    return {**keys, "positives": 0, "negatives": 0, "status": tables.SKIPPED, "reason": reason}


def write_detect(
    signals: Iterable[Path], metrics: Path, passes: Iterable[Path], settings: Mapping[str, Any], out: Path
) -> None:
    """Read the tables of one model, judge its detectors, and write `tables.DETECT`."""
    extra = list(passes)
    rows = detect(
        read_signals(signals),
        tables.read_table(metrics),
        tables.read_table(extra) if extra else None,
        defaults=defaults_of(settings),
        draws=int(settings["bootstrap"]),
    )
    tables.write_table(out, rows, tables.DETECT, {"settings": dict(settings)})


def read_signals(paths: Iterable[Path]) -> pl.DataFrame:
    """Signals of all chunks of a model; none for a model without any."""
    found: Sequence[Path] = list(paths)
    return tables.read_table(found) if found else pl.DataFrame(schema=["video_id", "status", "reason"])
