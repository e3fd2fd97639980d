"""Numbers and hostile text as the page shows them: template filters, and the answer in three sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from vidmem.report.thresholds import KINDS

MOST_TEXT = 400  # characters of a caption that are shown
JUDGED = ("precision", "recall")


def percent(value: float | None) -> str:
    """A share as percent: one decimal near 0 and 1, where it matters, none between; a dash for None."""
    if value is None:
        return "–"
    if value in (0.0, 1.0) or 0.1 <= value <= 0.9:
        return f"{100 * value:.0f} %"
    return f"{100 * value:.1f} %"


def interval(low: float | None, high: float | None) -> str:
    """An interval of shares in percent, `12–34 %`; empty for None."""
    if low is None or high is None:
        return ""
    digits = 1 if 0 < high - low < 0.1 else 0
    return f"{_trim(100 * low, digits)}–{_trim(100 * high, digits)} %"


def _trim(value: float, digits: int) -> str:
    return f"{value:.0f}" if abs(value - round(value)) < 1e-9 else f"{value:.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """A difference with its sign, `−0.210`; a dash for None."""
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", "−")


def points(value: float | None) -> str:
    """A difference of shares in percentage points with its sign, `−21.0`; a dash for None."""
    return signed(None if value is None else 100 * value, 1)


def number(value: float | None, digits: int = 2) -> str:
    """A number with fixed decimals; a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def p_value(value: float | None) -> str:
    """A p-value with two digits that count; a dash for None."""
    if value is None:
        return "–"
    if value >= 0.0095:
        return f"{value:.2f}"
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return (
        f"{mantissa} × 10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")) if value else "0"
    )


