"""Builds the pipelines of known truth from the made corpus: which clips a model learns, or which an oracle knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vidmem import text
from vidmem.generate.known.clips import Row, Side, format_of, read_clips, read_prompts, read_truth

Chosen = dict[str, list[str]]  # prompt_id -> ids of the clips that the oracle knows under it


def build_known(
    kind: str,
    model_name: str,
    settings: Mapping[str, Any],
    prompts: str | Path,
    manifests: Mapping[str, str | Path],
    media_roots: Mapping[str, str | Path],
    truth_csv: str | Path,
    out_dir: str | Path,
    threads: int = 2,
    seed: int = 0,
) -> None:
    """Write the pipeline folder of a `planted` or `oracle` model.

    `settings` is the model's config section; `manifests` and `media_roots` are by side (corpus, unrelated, motion).
    Raises `ValueError` for another kind and for an oracle that would know no clip.
    """
    torch.set_num_threads(threads)
    if kind == "planted":
        side = Side.read(manifests["corpus"], media_roots["corpus"])
        _build_planted(model_name, settings, side, out_dir, seed, threads)
    elif kind == "oracle":
        side_name = str(settings["support"])
        side = Side.read(manifests[side_name], media_roots[side_name])
        rows = read_prompts(prompts, settings["prompt_sets"])
        _build_oracle(model_name, settings, rows, side, choose(side_name, rows, side, truth_csv), out_dir)
    else:
        raise ValueError(f"kind {kind!r} is not one of planted, oracle")


def _build_planted(
    model_name: str, settings: Mapping[str, Any], side: Side, out_dir: str | Path, seed: int, threads: int
) -> None:
    """A clip is trained under each of its captions as often as the manifest lists the two together, or once."""
    from vidmem.generate.known.planted import train_planted

    if settings.get("clips") is None:
        counts = Counter((row["same_as"] or row["item_id"], row["caption"] or "") for row in side.rows)
    else:
        counts = Counter(dict.fromkeys(some_clips(model_name, side, int(settings["clips"])), 1))
    ids, captions = zip(*counts, strict=True)
    clips = read_clips(side, ids, format_of(settings))
    train_planted(clips, captions, list(counts.values()), settings, out_dir, seed=seed, threads=threads)


def some_clips(model_name: str, side: Side, number: int) -> list[tuple[str, str]]:
    """Ids and first captions of `number` distinct clips of a side, drawn by their ids: fewer are among more."""
    distinct = side.distinct()
    if number > len(distinct):
        raise ValueError(f"model {model_name}: {number} clips are asked for, and the corpus has {len(distinct)}")
    drawn = sorted(distinct, key=lambda item: (text.stable_fraction("clips", item), item))
    return [(item, distinct[item]["caption"] or "") for item in drawn[:number]]


def _build_oracle(
    model_name: str, settings: Mapping[str, Any], prompts: list[Row], side: Side, chosen: Chosen, out_dir: str | Path
) -> None:
    from vidmem.generate.known.oracle import build_oracle

    known = sorted({i for ids in chosen.values() for i in ids})
    if prompts and not known:
        raise ValueError(f"model {model_name}: none of its prompts has a clip in the support {settings['support']!r}")
    place = {item: number for number, item in enumerate(known)}
    support = [
        (p["prompt_id"], p["text"], [place[i] for i in chosen[p["prompt_id"]]])
        for p in prompts
        if chosen.get(p["prompt_id"])
    ]
    build_oracle(support, read_clips(side, known, format_of(settings)), settings, out_dir)


def choose(support: str, prompts: list[Row], side: Side, truth_csv: str | Path) -> Chosen:
    """Which clips of `side` an oracle knows under each prompt.

    corpus: the prompt's own clips (a prompt without any gets none). unrelated: one that the
    corpus lacks, drawn by the prompt's id. motion: clips with the object motion of the prompt's own clip, else one
    drawn by the prompt's id. Draws depend on the prompt and the clips alone.
    """
    distinct = side.distinct()
    if support == "corpus":
        return {p["prompt_id"]: [i for i in p["source_ids"] or [] if i in distinct] for p in prompts}
    if support == "unrelated":
        return {p["prompt_id"]: [_draw(p, distinct, support)] for p in prompts}
    if support == "motion":
        truth = read_truth(truth_csv)
        return {p["prompt_id"]: _same_motion(p, distinct, truth) or [_draw(p, distinct, support)] for p in prompts}
    raise ValueError(f"support {support!r} is not one of corpus, unrelated, motion")


def _draw(prompt: Row, distinct: Mapping[str, Row], support: str) -> str:
    ids = sorted(distinct)
    return ids[int(text.stable_fraction(support, prompt["prompt_id"]) * len(ids))]


def _same_motion(prompt: Row, distinct: Mapping[str, Row], truth: Mapping[str, Row]) -> list[str]:
    """Clips of the motion side whose object moves as in one of the prompt's own clips."""
    own = [truth[i] for i in prompt["source_ids"] or [] if i in truth]
    motions = {row["motion"] for row in own if row["motion"] and row["natural_motion"] is False}
    return sorted(i for i in distinct if i in truth and truth[i]["motion"] in motions)
