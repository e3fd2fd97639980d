"""What a remedy did: each video against the unmitigated one of the same prompt and seed, measure by measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmem import stats, tables
from vidmem.mitigate.corpus import Vectors, mean_vectors, read_captions, read_contents, sources_of
from vidmem.mitigate.fidelity import ContentFidelity, TextFidelity, TooFewCaptions
from vidmem.mitigate.measures import FIDELITY, MEASURES, OF_GROUPS, OF_PROMPTS, Side, diversity, read_side
from vidmem.progress import progress

Row = dict[str, Any]
GROUPS = ("flagged", "unflagged")
MISSING = {
    "content_fidelity": "what a clip shows is known of the made corpus alone, and of contents with several clips",
    "sharpness": "no video of a pair could be read on both sides",
    "consistency": "no pair of videos has several frames on both sides",
    "dynamics": "no pair of videos has optical flow on both sides",
    "diversity": "no prompt has two seeds or more that show something on both sides",
    "frechet": "fewer than two videos of a side, or clips of the corpus, show something",
    "denoiser_calls": "calls were not counted",
}


@dataclass(frozen=True)
class Pair:
    """One prompt and seed: the unmitigated video and the branch's, by video_id; None where it was not asked."""

    prompt: str
    before: str
    after: str | None


def write_comparison(
    *,
    files: Mapping[str, Any],
    settings: Mapping[str, Any],
    manifest: Path,
    corpus_frames: Sequence[Path],
    truth: Path | None,
    out: Path,
) -> None:
    """Write `tables.MITIGATE` of one model and its branches.

    `files` is `Plan.mitigate_files` of the model: the tables of the base and of each branch. `settings`: `branches`
    (branch, remedy, kind, strength), `bootstrap` (draws) and `limits`. `truth` says what clips of a made corpus show.
    """
    asked = tables.read_table(files["prompts"]).to_dicts()
    corpus = mean_vectors(progress(corpus_frames, len(corpus_frames), "frames of the corpus"))
    judges, reasons = _judges(asked, manifest, corpus, truth)
    base = read_side(files["base"], {row["base_video_id"] for row in asked}, settings["limits"], "the unmitigated")
    _add_fidelity(base, judges, {row["base_video_id"]: row["prompt_id"] for row in asked})
    rows: list[Row] = []
    for branch in settings["branches"]:
        side = read_side(files["branches"][branch["branch"]], None, settings["limits"], branch["branch"])
        _add_fidelity(side, judges, {video: prompt for (prompt, _), video in side.answers.items()})
        for group in GROUPS:
            pairs = [
                Pair(r["prompt_id"], r["base_video_id"], side.answers.get((r["prompt_id"], r["seed"])))
                for r in asked
                if r["group"] == group
            ]
            found = _measure(pairs, base, side, corpus, int(settings["bootstrap"]), reasons)
            rows += [{**branch, "group": group, **row} for row in found]
    tables.write_table(out, rows, tables.MITIGATE, {"settings": dict(settings)})


Judge = Callable[[Vectors], float | None]


def _judges(
    asked: Sequence[Row], manifest: Path, corpus: Mapping[str, Vectors], truth: Path | None
) -> tuple[dict[str, dict[str, Judge]], dict[str, str]]:
    """By measure of fidelity and prompt what scores a video; and why a measure can't be taken."""
    sources = sources_of(asked)
    content = ContentFidelity(corpus, read_contents(truth))
    found: dict[str, dict[str, Judge]] = {name: {} for name in FIDELITY}
    for prompt, clips in sources.items():
        if content.content_of(clips) is not None:
            found["content_fidelity"][prompt] = _of_content(content, clips)
    reasons = dict(MISSING)
    try:
        from vidmem.sentences import embed_texts  # heavy, and of no use without captions

        words = TextFidelity(read_captions(manifest), corpus, lambda texts: embed_texts(texts).numpy())
    except TooFewCaptions as error:
        return found, {**reasons, "text_fidelity": str(error)}
    texts = _own_texts(asked)
    found["text_fidelity"] = {p: words.of_prompt(p, texts[p], clips) for p, clips in sources.items()}
    return found, reasons


def _of_content(content: ContentFidelity, clips: frozenset[str]) -> Judge:
    return lambda video: content.score(video, clips)


def _own_texts(asked: Sequence[Row]) -> dict[str, str]:
    return {row["prompt_id"]: row["text"] for row in asked}


def _add_fidelity(side: Side, judges: Mapping[str, Mapping[str, Judge]], prompts: Mapping[str, str]) -> None:
    """Fidelity into the values of a side: 0 for a video that shows nothing, None where a measure can't be taken."""
    for video, values in side.values.items():
        for name, by_prompt in judges.items():
            judge = by_prompt.get(prompts[video])
            seen = side.vectors.get(video)
            values[name] = None if judge is None else 0.0 if seen is None else judge(seen)


