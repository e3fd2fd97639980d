"""The card of an exported set of prompts: what, from what, how, how many, under which terms, and hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidmem.promptlist import ESCAPE, FORMULA_STARTS

SETS = {
    "video-duplicated": "captions that stand more than once in the corpus, or whose clips do; riskiest first",
    "image-duplicated": "the same, of captions most of whose items are images",
    "motion-duplicated": "captions that stand once, as does what their clips show, but not how it moves",
    "random-train": "captions that stand once by all the evidence looked at, in the order of a hash",
    "control": "prompts that are not in the corpus, nor nearly",
    "imported": "a user's own list",
    "paraphrase": "rewordings, by rules, of the riskiest prompts; no caption of the corpus",
}
COLUMNS = {
    "prompt_id": "hash of the normalised text (SHA-256, the first 16 hex digits)",
    "text": "the prompt",
    "set": "the set that it is in; a prompt is in one set only",
    "duplicates": "corpus items that bear this caption",
    "content_duplicates": "most items among them that are the same file",
    "source_ids": "ids of the distinct clips under this caption (of a rewording: of what it rewords), a JSON list",
    "corpus": "name of the corpus of its clips, where several were joined",
    "risk": "what its set is ranked by, in doublings of copies; empty where it isn't ranked",
    "near_captions": "items with the same or nearly the same caption; empty: not looked for",
    "same_video": "most items that show the same as one of its clips; empty: not looked for",
    "same_motion": "most items that move the same as one of its clips and show something else; empty: not looked for",
    "origin": "rewordings: prompt_id that is reworded; controls: the list, or heldout; imported: the file",
    "evidence": "why it is in its set, in words",
}


@dataclass(frozen=True)
class Facts:
    """What the card tells of one export. `made_by` is the table's; `files` maps names to SHA-256."""

    counts: Mapping[str, int]
    made_by: Mapping[str, Any]
    files: Mapping[str, str]
    escaped: int
    controls: Sequence[str]


def card(facts: Facts) -> str:
    """The card as Markdown, with the header that hubs of data sets read."""
    total = sum(facts.counts.values())
    parts = [
        "---\nlicense: other\nlicense_name: that-of-the-corpus\nconfigs:\n- config_name: default\n"
        "  data_files: prompts.parquet\n---\n",
        "# Prompts for an audit of memorised training data\n",
        f"{total} prompts that were derived from a reference corpus to test whether a video model reproduces it. They "
        "are texts alone: there is no video, image or frame here.\n",
        _counted(facts.counts),
        _from_what(facts),
        _how(facts),
        "## Columns\n\n" + _table(("column", "meaning"), [(f"`{k}`", v) for k, v in COLUMNS.items()]),
        _terms(facts),
        _files(facts),
    ]
    return "\n".join(parts)


def _counted(counts: Mapping[str, int]) -> str:
    return "## Sets\n\n" + _table(("set", "prompts", "what"), [(f"`{k}`", n, SETS[k]) for k, n in counts.items()])


def _from_what(facts: Facts) -> str:
    settings = facts.made_by.get("settings", {})
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    names = {
        "corpus": "manifest of the corpus",
        "duplicates": "table of its duplicates",
        "heldout": "held-out manifest",
    }
    rows = [(names[k], f"`{h}`") for k, h in facts.made_by.get("inputs", {}).items()]
    rows.append(("settings below", f"`{hashlib.sha256(text.encode()).hexdigest()}`"))
    left = [f"- {count} items: {reason}" for reason, count in facts.made_by.get("left_out", {}).items()]
    lost = "\nNo prompt was made from\n\n" + "\n".join(left) + "\n" if left else ""
    return f"## From what\n\n{_table(('input', 'SHA-256'), rows)}{lost}"


def _how(facts: Facts) -> str:
    settings, controls = facts.made_by.get("settings", {}), facts.made_by.get("controls", "nothing")
    return (
        f"## How\n\nEvidence: {', '.join(settings.get('evidence', []))}. Controls were checked by {controls}. Sets, "
        "risk and checks are defined in vidmem's docs/prompts.md. Settings:\n\n```json\n"
        + json.dumps(settings, indent=1, sort_keys=True)
        + "\n```\n"
    )


def _terms(facts: Facts) -> str:
    listed = [name for name in facts.controls if name != "heldout"]
    own = f" Controls of the list {', '.join(listed)} are vidmem's own, under its MIT licence." if listed else ""
    return (
        "## Licence\n\nCaptions belong to the corpus that they are from, and its terms hold for them: read them before "
        f"you publish this.{own} Captions may name people; nobody has looked for that.\n"
    )


def _files(facts: Facts) -> str:
    starts = " ".join(f"`{start}`" for start in FORMULA_STARTS)
    hashes = _table(("file", "SHA-256"), [(name, f"`{digest}`") for name, digest in facts.files.items()])
    return (
        f"## Files\n\nEach file holds all rows.\n\n{hashes}\nIn prompts.csv a cell that begins with {starts} has a "
        f"`{ESCAPE}` before it, for a spreadsheet would run it as a formula: {facts.escaped} cells. The other files "
        "have the texts as they are, and `prompts.imported` reads all three alike.\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