def plain(text: str | None, most: int = MOST_TEXT) -> str:
    """Text of strangers on one line: control characters become U+FFFD, white space is folded, the length bounded."""
    folded = " ".join(re.sub(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]", "\ufffd", text or "").split())
    return folded if len(folded) <= most else folded[: most - 1] + "…"


def plural(count: int, one: str, many: str | None = None) -> str:
    """`3 videos`, `1 video`, `1,024 videos`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def seconds(start: float, end: float) -> str:
    """A range of time, `0.4–1.9 s`, or one moment, `0.25 s`, with two decimals where they say something."""
    first, last = (f"{value:.2f}".rstrip("0").rstrip(".") for value in (start, end))
    return f"{first} s" if first == last else f"{first}–{last} s"


def span(times: Sequence[float] | npt.NDArray[np.float64]) -> str:
    """From the first of some times in seconds to the last, `0.40 to 1.90 s`, always with two decimals."""
    return f"{max(times[0], 0):.2f} to {times[-1]:.2f} s"


def when(gen: tuple[float, float], ref: tuple[float, float], ref_kind: str | None) -> str:
    """Which time of the video is which time of the reference, as a sentence without its full stop."""
    if ref_kind == "image":
        return f"{seconds(*gen)} of the video is the image"
    return f"{seconds(*gen)} of the video is {seconds(*ref)} of the clip"


FILTERS = {
    "percent": percent,
    "number": number,
    "signed": signed,
    "points": points,
    "p_value": p_value,
    "plain": plain,
    "plural": plural,
}


def answer(
    summary: Mapping[str, Any],
    detectors: Mapping[str, Mapping[str, Any]],
    pooled: Mapping[str, Any],
    null: Mapping[str, int],
) -> list[Markup]:
    """Three sentences: what content comes back, what motion, and how sure that is and whether it shows while sampling.

    `detectors`: default rows of the detect tables by model and kind; `pooled`: precision and recall of all verdicts on
    models of known truth, with intervals, by kind; `null`: null videos by kind.
    """
    models = summary["models"]
    videos = sum(m["videos"] for m in models.values())
    opening = f"Of {plural(videos, 'video')} from {plural(len(models), 'model')}, compared with "
    opening += f"{plural(summary['corpus']['ok'], 'training item')}, "
    content = Markup("{}{}{}.").format(opening, _extent(models, "content", "training content"), _parts(models))
    motion = Markup("Beyond motion that anyone's video has, {}.").format(_extent(models, "motion", "training motion"))
    return [content, motion, _sureness(summary, detectors, pooled, null)]


def _extent(models: Mapping[str, Any], kind: str, what: str) -> Markup:
    rated = {name: m[kind] for name, m in models.items() if m[kind]["rate"] is not None}
    count = sum(round(m[kind]["rate"] * m["videos"]) for m in models.values() if m[kind]["rate"] is not None)
    verb = "reproduces" if count == 1 else "reproduce"
    text = Markup("<strong>{}</strong> {} {}").format(f"{count:,}" if count else "none", verb, what)
    if not rated:
        return text
    top = max(rated, key=lambda name: rated[name]["rate"])
    low = min(rated, key=lambda name: rated[name]["rate"])
    if rated[top]["rate"] == rated[low]["rate"]:
        return (
            text + Markup(" (every model {})").format(_rate(rated[top]))
            if len(rated) > 1
            else text + Markup(" ({})").format(_rate(rated[top]))
        )
    most = Markup("; most of all <b>{}</b>, {}").format(top, _rate(rated[top]))
    return text + most + Markup(", least <b>{}</b>, {}").format(low, _rate(rated[low]))


def _parts(models: Mapping[str, Any]) -> Markup:
    count = sum(m["verdicts"]["template"] for m in models.values())
    more = Markup("; of <strong>{}</strong> more a part of the frame comes back").format(f"{count:,}")
    return more if count else Markup("")


def _rate(kind: Mapping[str, Any]) -> Markup:
    return _share(kind["rate"], *(kind["ci95"] or (None, None)))


def _share(value: float | None, low: float | None, high: float | None) -> Markup:
    shown = interval(low, high)
    tail = Markup(' <span class="iv">[{}]</span>').format(shown) if shown else ""
    return Markup("<strong>{}</strong>{}").format(percent(value), tail)


def _sureness(
    summary: Mapping[str, Any], detectors: Mapping[str, Any], pooled: Mapping[str, Any], null: Mapping[str, int]
) -> Markup:
    rates = {m[k]["fpr"] for m in summary["models"].values() for k in KINDS}
    known = {r for r in rates if r is not None}
    if known:
        share = " or ".join(percent(r) for r in sorted(known))
        text = Markup("The thresholds allow <strong>{}</strong> false alarms, set on {}").format(
            share, plural(max(null.values(), default=0), "video") + " that can't be copies"
        )
        if None in rates:
            text += " (where those do not suffice no rate is stated)"
    else:
        text = Markup("No false-alarm rate can be stated, for there are too few videos that can't be copies")
    judged = pooled.get("content") or {}
    if judged.get("precision") is not None and judged.get("recall") is not None:
        text += Markup(
            "; where it is known what was planted, {} of content verdicts are right and {} of copies are found"
        ).format(*(_share(judged[name], judged[f"{name}_low"], judged[f"{name}_high"]) for name in JUDGED))
    return text + _heard(detectors) + Markup(".")


def _heard(detectors: Mapping[str, Any]) -> Markup:
    rows = [(n, r["content"]) for n, r in detectors.items() if (r.get("content") or {}).get("auc") is not None]
    if not rows:
        return Markup("; no detection while sampling could be judged")
    # The model with the most of the rarer class says most about a detector.
    name, row = max(rows, key=lambda pair: min(pair[1]["positives"] or 0, pair[1]["negatives"] or 0))
    steps = {"first": "at the first sampling step", "first5": "over the first five sampling steps"}
    steps |= {"half": "by the middle of sampling", "draft": "in a draft of two steps, before any sampling,"}
    when = steps.get(row["steps"], "over all sampling steps")
    bounds = Markup("")
    if row["auc_low"] is not None and row["auc_high"] is not None:
        bounds = Markup(' <span class="iv">[{}–{}]</span>').format(number(row["auc_low"]), number(row["auc_high"]))
    return Markup(
        "; {} the denoiser's own signal tells copies of <b>{}</b> apart with AUC <strong>{}</strong>{}"
    ).format(when, name, number(row["auc"]), bounds)