def _measure(
    pairs: Sequence[Pair],
    base: Side,
    side: Side,
    corpus: Mapping[str, Vectors],
    draws: int,
    reasons: Mapping[str, str],
) -> list[Row]:
    """A row a measure, of one branch and group."""
    asked = [pair for pair in pairs if pair.after is not None and pair.after in side.values]
    if not asked:
        reason = "no prompt of this group could be asked again" if pairs else "the model has no prompt of this group"
        return [{"measure": name, "prompts": 0, "videos": 0, **_skipped(reason)} for name in MEASURES]
    return [{"measure": name, **_row(name, asked, base, side, corpus, draws, reasons)} for name in MEASURES]


def _row(
    name: str,
    pairs: Sequence[Pair],
    base: Side,
    side: Side,
    corpus: Mapping[str, Vectors],
    draws: int,
    reasons: Mapping[str, str],
) -> Row:
    if name in OF_GROUPS:
        row = _frechet(pairs, base, side, corpus)
    else:
        prompts, before, after = (
            _by_prompt(pairs, base, side) if name in OF_PROMPTS else _values(name, pairs, base, side)
        )
        row = paired(prompts, before, after, draws)
    if row["before"] is None:
        return {**row, **_skipped(reasons.get(name, "it could be taken of no pair of videos"))}
    lost = sum(not side.values[str(pair.after)]["usable"] for pair in pairs)
    reason = f"{lost} of {len(pairs)} videos show nothing: {side.reasons[0]}" if lost and side.reasons else None
    return {**row, "status": tables.OK, "reason": reason}


def _skipped(reason: str) -> Row:
    return {"status": tables.SKIPPED, "reason": reason}


def _values(name: str, pairs: Sequence[Pair], base: Side, side: Side) -> tuple[list[str], list[float], list[float]]:
    """Prompts, and the measure on both sides, of the pairs that have it on both."""
    found = [(p.prompt, base.values[p.before][name], side.values[str(p.after)][name]) for p in pairs]
    kept = [(prompt, b, a) for prompt, b, a in found if b is not None and a is not None]
    return [k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept]


def _by_prompt(pairs: Sequence[Pair], base: Side, side: Side) -> tuple[list[str], list[float], list[float]]:
    """The same for diversity, which prompts have and single videos don't."""
    found = []
    for prompt in dict.fromkeys(pair.prompt for pair in pairs):
        mine = [p for p in pairs if p.prompt == prompt and p.before in base.vectors and p.after in side.vectors]
        before = diversity([base.vectors[p.before] for p in mine])
        after = diversity([side.vectors[str(p.after)] for p in mine])
        if before is not None and after is not None:
            found.append((prompt, before, after))
    return [f[0] for f in found], [f[1] for f in found], [f[2] for f in found]


def _frechet(pairs: Sequence[Pair], base: Side, side: Side, corpus: Mapping[str, Vectors]) -> Row:
    """The Fréchet distance of both sides' mean vectors to those of the corpus' clips, over the same pairs."""
    shown = [p for p in pairs if p.before in base.vectors and p.after in side.vectors]
    real = np.array(list(corpus.values()))
    before, after = (
        stats.frechet_distance(np.array(rows), real) if shown else None
        for rows in ([base.vectors[p.before] for p in shown], [side.vectors[str(p.after)] for p in shown])
    )
    row: Row = {"prompts": len({p.prompt for p in shown}), "videos": len(shown), "before": before, "after": after}
    return {**row, "change": None if before is None or after is None else after - before}


def paired(prompts: Sequence[str], before: Sequence[float], after: Sequence[float], draws: int) -> Row:
    """Means of both sides and of the pairs' differences, with 95 % bootstrap intervals over prompts; else None."""
    names = np.array(prompts, object)
    b, a = np.array(before, np.float64), np.array(after, np.float64)
    row: Row = {"prompts": len(set(prompts)), "videos": len(b)}
    flags = bool(np.isin([b, a], (0.0, 1.0)).all())
    intervals = (
        ("before", b, stats.bootstrap_ci(b, names, draws=draws)),
        ("after", a, stats.bootstrap_ci(a, names, draws=draws)),
        ("change", a - b, _change_interval(a - b, names, draws, flags)),
    )
    for name, values, interval in intervals:
        low, high = interval or (None, None)
        row |= {name: float(values.mean()) if len(values) else None, f"{name}_low": low, f"{name}_high": high}
    return row


def _change_interval(
    changes: npt.NDArray[np.float64], groups: npt.NDArray[Any], draws: int, flags: bool
) -> tuple[float, float] | None:
    """`stats.bootstrap_ci`. Where all changes are equal resampling has no width: then flags (0 or 1 on both sides) have
    the exact bound over prompts, in both directions, and other measures have none."""
    if not flags or not len(changes) or np.any(changes != changes[0]):
        return stats.bootstrap_ci(changes, groups, draws=draws)
    free = 1 - 0.025 ** (1 / len(set(groups)))  # Clopper-Pearson: a share that was seen in none of the prompts
    return float(max(changes[0] - free, -1.0)), float(min(changes[0] + free, 1.0))
