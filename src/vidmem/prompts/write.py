"""The stage's output: the whole table of prompts, and one table a chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidmem import __version__, tables
from vidmem.config.prompts import Prompts
from vidmem.prompts.curate import Curated, curate
from vidmem.userfiles import sha256_of


def write_prompts(
    corpus: Path,
    heldout: Path | None,
    settings: Mapping[str, Any],
    out: Path,
    chunks: Mapping[str, Path],
    duplicates: Path | None = None,
) -> None:
    """Curate from manifest tables and write the whole table and one table a chunk.

    `settings` is the dump of the config section plus `chunk_size` and `required` (a model needs prompts). `chunks`
    maps chunk names `<set>-<number>` to the paths of their tables; a chunk beyond the set's end has no rows.
    """
    section = Prompts.model_validate({k: settings[k] for k in Prompts.model_fields})
    curated = curate(corpus, duplicates, heldout, section)
    rows = curated.rows
    _log(curated, section)
    if not rows and settings["required"]:
        raise ValueError(
            "stage prompts: no prompts. If the corpus has no captions, give a captions table (corpus.captions) or your "
            "own list (prompts.imported); if it has, none of them fits the sets that are asked for (prompts.*)."
        )
    read = {"corpus": corpus, "duplicates": duplicates, "heldout": heldout}
    made_by = {
        "settings": dict(settings),
        "vidmem": __version__,
        "inputs": {name: sha256_of(path) for name, path in read.items() if path},
        "left_out": curated.left_out,
        "controls": curated.controls,
    }
    tables.write_table(out, rows, tables.PROMPTS, made_by)
    size = int(settings["chunk_size"])
    for name, path in chunks.items():
        which, number = name.rsplit("-", 1)
        members = [row for row in rows if row["set"] == which]
        start = int(number) * size
        tables.write_table(path, members[start : start + size], tables.PROMPTS, made_by)


def _log(curated: Curated, settings: Prompts) -> None:
    """Say how large each set became, and what is in none."""
    counts = Counter(row["set"] for row in curated.rows)
    for name, size in settings.sizes.items():
        if size:
            why = "" if counts[name] else ": the corpus gives none; its chunks are empty"
            print(f"{name}: {counts[name]} prompts of {size} asked for{why}")
    if settings.control:
        print(f"controls were checked by {curated.controls}")
    if settings.imported:
        print(f"imported: {counts['imported']} prompts that no other set holds")
    for reason, count in curated.left_out.items():
        print(f"left out: {count} items, {reason}")
