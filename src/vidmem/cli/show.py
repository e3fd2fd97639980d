"""What the commands print: short lines and tables for people, or one JSON document for scripts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from vidmem.cli.errors import plain

if TYPE_CHECKING:
    from vidmem.cli.check import Checked
    from vidmem.cli.compare import Comparison
    from vidmem.cli.find import Found, Match
    from vidmem.cli.results import Judged

WIDTH = 120
BARS = " ▁▂▃▄▅▆▇█"
MOST_BARS = 64
COLUMNS = {  # what is judged, by its column in `tables.MATCHES`
    "gsscd_max": "GSSCD",
    "content_normalised": "GSSCD less background",
    "ofs_residual": "OFS",
    "score": "OFS, in deviations from unrelated clips",
}
WITHOUT_NULL = (
    "1 is the same frame, or the same movement. What unrelated videos score depends on what they show, so without a\n"
    "null distribution there is no verdict: --audit results/<audit> puts both beside thresholds of a stated error rate."
)
WITH_NULL = (
    "A line is set for the best match in the whole corpus of a video in the model's output format, so for one pair it\n"
    "is stricter than it says. Scores are held against {background} unrelated clips of the audit."
)


def as_json(data: Mapping[str, Any]) -> str:
    """A JSON document: numbers that are not finite are null."""
    return json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def comparison(found: Comparison) -> str:
    """A comparison in lines."""
    c, m = found.content, found.motion
    lines = [f"a  {plain(found.a)}", f"b  {plain(found.b)}", ""]
    lines += [
        f"content  {c.gsscd_max:.2f}  a at {c.a_time_s:.2f} s, b at {c.b_time_s:.2f} s",
        f"               a run of frames {c.gsscd_k:.2f}, the whole videos {c.vsscd:.2f} (VSSCD)"
        + ("" if c.template is None else f", part of the frame {100 * c.template:.0f} %"),
        f"               most alike: {_span(c.a_start_s, c.a_end_s)} of a, {_span(c.b_start_s, c.b_end_s)} of b",
    ]
    if m is None:
        lines.append(f"motion      -  {found.motion_reason}")
    else:
        spans = f"{_span(m.a_start_s, m.a_end_s)} of a, {_span(m.b_start_s, m.b_end_s)} of b"
        lines += [
            f"motion   {m.ofs_residual:.2f}  {spans}",
            f"               raw flow {m.ofs:.2f}, OFS-3 {m.ofs3:.2f}"
            + (f"; natural motion ({m.natural}), no evidence" if m.natural else ""),
        ]
    lines += ["", "over the time of a, from 0 to 1"]
    lines += [f"content  {bars([s for _, s, _ in found.content_over_time])}"]
    lines += [f"motion   {bars([s for _, s in found.motion_over_time])}"] if found.motion_over_time else []
    if found.audit is None:
        return "\n".join([*lines, "", WITHOUT_NULL])
    return "\n".join([*lines, "", judged(found.judged), WITH_NULL.format(background=found.background)])


def _span(start: float, end: float) -> str:
    return f"{start:.2f} to {end:.2f} s"


def bars(scores: Sequence[float]) -> str:
    """Scores 0..1 as a row of blocks, thinned to `MOST_BARS`."""
    step = max(1, -(-len(scores) // MOST_BARS))
    kept = [max(scores[n : n + step]) for n in range(0, len(scores), step)]
    return "".join(BARS[round(min(max(score, 0.0), 1.0) * (len(BARS) - 1))] for score in kept)


def judged(rows: Iterable[Judged]) -> str:
    """Scores beside thresholds, a line a model and kind."""
    cells = [
        (
            row.model,
            f"{row.kind}: {COLUMNS.get(row.column, row.column)}",
            _number(row.score),
            _number(row.threshold),
            "not stated" if row.fpr is None else f"{100 * row.fpr:g} %",
            "-" if row.p_value is None else f"{row.p_value:.2g}",
            ("reached" if row.reached else "not reached") + (f" ({row.reason})" if row.reason else ""),
        )
        for row in rows
    ]
    return table(("model", "what is judged", "score", "line", "error rate", "p", "the line is"), cells, left=(0, 1, 6))


def found(result: Found) -> str:
    """What a search found, content first."""
    parts = [f"query  {plain(result.query)}", ""]
    for kind, matches in (("content", result.content), ("motion", result.motion)):
        title = {"content": "by content (GSSCD)", "motion": "by motion (held against unrelated clips)"}[kind]
        parts += [title, _matches(matches) if matches else f"  {result.motion_reason or 'nothing'}\n"]
    if result.natural:
        parts.append(f"The movement that matched best is natural ({result.natural}): no evidence.")
    return "\n".join([*parts, judged(result.judged)] if result.judged else parts).rstrip("\n")


def _matches(matches: Sequence[Match]) -> str:
    cells = [
        (
            str(m.rank),
            f"{m.score:.2f}",
            _span(m.start_s, m.end_s),
            _span(m.ref_start_s, m.ref_end_s),
            plain(m.item_id),
            plain(m.caption or "-"),
        )
        for m in matches
    ]
    return table(("", "score", "in the video", "in the clip", "clip", "caption"), cells, left=(2, 3, 4, 5))


def checked(result: Checked, cost_lines: Sequence[str]) -> str:
    """What an audit would run, what that takes, and what is missing."""
    lines = [f"audit {result.audit}: the config is right", ""]
    if result.jobs is not None:
        total = sum(result.jobs.values())
        lines += [f"{total:,} jobs would run now" + (":" if total else ", all is done")]
        lines += [f"  {stage:<11}{count:>7,}" for stage, count in result.jobs.items()] + [""]
    lines += [*cost_lines, f"Free on this disk: {result.free_bytes / 1e9:,.1f} GB."]
    lines += [f"note: {note}" for note in result.notes]
    lines += [f"missing: {what}" for what in result.missing]
    return "\n".join(lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """Rows under a head, in columns; the last one is folded to the width."""
    made = Table(pad_edge=False, collapse_padding=True, box=box.SIMPLE_HEAD)
    for n, name in enumerate(head):
        last = n == len(head) - 1
        made.add_column(name, justify="left" if n in left else "right", no_wrap=not last, overflow="fold")
    for row in rows:
        made.add_row(*map(_escaped, row))
    out = StringIO()
    Console(file=out, width=WIDTH, color_system=None, legacy_windows=False).print(made)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines() if line.strip()) + "\n"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
