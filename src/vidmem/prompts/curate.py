"""Prompt curation: captions that stand often in the corpus, some that stand once, and controls that don't.

A prompt's set and rank follow from what stands beside its caption in the corpus (`risk`), never from the sizes of sets:
a larger set only appends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from vidmem.config.prompts import Prompts
from vidmem.promptlist import read_prompt_list
from vidmem.prompts.controls.choose import first_fit, matched_fit, read_list
from vidmem.prompts.evidence import caption_words, control_words
from vidmem.prompts.items import Items, id_of, key_of, read_items, told_of
from vidmem.prompts.meaning import Meanings
from vidmem.prompts.near import overlaps
from vidmem.prompts.ranks import MATCHED, rank
from vidmem.prompts.risk import by_caption
from vidmem.rewording import reword
from vidmem.text import normalise_text, prompt_id, stable_fraction

Row = dict[str, Any]
REWORDED = ("video-duplicated", "image-duplicated", "motion-duplicated")
TRIED = 4  # times as many rewordings as wanted are asked for, since some are captions of the corpus


@dataclass(frozen=True)
class Curated:
    """Rows under `tables.PROMPTS`, in the order of sets and risk.

    `left_out` counts items that no prompt was made from, by reason; `controls` says how controls were checked.
    """

    rows: list[Row]
    left_out: dict[str, int]
    controls: str


def curate(corpus: Path, duplicates: Path | None, heldout: Path | None, settings: Prompts) -> Curated:
    """Prompt sets from manifests (`tables.MANIFEST`) and the corpus' duplicates (`tables.DUPLICATES`).

    A prompt that an earlier set holds is not repeated: first the sets from the corpus, then controls, imported prompts
    and rewordings.
    """
    items = read_items(corpus, duplicates, settings.evidence, settings.max_characters)
    captions = by_caption(items.frame, settings.evidence)
    ranks = rank(captions, settings)
    imported = read_prompt_list(Path(settings.imported).expanduser()) if settings.imported else []
    texts = _Texts(corpus, items)
    sizes = settings.sizes
    sets = {name: texts.rows(ranked.head(sizes[name])) for name, ranked in ranks.items()}
    like = texts.of(_targets(ranks)) or imported
    asked = captions if len(captions) <= settings.control_cosine_limit else captions.clear()
    meanings = Meanings(texts.of(asked))
    sets["control"] = _controls(corpus, heldout, items, like, meanings, settings)
    sets["imported"] = _imported(imported, texts, captions, Path(settings.imported or "").name)
    sets["paraphrase"] = _paraphrases(sets, items, settings)
    return Curated(_without_repeats(sets), items.left_out, _checked(len(captions), settings))


def _checked(captions: int, settings: Prompts) -> str:
    words, limit = f"words in common under {settings.control_overlap:g}", settings.control_cosine_limit
    if captions <= limit:
        return f"{words}; cosine of sentence vectors under {settings.control_cosine:g} (controls of the list)"
    return f"{words}; sentence vectors not looked at: {captions} captions, control_cosine_limit is {limit}"


@dataclass(frozen=True)
class _Texts:
    """Captions' texts and clips, which are read from the manifest for those that are chosen."""

    manifest: Path
    items: Items

    def of(self, captions: pl.DataFrame) -> list[str]:
        """Texts of some captions (columns key, row), in their order."""
        if captions.is_empty():
            return []
        told = told_of(self.manifest, captions.select("row", "key"))
        texts = dict(zip(told["key"], told["caption"], strict=True))
        return [normalise_text(texts[key]) for key in captions["key"]]

    def rows(self, captions: pl.DataFrame) -> list[Row]:
        """Rows under `tables.PROMPTS`, without their set."""
        if captions.is_empty():
            return []
        clips = (
            self.items.frame.lazy().filter(pl.col("key").is_in(captions["key"].implode())).select("row", "key", "file")
        )
        told = told_of(
            self.manifest, clips.unique(["key", "file"], keep="first", maintain_order=True).drop("file").collect()
        )
        grouped = told.group_by("key", maintain_order=True).agg(
            pl.col("caption").first(), pl.col("same_as").unique().sort(), pl.col("corpus").unique().drop_nulls().sort()
        )
        found = captions.join(grouped, on="key", how="left", maintain_order="left")
        return [_row(row) for row in found.iter_rows(named=True)]


NUMBERS = ("duplicates", "content_duplicates", "near_captions", "same_video", "same_motion")


