"""A page a prompt: what every model made of it with every seed, beside the clips that it stands for; and a list of all.

The small pictures are those that the features hold of every video (`thumbnail` in colour, `picture` in finer grey), so
that ten thousand videos are shown without decoding one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from vidmem import tables
from vidmem.progress import progress
from vidmem.report.environment import environment, frame_of
from vidmem.report.findings import finding_id
from vidmem.report.inputs import ReportInputs
from vidmem.report.privacy import OMIT, SHOW
from vidmem.report.rates import IN_NO_SET
from vidmem.report.sources import references
from vidmem.report.thresholds import KINDS
from vidmem.report.thumbs import SIDE, Sheet, thumbs_of

NO_PROMPT = "no-prompt.html"
MOST_REFERENCES = 6  # on a page
MOST_VIDEOS = 400  # on a page: of a folder without prompts there may be any number


@dataclass(frozen=True)
class Prompt:
    """One prompt and the rows of `tables.METRICS`, with `model`, of all its videos; `page` None: none is written."""

    prompt_id: str | None
    text: str | None
    prompt_set: str
    times: int | None  # how often it stands in the corpus
    sources: tuple[str, ...]
    videos: tuple[dict[str, Any], ...]
    page: str | None

    def called(self, kind: str) -> int:
        """Videos that were called memorised by `kind`."""
        return sum(bool(row[f"{kind}_memorised"]) for row in self.videos)


def prompts_of(inputs: ReportInputs, videos: pl.DataFrame, most: int) -> list[Prompt]:
    """All prompts with videos, the surest finding's first; the first `most` of them have a page, as has no prompt."""
    known = tables.read_table(inputs.prompts).to_dicts() if inputs.prompts else []
    by_id = {row["prompt_id"]: row for row in known}
    order = {name: i for i, name in enumerate(inputs.models)}
    groups: dict[str | None, list[dict[str, Any]]] = {}
    for row in videos.sort("seed", "video_id", nulls_last=True).iter_rows(named=True):
        groups.setdefault(row["prompt_id"], []).append(row)
    ranked = sorted(groups, key=lambda key: (key is None, *_rank(groups[key]), key or ""))
    found = []
    for place, key in enumerate(ranked):
        rows = sorted(groups[key], key=lambda row: order[row["model"]])  # stable: by seed within a model
        said = by_id.get(key or "", {})
        page = NO_PROMPT if key is None else _file(key) if place < most else None
        name = said.get("set") or rows[0]["prompt_set"] or IN_NO_SET
        sources = tuple(said.get("source_ids") or ())
        found.append(Prompt(key, said.get("text"), name, said.get("duplicates"), sources, tuple(rows), page))
    return found


def _rank(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The least p-value of what was called memorised (2: nothing was), then the highest content score."""
    sure = [
        1.0 if row[f"{kind}_p_value"] is None else row[f"{kind}_p_value"]
        for row in rows
        for kind in KINDS
        if row[f"{kind}_memorised"]
    ]
    return min(sure, default=2.0), -max((row["content_score"] or 0.0 for row in rows), default=0.0)


def _file(prompt_id: str) -> str:
    safe = prompt_id if re.fullmatch(r"[0-9a-z]{1,64}", prompt_id) else hashlib.sha256(prompt_id.encode()).hexdigest()
    return f"{safe}.html"


def write_prompt_pages(
    inputs: ReportInputs, settings: Mapping[str, Any], prompts: Sequence[Prompt], shown: set[str], out: Path
) -> None:
    """Write `out/index.html` and the pages with their pictures. `shown`: ids of the findings that the gallery holds."""
    out.mkdir(parents=True, exist_ok=True)
    how = str(settings.get("references", SHOW))
    title = str(settings.get("title", "Memorisation audit"))
    paged = [prompt for prompt in prompts if prompt.page]
    refs = {p.page: _references(p) if how != OMIT else () for p in paged}
    known = references(inputs, {name for ids in refs.values() for name in ids})
    wanted = {
        m: {r["video_id"] for p in paged for r in p.videos[:MOST_VIDEOS] if r["model"] == m} for m in inputs.models
    }
    wanted["corpus"] = {ref.flow_id for ref in known.values()} | set(known)
    thumbs = thumbs_of(inputs, wanted)
    made, shared = environment(), frame_of(styles=("style.css", "prompts.css"))
    page = made.get_template("prompt.html.j2")
    for prompt in progress(paged, len(paged), "prompts") if paged else ():
        sheet = Sheet(thumbs, how)
        beside = [(name, known[name], sheet.reference(name, known[name].flow_id)) for name in refs[prompt.page]]
        rows = [_row(row, sheet, shown) for row in prompt.videos[:MOST_VIDEOS]]
        name = str(prompt.page).replace(".html", ".webp")
        sheet.save(out / name)
        text = page.render(
            title=title, audit=inputs.audit, prompt=prompt, rows=rows, beside=beside, sheet=name, height=sheet.height,
            most=MOST_VIDEOS, side=SIDE, references=how, **shared,
        )  # fmt: skip
        (out / str(prompt.page)).write_text(text, encoding="utf-8", newline="\n")
    listed = frame_of(("prompts.js",), ("style.css", "prompts.css"))
    text = made.get_template("prompts.html.j2").render(title=title, audit=inputs.audit, prompts=prompts, **listed)
    (out / "index.html").write_text(text, encoding="utf-8", newline="\n")


def _references(prompt: Prompt) -> tuple[str, ...]:
    """The prompt's own clip first, then what its videos were found to match."""
    matched = [r[f"{k}_ref_id"] for k in KINDS for r in prompt.videos if r[f"{k}_memorised"] and r[f"{k}_ref_id"]]
    return tuple(dict.fromkeys([*prompt.sources[:1], *matched]))[:MOST_REFERENCES]


def _row(row: Mapping[str, Any], sheet: Sheet, shown: set[str]) -> dict[str, Any]:
    name = finding_id(row["model"], row["video_id"])
    return {
        "video": row,
        "top": sheet.video(row["model"], row["video_id"]),
        "finding": name if name in shown else None,
        "badge": _badge(row),
    }


def _badge(row: Mapping[str, Any]) -> Markup:
    kind = next((kind for kind in KINDS if row[f"{kind}_memorised"]), "none")
    return Markup('<span class="badge {}">{}</span>').format(kind, row["verdict"] or row["status"])
