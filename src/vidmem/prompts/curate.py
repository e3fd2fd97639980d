"""Prompt curation: captions that stand often in the corpus, some that stand once, and controls that don't.

A prompt's risk is how often its caption stands in the corpus, since duplication drives memorisation. Membership
is stable: ranks depend on the prompt alone, so a larger set only appends.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vidmem import tables
from vidmem.config.prompts import Prompts
from vidmem.text import normalise_text, prompt_id, stable_fraction
from vidmem.userfiles import TEXT_COLUMNS, read_user_table

Row = dict[str, Any]


def curate(
    corpus: Iterable[Mapping[str, Any]],
    heldout: Iterable[Mapping[str, Any]],
    imported: Iterable[str],
    settings: Prompts,
) -> list[Row]:
    """Prompt sets from manifest rows (`tables.MANIFEST`), in the order of risk.

    Sets: `video-duplicated` (captions of more than one item, most frequent first), `random-train` (captions of one
    item, at random), `control` (captions of held-out clips that no corpus item bears), `imported`. A prompt that an
    earlier set holds is not repeated.
    """
    known = _captions(corpus)
    duplicated = [row for row in known.values() if row["duplicates"] > 1]
    duplicated.sort(key=lambda r: (-r["duplicates"], -r["content_duplicates"], r["prompt_id"]))
    single = [row for row in known.values() if row["duplicates"] == 1]
    controls = [row for key, row in _captions(heldout).items() if key not in known]
    for row in controls:
        row.update(duplicates=0, content_duplicates=0, source_ids=[])
    for rows in (single, controls):
        rows.sort(key=lambda r: stable_fraction(settings.seed, r["prompt_id"]))
    sets = {
        "video-duplicated": duplicated[: settings.video_duplicated],
        "random-train": single[: settings.random_train],
        "control": controls[: settings.control],
        "imported": [known.get(prompt_id(text)) or _row(text) for text in imported],
    }
    return _without_repeats(sets)


def _captions(items: Iterable[Mapping[str, Any]]) -> dict[str, Row]:
    """One row a distinct caption of ok items, by prompt_id."""
    clips: dict[str, Counter[str]] = defaultdict(Counter)
    texts: dict[str, str] = {}
    for item in items:
        text = normalise_text(item["caption"] or "")
        if item["status"] == tables.OK and text:
            key = prompt_id(text)
            texts.setdefault(key, text)
            clips[key][item["same_as"]] += 1
    return {key: _row(texts[key], clips[key]) for key in texts}


def _row(text: str, clips: Mapping[str, int] | None = None) -> Row:
    counts = clips or {}
    return {
        "prompt_id": prompt_id(text),
        "text": normalise_text(text),
        "duplicates": sum(counts.values()),
        "content_duplicates": max(counts.values(), default=0),
        "source_ids": sorted(counts),
    }


def _without_repeats(sets: Mapping[str, list[Row]]) -> list[Row]:
    seen: set[str] = set()
    rows = []
    for name, members in sets.items():
        for row in members:
            if row["prompt_id"] not in seen:
                seen.add(row["prompt_id"])
                rows.append({**row, "set": name})
    return rows


def read_imported(path: str | Path) -> list[str]:
    """Prompts of a user's table: the column `prompt`, `caption` or `text`. Empty texts are errors with their line."""
    rows = read_user_table(Path(path))
    if not rows:
        raise ValueError(f"{path}: the prompt table has no rows")
    column = next((c for c in TEXT_COLUMNS if c in rows[0]), None)
    if column is None:
        raise ValueError(f"{path}: no column named {', '.join(TEXT_COLUMNS)}; it has {', '.join(rows[0])}")
    texts = [normalise_text(row[column] or "") for row in rows]
    if "" in texts:
        raise ValueError(f"{path}: row {texts.index('') + 1} has an empty {column}")
    return texts


def write_prompts(
    corpus: Path, heldout: Path | None, settings: Mapping[str, Any], out: Path, chunks: Mapping[str, Path]
) -> None:
    """Curate from manifest tables and write the whole table and one table a chunk.

    `settings` is the dump of the config section plus `chunk_size` and `required` (a model needs prompts). `chunks`
    maps chunk names `<set>-<number>` to the paths of their tables; a chunk beyond the set's end has no rows.
    """
    section = Prompts.model_validate({k: settings[k] for k in Prompts.model_fields})
    rows = curate(
        tables.read_table(corpus).iter_rows(named=True),
        tables.read_table(heldout).iter_rows(named=True) if heldout else [],
        read_imported(section.imported) if section.imported else [],
        section,
    )
    if not rows and settings["required"]:
        raise ValueError(
            "stage prompts: no prompts. The corpus has no captions and no prompts are imported: "
            "give a captions table (corpus.captions) or your own list (prompts.imported)."
        )
    made_by = {"settings": dict(settings)}
    tables.write_table(out, rows, tables.PROMPTS, made_by)
    size = int(settings["chunk_size"])
    for name, path in chunks.items():
        which, number = name.rsplit("-", 1)
        members = [row for row in rows if row["set"] == which]
        start = int(number) * size
        tables.write_table(path, members[start : start + size], tables.PROMPTS, made_by)