def _row(row: Row) -> Row:
    text = normalise_text(row["caption"])
    return {
        "prompt_id": id_of(row["key"]),
        "text": text,
        "source_ids": row["same_as"],
        "corpus": ", ".join(row["corpus"]) or None,
        "risk": row["motion_risk"] if row["standing"] == "motion" else row["risk"],
        **{name: row[name] for name in NUMBERS},
        "evidence": caption_words(row),
    }


def _stranger(text: str, **known: Any) -> Row:
    """A prompt that is no caption of the corpus."""
    none = {"duplicates": 0, "content_duplicates": 0, "source_ids": []}
    return {"prompt_id": prompt_id(text), "text": text, **none, **known}


def _targets(ranks: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Captions that controls are matched to, risky and random ones in turn."""
    parts = [ranks[name].head(MATCHED).select("key", "row") for name in ("video-duplicated", "random-train")]
    placed = [part.with_row_index("place").with_columns(part=pl.lit(n)) for n, part in enumerate(parts)]
    return pl.concat(placed).sort("place", "part").select("key", "row")


def _controls(
    corpus: Path, heldout: Path | None, items: Items, like: Sequence[str], meanings: Meanings, settings: Prompts
) -> list[Row]:
    """Held-out captions in the order of a hash, then the listed ones that match.

    What a listed one says must be new too. Held-out clips are said not to be in the corpus, and are like it by right.
    """
    least = settings.control_overlap

    def refuse(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        known = items.known(map(key_of, texts))
        return np.array([key_of(text) in known for text in texts], bool) | (overlaps(texts, corpus, least) >= least)

    def refuse_listed(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        no = refuse(texts)
        left = [text for text, refused in zip(texts, no, strict=True) if not refused]
        no[~no] = meanings.nearest(left) >= settings.control_cosine
        return no

    def order(text: str) -> float:
        return stable_fraction(settings.seed, prompt_id(text))

    held = first_fit(sorted(_heldout(heldout, settings), key=order), refuse, settings.control)
    version, missing = settings.control_list, settings.control - len(held)
    listed: list[str] = []
    if version and missing and like:  # without prompts to be held against, there is nothing to control
        texts = sorted(set(read_list(version)) - set(held), key=order)
        listed = matched_fit(texts, like, refuse_listed, missing)
    found = [*((text, "heldout") for text in held), *((text, str(version)) for text in listed)]
    return [_stranger(text, origin=origin, evidence=control_words(origin, least)) for text, origin in found]


def _heldout(manifest: Path | None, settings: Prompts) -> list[str]:
    """Distinct captions of held-out clips."""
    if manifest is None or not settings.control:
        return []
    items = read_items(manifest, None, ["caption"], settings.max_characters)
    first = items.frame.unique("key", keep="first", maintain_order=True).select("row", "key")
    return [normalise_text(text) for text in told_of(manifest, first)["caption"]]


def _imported(texts: Sequence[str], corpus: _Texts, captions: pl.DataFrame, name: str) -> list[Row]:
    keys = pl.Series("key", [key_of(text) for text in texts], dtype=pl.UInt64)
    found = {row["prompt_id"]: row for row in corpus.rows(captions.filter(pl.col("key").is_in(keys.implode())))}
    rows = []
    for text in texts:
        row = found.get(prompt_id(text)) or _stranger(text, evidence="not a caption of the corpus")
        rows.append({**row, "origin": name, "evidence": f"imported; {row['evidence']}"})
    return rows


def _paraphrases(sets: Mapping[str, list[Row]], items: Items, settings: Prompts) -> list[Row]:
    """Rewordings of the riskiest prompts, none of them a caption. They count as of the clips of what they reword."""
    asked = [(name, row) for name in REWORDED for row in sets[name]]
    found: list[Row] = []
    while asked and len(found) < settings.paraphrase:
        block, asked = asked[: settings.paraphrase], asked[settings.paraphrase :]
        forms = [reword(row["text"], settings.seed, TRIED * settings.rewordings) for _, row in block]
        known = items.known(key_of(text) for texts in forms for text in texts)
        for (name, row), texts in zip(block, forms, strict=True):
            new = [text for text in texts if key_of(text) not in known][: settings.rewordings]
            words = f"rewording of {row['prompt_id']} ({name}): {row['evidence']}"
            told = {"source_ids": row["source_ids"], "corpus": row["corpus"], "origin": row["prompt_id"]}
            found += [_stranger(text, evidence=words, **told) for text in new]
    return found[: settings.paraphrase]


def _without_repeats(sets: Mapping[str, Iterable[Row]]) -> list[Row]:
    seen: set[str] = set()
    rows = []
    for name, members in sets.items():
        for row in members:
            if row["prompt_id"] not in seen:
                seen.add(row["prompt_id"])
                rows.append({**row, "set": name})
    return rows
